-- By trunk, and what was tried before it (NAME:STATUS NAME:STATUS).
SELECT trunk, tried,
	COUNT(*) AS calls,
	COUNT(COALESCE(ring_at_ms, answered_at_ms)) AS rang,
	SUM(CASE WHEN answered_at_ms IS NOT NULL THEN 1 ELSE 0 END) AS answered,
	SUM(CASE WHEN disposition = 'busy' THEN 1 ELSE 0 END) AS busy,
	SUM(CASE WHEN disposition = 'no_answer' THEN 1 ELSE 0 END) AS no_answer,
	SUM(CASE WHEN disposition = 'congestion' THEN 1 ELSE 0 END)
		AS congestion,
	SUM(CASE WHEN disposition = 'abandoned' THEN 1 ELSE 0 END) AS abandoned,
	COALESCE(SUM(talk_ms), 0) AS talk_ms,
	COALESCE(SUM(COALESCE(ring_at_ms, answered_at_ms) - started_at_ms), 0)
		AS pdd_sum_ms,
	SUM(CASE WHEN recording IS NOT NULL THEN 1 ELSE 0 END) AS recordings
FROM cdrs
WHERE campaign = ? AND started_at_ms >= ? AND started_at_ms < ?
	AND ended_at_ms IS NOT NULL
GROUP BY trunk, tried ORDER BY trunk, tried
