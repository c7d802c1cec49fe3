-- How each agent was left.
SELECT s.agent, s.state, s.reason, s.at_ms FROM agent_states s
WHERE s.id = (SELECT MAX(l.id) FROM agent_states l WHERE l.agent = s.agent)
ORDER BY s.agent
