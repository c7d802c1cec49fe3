-- A page of a campaign's leads, counted: those behind an id, so many at most.
-- last: the id of its last one; null: none is left.
SELECT COUNT(*) AS leads,
	COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS dialled,
	COALESCE(SUM(CASE WHEN state = 'done' THEN 1 ELSE 0 END), 0) AS done,
	COALESCE(SUM(attempts), 0) AS attempts,
	COALESCE(SUM(merged), 0) AS merged,
	MAX(id) AS last
FROM (
	SELECT id, state, attempts, merged FROM leads
	WHERE campaign = ? AND id > ? ORDER BY id LIMIT ?) AS page
