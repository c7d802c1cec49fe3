-- The lead's attempt is over: state 'scheduled' (again at next_at_ms) or
-- 'done'. In one transaction with attempt_finish. Said again when the lead has
-- gone on it changes nothing.
UPDATE leads SET state = ?, disposition = ?, next_at_ms = ?, wait_reason = ?,
	numbers = ?, agent = ?, updated_at_ms = ?
WHERE id = ? AND attempts = ? AND state IN ('ringing', 'talking')
