-- Leads that were being dialled when the engine died: unknown, never dialled
-- again blindly. Those whose call had ended stay (campaign_unfinished).
UPDATE leads SET state = 'done', disposition = 'unknown', updated_at_ms = ?
WHERE campaign IN (SELECT name FROM campaigns)
	AND state IN ('ringing', 'talking')
	AND NOT EXISTS (
		SELECT 1 FROM cdrs
		WHERE cdrs.lead_id = leads.id AND cdrs.attempt = leads.attempts
			AND cdrs.ended_at_ms IS NOT NULL)
