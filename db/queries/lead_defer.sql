-- A claimed lead that must not be dialled before next_at_ms. One that an agent has
-- asked for before its time (lead_take) waits for that again.
UPDATE leads SET state = 'scheduled',
	next_at_ms = CASE WHEN next_at_ms > updated_at_ms THEN next_at_ms
		ELSE ? END,
	wait_reason = CASE WHEN next_at_ms > updated_at_ms THEN wait_reason
		ELSE ? END,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
