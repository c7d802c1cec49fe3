-- Leads that were not called, by what has stopped them for good.
SELECT disposition, wait_reason, COUNT(*) AS leads
FROM leads
WHERE campaign = ? AND state = 'done' AND attempts = 0
	AND updated_at_ms >= ? AND updated_at_ms < ?
GROUP BY disposition, wait_reason ORDER BY disposition, wait_reason
