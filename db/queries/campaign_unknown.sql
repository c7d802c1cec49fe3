-- For the operator: what was going on with these when the engine died?
SELECT leads.id, leads.phone, leads.attempts, attempts.started_at_ms,
	attempts.cdr_id
FROM leads JOIN attempts
	ON attempts.lead_id = leads.id AND attempts.attempt = leads.attempts
WHERE leads.campaign = ? AND leads.state = 'done'
	AND leads.disposition = 'unknown'
ORDER BY attempts.started_at_ms, leads.id
