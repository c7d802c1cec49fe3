-- A telephone has registered, or refreshed.
INSERT INTO bindings (id, endpoint, contact, target, path, instance, reg_id, q,
	call_id, cseq, remote_addr, proxied, user_agent, registered_at_ms,
	refreshed_at_ms, expires_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
	contact = excluded.contact, target = excluded.target,
	path = excluded.path, instance = excluded.instance,
	reg_id = excluded.reg_id, q = excluded.q, call_id = excluded.call_id,
	cseq = excluded.cseq, remote_addr = excluded.remote_addr,
	proxied = excluded.proxied, user_agent = excluded.user_agent,
	registered_at_ms = excluded.registered_at_ms,
	refreshed_at_ms = excluded.refreshed_at_ms,
	expires_at_ms = excluded.expires_at_ms
