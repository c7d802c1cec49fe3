-- A page of a campaign's leads, those behind an id, with what is known of the
-- last attempt.
SELECT leads.id, leads.phone, leads.numbers, leads.number_type, leads.zones,
	leads.list, leads.priority, leads.state, leads.disposition,
	leads.attempts, leads.next_at_ms, leads.wait_reason, leads.agent,
	leads.fields_json, leads.source, leads.source_line,
	leads.updated_at_ms, attempts.phone AS last_phone,
	attempts.started_at_ms AS last_at_ms, attempts.sip_code,
	cdrs.talk_ms, cdrs.recording, attempts.cdr_id
FROM leads
LEFT JOIN attempts
	ON attempts.lead_id = leads.id AND attempts.attempt = leads.attempts
LEFT JOIN cdrs ON cdrs.id = attempts.cdr_id
WHERE leads.campaign = ? AND leads.id > ?
	AND (CAST(? AS TEXT) IS NULL OR leads.state = ?)
	AND (CAST(? AS TEXT) IS NULL OR leads.disposition = ?)
	AND (CAST(? AS TEXT) IS NULL OR leads.list = ?)
ORDER BY leads.id LIMIT ?
