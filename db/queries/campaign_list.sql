SELECT name, state, script, source, created_at_ms, imported_at_ms,
	started_at_ms, ended_at_ms, region
FROM campaigns ORDER BY name
