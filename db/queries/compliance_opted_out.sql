-- Who has asked, on calls of the campaign, not to be called again.
SELECT COUNT(*) AS numbers FROM dnc_numbers
JOIN cdrs ON cdrs.id = dnc_numbers.cdr_id
WHERE cdrs.campaign = ? AND dnc_numbers.added_at_ms >= ?
	AND dnc_numbers.added_at_ms < ?
