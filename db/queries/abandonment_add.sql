-- One answered call more in a campaign's counts of a day (the engine's own date,
-- YYYY-MM-DD). In one transaction with attempt_finish.
INSERT INTO abandonment (campaign, day, live, abandoned, machines)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (campaign, day) DO UPDATE SET
	live = abandonment.live + excluded.live,
	abandoned = abandonment.abandoned + excluded.abandoned,
	machines = abandonment.machines + excluded.machines
