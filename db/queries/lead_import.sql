-- A number that the campaign has already is merged: the newer fields and
-- priority, the older state and attempts.
INSERT INTO leads (id, campaign, phone, numbers, number_type, zones, priority,
	fields_json, list, source, source_line, state, next_at_ms,
	created_at_ms, updated_at_ms)
VALUES (new_id(), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', 0, ?, ?)
ON CONFLICT (campaign, phone) DO UPDATE SET
	numbers = CASE WHEN leads.attempts = 0 THEN excluded.numbers
		ELSE leads.numbers END,
	number_type = COALESCE(excluded.number_type, leads.number_type),
	zones = COALESCE(excluded.zones, leads.zones),
	priority = excluded.priority, fields_json = excluded.fields_json,
	list = COALESCE(excluded.list, leads.list),
	merged = leads.merged + 1, updated_at_ms = excluded.updated_at_ms
