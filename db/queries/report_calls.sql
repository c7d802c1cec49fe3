-- A campaign's calls, grouped by hour (since 1970, as text), trunk, caller_id,
-- list, agent or disposition, which the first two parameters say. `tried`: the
-- trunks before it (NAME:STATUS NAME:STATUS), for trunk only.
SELECT CASE ? WHEN 'hour' THEN CAST(cdrs.started_at_ms / 3600000 AS TEXT)
		WHEN 'trunk' THEN cdrs.trunk
		WHEN 'caller_id' THEN cdrs.from_user
		WHEN 'list' THEN leads.list
		WHEN 'agent' THEN cdrs.agent
		ELSE cdrs.disposition END AS key,
	CASE ? WHEN 'trunk' THEN cdrs.tried END AS tried,
	COUNT(*) AS calls,
	COUNT(COALESCE(ring_at_ms, answered_at_ms)) AS rang,
	SUM(CASE WHEN answered_at_ms IS NOT NULL THEN 1 ELSE 0 END) AS answered,
	SUM(CASE WHEN cdrs.disposition = 'busy' THEN 1 ELSE 0 END) AS busy,
	SUM(CASE WHEN cdrs.disposition = 'no_answer' THEN 1 ELSE 0 END)
		AS no_answer,
	SUM(CASE WHEN cdrs.disposition = 'congestion' THEN 1 ELSE 0 END)
		AS congestion,
	SUM(CASE WHEN cdrs.disposition = 'abandoned' THEN 1 ELSE 0 END)
		AS abandoned,
	COALESCE(SUM(talk_ms), 0) AS talk_ms,
	COALESCE(SUM(COALESCE(ring_at_ms, answered_at_ms) - started_at_ms), 0)
		AS pdd_sum_ms,
	SUM(CASE WHEN recording IS NOT NULL THEN 1 ELSE 0 END) AS recordings
FROM cdrs LEFT JOIN leads ON leads.id = cdrs.lead_id
WHERE cdrs.campaign = ? AND started_at_ms >= ? AND started_at_ms < ?
	AND ended_at_ms IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
