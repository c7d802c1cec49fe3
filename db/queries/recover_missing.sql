-- An attempt that was begun and whose call record had not been committed:
-- its INVITE may have left, so that it gets a record.
INSERT INTO cdrs (id, direction, to_user, started_at_ms, disposition,
	hangup_by, hangup_cause, campaign, lead_id, attempt)
SELECT new_id(), 'out', COALESCE(attempts.phone, leads.phone), attempts.started_at_ms, 'interrupted',
	'engine', 'engine_died', attempts.campaign, attempts.lead_id,
	attempts.attempt
FROM attempts JOIN leads ON leads.id = attempts.lead_id
WHERE attempts.ended_at_ms IS NULL AND NOT EXISTS (
	SELECT 1 FROM cdrs
	WHERE cdrs.lead_id = attempts.lead_id
		AND cdrs.attempt = attempts.attempt)
