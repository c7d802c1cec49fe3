SELECT number, parked_at_ms, parked_until_ms, reason, times
FROM caller_ids WHERE parked_until_ms > ? ORDER BY number
