-- How an agent was left.
SELECT agent, state, reason, at_ms FROM agent_states
WHERE agent = ? ORDER BY at_ms DESC, id DESC LIMIT 1
