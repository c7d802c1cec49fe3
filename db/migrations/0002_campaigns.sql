CREATE TABLE campaigns (
	name TEXT NOT NULL PRIMARY KEY,
	state TEXT NOT NULL,
	script TEXT,
	source TEXT,
	created_at_ms BIGINT NOT NULL,
	imported_at_ms BIGINT,
	started_at_ms BIGINT,
	ended_at_ms BIGINT
);

CREATE TABLE leads (
	id TEXT NOT NULL PRIMARY KEY,
	campaign TEXT NOT NULL REFERENCES campaigns (name),
	phone TEXT NOT NULL,
	priority BIGINT NOT NULL DEFAULT 0,
	fields_json TEXT,
	state TEXT NOT NULL,
	disposition TEXT,
	attempts BIGINT NOT NULL DEFAULT 0,
	next_at_ms BIGINT NOT NULL DEFAULT 0,
	source TEXT,
	source_line BIGINT,
	merged BIGINT NOT NULL DEFAULT 0,
	created_at_ms BIGINT NOT NULL,
	updated_at_ms BIGINT NOT NULL,
	UNIQUE (campaign, phone)
);

-- The order in which leads are claimed: the first entries are the next ones,
-- however many there are behind them.
CREATE INDEX leads_ready
	ON leads (campaign, priority DESC, attempts DESC, next_at_ms, id)
	WHERE state = 'ready';
CREATE INDEX leads_scheduled ON leads (campaign, next_at_ms)
	WHERE state = 'scheduled';
CREATE INDEX leads_state ON leads (campaign, state, disposition);

-- One row for each time a lead was dialled, committed before its INVITE
-- leaves. ended_at_ms is null while it goes on.
CREATE TABLE attempts (
	lead_id TEXT NOT NULL REFERENCES leads (id),
	attempt BIGINT NOT NULL,
	campaign TEXT NOT NULL,
	cdr_id TEXT,
	started_at_ms BIGINT NOT NULL,
	ended_at_ms BIGINT,
	disposition TEXT,
	sip_code BIGINT,
	PRIMARY KEY (lead_id, attempt)
);

CREATE INDEX attempts_campaign ON attempts (campaign, started_at_ms);
CREATE INDEX attempts_open ON attempts (started_at_ms)
	WHERE ended_at_ms IS NULL;

CREATE INDEX cdrs_lead ON cdrs (lead_id, attempt)
	WHERE lead_id IS NOT NULL;
