UPDATE attempts SET disposition = 'unknown', ended_at_ms = ?,
	cdr_id = (SELECT MAX(cdrs.id) FROM cdrs
		WHERE cdrs.lead_id = attempts.lead_id
			AND cdrs.attempt = attempts.attempt)
WHERE ended_at_ms IS NULL AND NOT EXISTS (
	SELECT 1 FROM cdrs
	WHERE cdrs.lead_id = attempts.lead_id
		AND cdrs.attempt = attempts.attempt
		AND cdrs.ended_at_ms IS NOT NULL)
