-- Leads of the same zones that must not be dialled before next_at_ms, so many at
-- most.
UPDATE leads SET state = 'scheduled', next_at_ms = ?, wait_reason = ?,
	updated_at_ms = ?
WHERE id IN (
	SELECT id FROM leads
	WHERE campaign = ? AND zones = ? AND state IN ('new', 'ready')
	LIMIT ?)
