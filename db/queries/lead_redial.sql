-- The operator has looked at a lead of disposition 'unknown' (or another
-- final one) and wants it dialled again.
UPDATE leads SET state = 'ready', next_at_ms = ?, wait_reason = NULL,
	forgiven = attempts, updated_at_ms = ?
WHERE id = ? AND state = 'done'
