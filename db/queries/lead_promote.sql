-- Leads that have come due, so many at most. In one transaction before
-- lead_claim.
UPDATE leads SET state = 'ready', wait_reason = NULL, updated_at_ms = ?
WHERE id IN (
	SELECT id FROM leads
	WHERE campaign = ? AND state = 'scheduled' AND next_at_ms <= ?
	ORDER BY next_at_ms LIMIT ?)
