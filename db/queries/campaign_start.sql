UPDATE campaigns SET state = 'running', ended_at_ms = NULL,
	started_at_ms = COALESCE(started_at_ms, ?)
WHERE name = ?
