-- Leads that were being dialled when the engine died: unknown, never dialled
-- again blindly. Those whose call had ended stay (campaign_unfinished). Who had
-- answered is told: that is what an operator wants to know first.
UPDATE leads SET state = 'done', disposition = 'unknown', updated_at_ms = ?,
	wait_reason = CASE state WHEN 'talking'
		THEN 'an engine died while it was being talked to' END
WHERE campaign IN (SELECT name FROM campaigns)
	AND state IN ('ringing', 'talking')
	AND NOT EXISTS (
		SELECT 1 FROM cdrs
		WHERE cdrs.lead_id = leads.id AND cdrs.attempt = leads.attempts
			AND cdrs.ended_at_ms IS NOT NULL)
