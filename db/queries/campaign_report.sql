-- Leads by how they ended (or, while they haven't, how they stand).
SELECT leads.state, leads.disposition, COUNT(*) AS leads,
	SUM(leads.attempts) AS attempts
FROM leads WHERE leads.campaign = ?
GROUP BY leads.state, leads.disposition
ORDER BY leads DESC, leads.state, leads.disposition
