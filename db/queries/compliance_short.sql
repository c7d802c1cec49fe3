-- Calls that nobody has answered and that we have given up, and those of them
-- that had rung less than so many milliseconds.
SELECT COUNT(*) AS given_up,
	COALESCE(SUM(CASE
		WHEN ended_at_ms - COALESCE(ring_at_ms, started_at_ms) < ?
		THEN 1 ELSE 0 END), 0) AS short
FROM cdrs
WHERE campaign = ? AND started_at_ms >= ? AND started_at_ms < ?
	AND answered_at_ms IS NULL AND ended_at_ms IS NOT NULL
	AND hangup_by IN ('local', 'engine')
	AND (ring_at_ms IS NOT NULL
		OR hangup_cause IN ('no_answer', 'cancelled'))
