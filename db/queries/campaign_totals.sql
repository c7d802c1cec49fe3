SELECT COUNT(*) AS leads,
	COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS dialled,
	COALESCE(SUM(CASE WHEN state = 'done' THEN 1 ELSE 0 END), 0) AS done,
	COALESCE(SUM(attempts), 0) AS attempts,
	COALESCE(SUM(merged), 0) AS merged,
	(SELECT COUNT(*) FROM cdrs
	 WHERE cdrs.campaign = ? AND cdrs.answered_at_ms IS NOT NULL)
		AS answered
FROM leads WHERE campaign = ?
