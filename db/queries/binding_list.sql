SELECT id, endpoint, contact, target, path, instance, reg_id, q, call_id, cseq,
	remote_addr, proxied, user_agent, registered_at_ms, refreshed_at_ms,
	expires_at_ms
FROM bindings ORDER BY refreshed_at_ms
