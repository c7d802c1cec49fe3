-- One lead by name, for an agent: by its id, or by its number. No row: it is not
-- there, or not to be called now.
UPDATE leads SET state = 'claimed', updated_at_ms = ?
WHERE campaign = ? AND (id = ? OR phone = ?)
	AND state IN ('new', 'ready', 'scheduled')
RETURNING id, campaign, phone, numbers, number_type, zones, list, priority,
	attempts, forgiven, disposition, agent, fields_json
