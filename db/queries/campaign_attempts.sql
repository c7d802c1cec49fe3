-- How often a campaign has called since then.
SELECT COUNT(*) AS attempts FROM attempts
WHERE campaign = ? AND started_at_ms >= ?
