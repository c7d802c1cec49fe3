-- A call begins. Queued before the INVITE is sent or answered.
INSERT INTO cdrs (id, direction, account, trunk, call_id, from_uri, from_user,
	display_name, to_uri, to_user, remote_addr, started_at_ms, script,
	campaign, lead_id, attempt, endpoint, disposition)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'in_progress')
