-- A number that the campaign has already is merged: the newer fields and
-- priority, the older state and attempts.
INSERT INTO leads (id, campaign, phone, priority, fields_json, state,
	next_at_ms, source, source_line, created_at_ms, updated_at_ms)
VALUES (new_id(), ?, ?, ?, ?, 'ready', 0, ?, ?, ?, ?)
ON CONFLICT (campaign, phone) DO UPDATE SET
	priority = excluded.priority, fields_json = excluded.fields_json,
	merged = leads.merged + 1, updated_at_ms = excluded.updated_at_ms
RETURNING id, merged
