-- Leads with several numbers, a time zone, a list; a life that tells more.
ALTER TABLE leads ADD COLUMN numbers TEXT;
ALTER TABLE leads ADD COLUMN number_type TEXT;
ALTER TABLE leads ADD COLUMN zones TEXT;
ALTER TABLE leads ADD COLUMN list TEXT;
ALTER TABLE leads ADD COLUMN agent TEXT;
ALTER TABLE leads ADD COLUMN wait_reason TEXT;
ALTER TABLE leads ADD COLUMN forgiven BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN phone TEXT;
ALTER TABLE campaigns ADD COLUMN region TEXT;

UPDATE leads SET state = 'new' WHERE state = 'ready' AND attempts = 0;
UPDATE leads SET state = 'ringing' WHERE state = 'dialing';
UPDATE attempts SET phone = (
	SELECT leads.phone FROM leads WHERE leads.id = attempts.lead_id);

DROP INDEX leads_ready;
CREATE INDEX leads_due
	ON leads (campaign, priority DESC, state DESC, next_at_ms, id)
	WHERE state IN ('new', 'ready');
-- Who is outside the same hours.
CREATE INDEX leads_zones ON leads (campaign, zones)
	WHERE state IN ('new', 'ready');
-- Page by page, in the order of import.
CREATE INDEX leads_campaign ON leads (campaign, id);
-- How often a number was called, by whichever campaign.
CREATE INDEX attempts_phone ON attempts (phone, started_at_ms);
