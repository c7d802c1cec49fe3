SELECT id, phone, priority, state, disposition, attempts, next_at_ms,
	fields_json, source, source_line, updated_at_ms
FROM leads WHERE campaign = ? ORDER BY id
