SELECT list, COUNT(*) AS numbers, MAX(added_at_ms) AS added_at_ms
FROM dnc_numbers GROUP BY list ORDER BY list
