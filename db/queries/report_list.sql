-- By the list that the lead came from; null: the call had no lead.
SELECT leads.list AS list,
	COUNT(*) AS calls,
	COUNT(COALESCE(ring_at_ms, answered_at_ms)) AS rang,
	SUM(CASE WHEN answered_at_ms IS NOT NULL THEN 1 ELSE 0 END) AS answered,
	SUM(CASE WHEN cdrs.disposition = 'busy' THEN 1 ELSE 0 END) AS busy,
	SUM(CASE WHEN cdrs.disposition = 'no_answer' THEN 1 ELSE 0 END) AS no_answer,
	SUM(CASE WHEN cdrs.disposition = 'congestion' THEN 1 ELSE 0 END)
		AS congestion,
	SUM(CASE WHEN cdrs.disposition = 'abandoned' THEN 1 ELSE 0 END) AS abandoned,
	COALESCE(SUM(talk_ms), 0) AS talk_ms,
	COALESCE(SUM(COALESCE(ring_at_ms, answered_at_ms) - started_at_ms), 0)
		AS pdd_sum_ms,
	SUM(CASE WHEN recording IS NOT NULL THEN 1 ELSE 0 END) AS recordings
FROM cdrs LEFT JOIN leads ON leads.id = cdrs.lead_id
WHERE cdrs.campaign = ? AND started_at_ms >= ? AND started_at_ms < ?
	AND ended_at_ms IS NOT NULL
GROUP BY leads.list ORDER BY leads.list
