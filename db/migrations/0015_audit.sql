-- Who changed what in a campaign, and when. Rows are only added.
CREATE TABLE campaign_audit (
	id TEXT NOT NULL PRIMARY KEY,
	campaign TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	uid BIGINT,
	user_name TEXT,
	action TEXT NOT NULL,
	detail TEXT,
	options_json TEXT
);

CREATE INDEX campaign_audit_campaign ON campaign_audit (campaign, at_ms);
