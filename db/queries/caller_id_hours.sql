-- Calls of campaigns that have shown this caller id, hour by hour.
SELECT started_at_ms / 3600000 AS hour, COUNT(*) AS calls
FROM cdrs
WHERE from_user = ? AND started_at_ms >= ? AND campaign IS NOT NULL
GROUP BY started_at_ms / 3600000
