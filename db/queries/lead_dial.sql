-- The lead is about to be dialled; no row means that it is not claimed, and
-- must not be. In one transaction before attempt_begin.
UPDATE leads SET state = 'ringing', attempts = attempts + 1,
	updated_at_ms = ?
WHERE id = ? AND state = 'claimed'
RETURNING id, attempts
