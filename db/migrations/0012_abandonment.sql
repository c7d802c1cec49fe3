-- Who answered and got no agent, by campaign and day (the engine's own date,
-- YYYY-MM-DD): what bounds predictive dialling, and what reports on it tell.
-- live: answered by a person; abandoned: of these, without an agent in time;
-- machines: hung up on since a machine had answered.
CREATE TABLE abandonment (
	campaign TEXT NOT NULL REFERENCES campaigns (name),
	day TEXT NOT NULL,
	live BIGINT NOT NULL DEFAULT 0,
	abandoned BIGINT NOT NULL DEFAULT 0,
	machines BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (campaign, day)
);
