UPDATE leads SET state = 'ready', attempts = attempts - 1, updated_at_ms = ?
WHERE campaign = ? AND state = 'dialing' AND NOT EXISTS (
	SELECT 1 FROM attempts
	WHERE attempts.lead_id = leads.id
		AND attempts.attempt = leads.attempts)
