INSERT INTO dnc_lists (name, path, source, numbers, imported_at_ms)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET path = excluded.path,
	source = excluded.source, numbers = excluded.numbers,
	imported_at_ms = excluded.imported_at_ms
