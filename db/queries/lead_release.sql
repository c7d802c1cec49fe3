-- A claimed lead that won't be dialled now after all.
UPDATE leads SET state = CASE WHEN attempts = 0 AND next_at_ms = 0
		THEN 'new' ELSE 'ready' END,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
