UPDATE leads SET state = CASE WHEN attempts = 1 AND next_at_ms = 0
		THEN 'new' ELSE 'ready' END,
	attempts = attempts - 1, updated_at_ms = ?
WHERE id = ? AND state IN ('ringing', 'talking')
