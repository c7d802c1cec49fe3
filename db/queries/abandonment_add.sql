-- One answered call more in a campaign's counts of a day (the engine's own date,
-- YYYY-MM-DD), while its attempt is open: said twice it counts once. In one
-- transaction before attempt_finish.
INSERT INTO abandonment (campaign, day, live, abandoned, machines)
SELECT campaign, ?, ?, ?, ? FROM attempts
WHERE lead_id = ? AND attempt = ? AND ended_at_ms IS NULL
ON CONFLICT (campaign, day) DO UPDATE SET
	live = abandonment.live + excluded.live,
	abandoned = abandonment.abandoned + excluded.abandoned,
	machines = abandonment.machines + excluded.machines
