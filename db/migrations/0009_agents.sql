-- Each change of an agent's state; the next row of the same agent ends it.
CREATE TABLE agent_states (
	id TEXT NOT NULL PRIMARY KEY,
	agent TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT,
	call_id TEXT,
	disposition TEXT,
	at_ms BIGINT NOT NULL
);

CREATE INDEX agent_states_agent ON agent_states (agent, at_ms);
