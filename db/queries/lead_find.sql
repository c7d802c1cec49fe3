SELECT id, campaign, phone, priority, fields_json, state, disposition,
	attempts, next_at_ms, source, source_line, merged, created_at_ms,
	updated_at_ms
FROM leads WHERE campaign = ? AND phone = ?
