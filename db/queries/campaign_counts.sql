SELECT state, disposition, COUNT(*) AS leads
FROM leads WHERE campaign = ?
GROUP BY state, disposition ORDER BY state, disposition
