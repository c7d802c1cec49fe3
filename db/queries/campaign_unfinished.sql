-- Before a campaign goes on after a crash: leads whose call had ended and
-- whose result had not been noted. Finish each by the campaign's rules.
SELECT leads.id, leads.phone, leads.numbers, leads.zones, leads.attempts,
	leads.forgiven, leads.fields_json, attempts.phone AS number,
	cdrs.id AS cdr_id, cdrs.disposition, cdrs.sip_code,
	cdrs.answered_at_ms, cdrs.ended_at_ms, cdrs.detection,
	leads.agent, cdrs.agent AS served_by
FROM leads JOIN cdrs
	ON cdrs.lead_id = leads.id AND cdrs.attempt = leads.attempts
LEFT JOIN attempts
	ON attempts.lead_id = leads.id AND attempts.attempt = leads.attempts
WHERE leads.campaign = ? AND leads.state IN ('ringing', 'talking')
	AND cdrs.ended_at_ms IS NOT NULL
ORDER BY attempts.started_at_ms, leads.id
