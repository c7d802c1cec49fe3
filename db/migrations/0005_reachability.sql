-- Each change of whether a trunk, a host of one, a registered endpoint or a URI
-- that a script asks about can be reached.
CREATE TABLE reachability (
	id TEXT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	host TEXT,
	was TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT,
	rtt_ms DOUBLE PRECISION,
	at_ms BIGINT NOT NULL
);

CREATE INDEX reachability_name ON reachability (kind, name, at_ms);
CREATE INDEX reachability_at ON reachability (at_ms);
