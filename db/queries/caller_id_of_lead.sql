-- What the lead was shown last.
SELECT from_user FROM cdrs
WHERE lead_id = ? AND from_user IS NOT NULL
ORDER BY attempt DESC, started_at_ms DESC LIMIT 1
