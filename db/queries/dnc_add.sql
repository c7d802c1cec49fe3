-- The first reason stays.
INSERT INTO dnc_numbers (number, list, reason, added_by, cdr_id, added_at_ms)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (number, list) DO NOTHING
