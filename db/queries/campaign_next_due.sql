-- When the next retry comes due; null: none is scheduled.
SELECT MIN(next_at_ms) AS next_at_ms
FROM leads WHERE campaign = ? AND state = 'scheduled'
