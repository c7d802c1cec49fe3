-- A campaign's days from one on (YYYY-MM-DD).
SELECT day, live, abandoned, machines FROM abandonment
WHERE campaign = ? AND day >= ? ORDER BY day
