-- The time up to which so many calls and one more were begun after another time;
-- no row: there are no more than that.
SELECT started_at_ms FROM cdrs
WHERE campaign = ? AND started_at_ms > ?
ORDER BY started_at_ms LIMIT 1 OFFSET ?
