-- As lead_import, but numbers that another campaign has are left out. CROSS JOIN:
-- SQLite looks at each campaign, and not at all leads that there are.
INSERT INTO leads (id, campaign, phone, numbers, number_type, zones, priority,
	fields_json, list, source, source_line, state, next_at_ms,
	created_at_ms, updated_at_ms)
SELECT new_id(), n.campaign, n.phone, n.numbers, n.number_type, n.zones,
	n.priority, n.fields_json, n.list, n.source, n.source_line, 'new', 0,
	n.created_at_ms, n.updated_at_ms
FROM (SELECT ? AS campaign, ? AS phone, ? AS numbers, ? AS number_type,
	? AS zones, ? AS priority, ? AS fields_json, ? AS list, ? AS source,
	? AS source_line, ? AS created_at_ms, ? AS updated_at_ms) AS n
WHERE NOT EXISTS (
	SELECT 1 FROM campaigns CROSS JOIN leads AS other
	WHERE other.campaign = campaigns.name AND other.phone = n.phone
		AND campaigns.name <> n.campaign)
ON CONFLICT (campaign, phone) DO UPDATE SET
	numbers = CASE WHEN leads.attempts = 0 THEN excluded.numbers
		ELSE leads.numbers END,
	number_type = COALESCE(excluded.number_type, leads.number_type),
	zones = COALESCE(excluded.zones, leads.zones),
	priority = excluded.priority, fields_json = excluded.fields_json,
	list = COALESCE(excluded.list, leads.list),
	merged = leads.merged + 1, updated_at_ms = excluded.updated_at_ms
