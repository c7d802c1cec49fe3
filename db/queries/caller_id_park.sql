INSERT INTO caller_ids (number, parked_at_ms, parked_until_ms, reason, times)
VALUES (?, ?, ?, ?, 1)
ON CONFLICT (number) DO UPDATE SET parked_at_ms = excluded.parked_at_ms,
	parked_until_ms = excluded.parked_until_ms, reason = excluded.reason,
	times = caller_ids.times + 1
