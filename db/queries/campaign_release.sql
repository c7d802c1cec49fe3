-- A run begins: what an earlier run of this engine had claimed and not dialled.
UPDATE leads SET state = CASE WHEN attempts = 0 AND next_at_ms = 0
		THEN 'new'
	WHEN next_at_ms > updated_at_ms THEN 'scheduled'
	ELSE 'ready' END,
	updated_at_ms = ?
WHERE campaign = ? AND state = 'claimed'
