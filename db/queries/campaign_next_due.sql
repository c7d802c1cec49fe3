-- The scheduled lead that comes due next; no row: none is scheduled.
SELECT next_at_ms, wait_reason
FROM leads WHERE campaign = ? AND state = 'scheduled'
ORDER BY next_at_ms LIMIT 1
