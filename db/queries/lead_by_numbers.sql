-- The leads that have a number among others, in all campaigns. The whole table is
-- read.
SELECT leads.id, leads.campaign, leads.phone, leads.numbers,
	leads.number_type, leads.zones, leads.list, leads.priority,
	leads.fields_json, leads.state, leads.disposition, leads.attempts,
	leads.forgiven, leads.next_at_ms, leads.wait_reason, leads.agent,
	leads.updated_at_ms, campaigns.state AS campaign_state
FROM leads JOIN campaigns ON campaigns.name = leads.campaign
WHERE leads.numbers LIKE '%' || ? || '%'
ORDER BY leads.campaign
