-- The whole of its file of leads has been read.
UPDATE campaigns SET imported_at_ms = ? WHERE name = ?
