UPDATE leads SET state = CASE WHEN attempts = 1 AND next_at_ms = 0
		THEN 'new'
	WHEN next_at_ms > updated_at_ms THEN 'scheduled'
	ELSE 'ready' END,
	attempts = attempts - 1, updated_at_ms = ?
WHERE campaign = ? AND state IN ('ringing', 'talking') AND NOT EXISTS (
	SELECT 1 FROM attempts
	WHERE attempts.lead_id = leads.id
		AND attempts.attempt = leads.attempts)
