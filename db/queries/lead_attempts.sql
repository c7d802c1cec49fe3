-- How often a lead has been called since then.
SELECT COUNT(*) AS attempts FROM attempts
WHERE lead_id = ? AND started_at_ms >= ?
