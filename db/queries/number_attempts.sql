-- How often a number has been called since then, by whichever campaign, and
-- when first.
SELECT COUNT(*) AS attempts, MIN(started_at_ms) AS first_at_ms
FROM attempts WHERE phone = ? AND started_at_ms >= ?
