-- A claimed lead that won't be dialled now after all. One that an agent has asked
-- for before its time (lead_take) waits for that again.
UPDATE leads SET state = CASE WHEN attempts = 0 AND next_at_ms = 0
		THEN 'new'
	WHEN next_at_ms > updated_at_ms THEN 'scheduled'
	ELSE 'ready' END,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
