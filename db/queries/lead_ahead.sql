-- Leads that are due and are called before one of that priority and state that is
-- due since then.
SELECT COUNT(*) AS leads FROM leads
WHERE campaign = ? AND state IN ('new', 'ready')
	AND (priority > ? OR (priority = ? AND (state > ?
		OR (state = ? AND next_at_ms < ?))))
