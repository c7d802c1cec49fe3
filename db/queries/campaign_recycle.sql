-- Leads that are done with this disposition are called again; attempts made so
-- far are forgiven.
UPDATE leads SET state = 'ready', next_at_ms = ?, wait_reason = NULL,
	forgiven = attempts, updated_at_ms = ?
WHERE campaign = ? AND state = 'done' AND disposition = ?
	AND (CAST(? AS TEXT) IS NULL OR list = ?)
