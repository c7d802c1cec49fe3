INSERT INTO reachability (id, kind, name, host, was, state, reason, rtt_ms, at_ms)
VALUES (new_id(), ?, ?, ?, ?, ?, ?, ?, ?)
