-- The leads whose first number it is, in all campaigns. CROSS JOIN: as in
-- lead_import_unique.
SELECT leads.id, leads.campaign, leads.phone, leads.numbers,
	leads.number_type, leads.zones, leads.list, leads.priority,
	leads.fields_json, leads.state, leads.disposition, leads.attempts,
	leads.forgiven, leads.next_at_ms, leads.wait_reason, leads.agent,
	leads.updated_at_ms, campaigns.state AS campaign_state
FROM campaigns CROSS JOIN leads
WHERE leads.campaign = campaigns.name AND leads.phone = ?
ORDER BY leads.campaign
