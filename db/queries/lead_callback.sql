-- Somebody asked to be called at a time: whatever had become of the lead, unless
-- it is being called now.
UPDATE leads SET state = 'scheduled', next_at_ms = ?, wait_reason = ?,
	agent = ?, forgiven = attempts, updated_at_ms = ?
WHERE id = ? AND state IN ('new', 'ready', 'scheduled', 'done')
RETURNING id
