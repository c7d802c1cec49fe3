SELECT id, campaign, phone, numbers, number_type, zones, list, priority,
	fields_json, state, disposition, attempts, forgiven, next_at_ms,
	wait_reason, agent, source, source_line, merged, created_at_ms,
	updated_at_ms
FROM leads WHERE id = ?
