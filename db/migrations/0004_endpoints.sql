-- Whose call it was, proved by digest, or which endpoint was called.
ALTER TABLE cdrs ADD COLUMN endpoint TEXT;
CREATE INDEX cdrs_endpoint ON cdrs (endpoint, started_at_ms)
	WHERE endpoint IS NOT NULL;

-- The telephones that are registered with us, so that they still are after a
-- restart of the engine. Written behind the answer to their REGISTER.
CREATE TABLE bindings (
	id TEXT NOT NULL PRIMARY KEY,
	endpoint TEXT NOT NULL,
	contact TEXT NOT NULL,
	target TEXT,
	path TEXT,
	instance TEXT,
	reg_id BIGINT,
	q BIGINT NOT NULL,
	call_id TEXT NOT NULL,
	cseq BIGINT NOT NULL,
	remote_addr TEXT NOT NULL,
	proxied BIGINT NOT NULL,
	user_agent TEXT,
	registered_at_ms BIGINT NOT NULL,
	refreshed_at_ms BIGINT NOT NULL,
	expires_at_ms BIGINT NOT NULL
);

CREATE INDEX bindings_endpoint ON bindings (endpoint);

-- What became of registrations: one row for each beginning and end.
CREATE TABLE registration_events (
	id TEXT NOT NULL PRIMARY KEY,
	at_ms BIGINT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	event TEXT NOT NULL,
	contact TEXT,
	remote_addr TEXT,
	user_agent TEXT,
	expires_ms BIGINT,
	calls BIGINT,
	sip_code BIGINT,
	reason TEXT
);

CREATE INDEX registration_events_name
	ON registration_events (kind, name, at_ms);
