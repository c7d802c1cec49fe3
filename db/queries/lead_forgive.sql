-- An attempt that doesn't count: what was wrong was not the lead's. While the
-- attempt is open: said twice it is forgiven once. In one transaction before
-- attempt_finish.
UPDATE leads SET forgiven = forgiven + 1
WHERE id = ? AND EXISTS (
	SELECT 1 FROM attempts
	WHERE attempts.lead_id = leads.id AND attempts.attempt = ?
		AND attempts.ended_at_ms IS NULL)
