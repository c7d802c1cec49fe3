-- Make the campaign known, or note what it is run from now.
INSERT INTO campaigns (name, state, script, source, region, created_at_ms)
VALUES (?, 'stopped', ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
	script = COALESCE(excluded.script, campaigns.script),
	source = COALESCE(excluded.source, campaigns.source),
	region = COALESCE(excluded.region, campaigns.region)
