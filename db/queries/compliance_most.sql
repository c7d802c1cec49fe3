-- How often the number that was called most was called on one day of the clock
-- that is OFFSET milliseconds ahead of UTC.
SELECT MAX(calls) AS calls FROM (
	SELECT COUNT(*) AS calls FROM cdrs
	WHERE campaign = ? AND started_at_ms >= ? AND started_at_ms < ?
	GROUP BY to_user, (started_at_ms + ?) / 86400000) AS days
