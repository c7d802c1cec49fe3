-- The leads whose first number it is, in all campaigns.
SELECT leads.id, leads.campaign, leads.phone, leads.numbers,
	leads.number_type, leads.zones, leads.list, leads.priority,
	leads.fields_json, leads.state, leads.disposition, leads.attempts,
	leads.forgiven, leads.next_at_ms, leads.wait_reason, leads.agent,
	leads.updated_at_ms, campaigns.state AS campaign_state
FROM campaigns JOIN leads
	ON leads.campaign = campaigns.name AND leads.phone = ?
ORDER BY leads.campaign
