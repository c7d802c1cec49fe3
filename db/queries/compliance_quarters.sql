-- By the quarter of an hour in which they began, and the time zones of the lead:
-- the offsets of all zones are whole quarters of an hour.
SELECT cdrs.started_at_ms / 900000 AS quarter, leads.zones AS zones,
	COUNT(*) AS calls, COUNT(cdrs.answered_at_ms) AS answered
FROM cdrs LEFT JOIN leads ON leads.id = cdrs.lead_id
WHERE cdrs.campaign = ? AND cdrs.started_at_ms >= ?
	AND cdrs.started_at_ms < ?
GROUP BY cdrs.started_at_ms / 900000, leads.zones
