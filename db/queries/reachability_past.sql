SELECT host, was, state, reason, rtt_ms, at_ms FROM reachability
WHERE kind = ? AND name = ? AND at_ms > ? AND at_ms < ?
ORDER BY at_ms DESC, id DESC LIMIT 2000
