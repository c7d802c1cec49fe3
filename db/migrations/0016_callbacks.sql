-- Leads that an agent is to call back, for when that agent becomes ready.
CREATE INDEX leads_agent ON leads (campaign, agent, next_at_ms)
	WHERE agent IS NOT NULL AND state = 'scheduled';
