-- Leads that are due and are called before one of that priority and so many
-- attempts.
SELECT COUNT(*) AS leads FROM leads
WHERE campaign = ? AND state IN ('new', 'ready')
	AND (priority > ? OR (priority = ? AND attempts > ?))
