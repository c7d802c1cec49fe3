-- Leads that were due and found their agent absent, or called for another lead, are
-- due again, so many at most: the agent is ready. A callback whose time has not come
-- stays.
UPDATE leads SET next_at_ms = ?, updated_at_ms = ?
WHERE id IN (
	SELECT id FROM leads
	WHERE campaign = ? AND agent = ? AND state = 'scheduled'
		AND wait_reason LIKE 'its agent %'
	ORDER BY next_at_ms LIMIT ?)
