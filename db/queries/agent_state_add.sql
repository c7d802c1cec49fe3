INSERT INTO agent_states (id, agent, state, reason, call_id, disposition, at_ms)
VALUES (new_id(), ?, ?, ?, ?, ?, ?)
