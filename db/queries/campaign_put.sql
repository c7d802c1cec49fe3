-- Make the campaign known, or note what it is run from now; its file of leads stays
-- the one that was imported.
INSERT INTO campaigns (name, state, script, source, region, created_at_ms)
VALUES (?, 'stopped', ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
	script = COALESCE(excluded.script, campaigns.script),
	source = CASE WHEN campaigns.imported_at_ms IS NULL
		THEN COALESCE(excluded.source, campaigns.source)
		ELSE campaigns.source END,
	region = COALESCE(excluded.region, campaigns.region)
