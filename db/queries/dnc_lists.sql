SELECT name, path, source, numbers, imported_at_ms
FROM dnc_lists ORDER BY name
