-- What has become of our registrations: one row each time the state of an
-- account changes.
CREATE TABLE registrations (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	state TEXT NOT NULL,
	server TEXT,
	address TEXT,
	sip_code INTEGER,
	reason TEXT,
	expires_ms BIGINT
);
CREATE INDEX registrations_account ON registrations (account, at_ms);
