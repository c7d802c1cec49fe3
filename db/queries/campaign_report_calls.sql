-- Calls by how they ended.
SELECT disposition, COUNT(*) AS calls, COUNT(answered_at_ms) AS answered,
	COALESCE(SUM(talk_ms), 0) AS talk_ms
FROM cdrs WHERE campaign = ?
GROUP BY disposition ORDER BY calls DESC, disposition
