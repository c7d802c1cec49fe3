-- All lists of numbers one by one that have this one.
SELECT number, list, reason, added_by, cdr_id, added_at_ms
FROM dnc_numbers WHERE number = ? ORDER BY list
