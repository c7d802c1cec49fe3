-- A run begins: attempts that an earlier run of this engine had noted and never
-- begun (there is no call). In one transaction before leads_undial.
DELETE FROM attempts
WHERE campaign = ? AND ended_at_ms IS NULL AND NOT EXISTS (
	SELECT 1 FROM cdrs
	WHERE cdrs.lead_id = attempts.lead_id
		AND cdrs.attempt = attempts.attempt)
