-- A registration has begun or ended, here or at a registrar of ours.
INSERT INTO registration_events (id, at_ms, kind, name, event, contact,
	remote_addr, user_agent, expires_ms, calls, sip_code, reason)
VALUES (new_id(), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
