-- Claimed, and no INVITE had left: back in the queue.
UPDATE leads SET state = CASE WHEN attempts = 0 AND next_at_ms = 0
		THEN 'new'
	WHEN next_at_ms > updated_at_ms THEN 'scheduled'
	ELSE 'ready' END,
	updated_at_ms = ?
WHERE campaign IN (SELECT name FROM campaigns) AND state = 'claimed'
