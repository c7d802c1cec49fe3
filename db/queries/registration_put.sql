-- The state of an account has changed.
INSERT INTO registrations
	(id, account, at_ms, state, server, address, sip_code, reason, expires_ms)
VALUES (new_id(), ?, ?, ?, ?, ?, ?, ?, ?)
