-- Caller ids that a carrier has blocked, and until when they rest.
CREATE TABLE caller_ids (
	number TEXT NOT NULL PRIMARY KEY,
	parked_at_ms BIGINT NOT NULL,
	parked_until_ms BIGINT NOT NULL,
	reason TEXT,
	times BIGINT NOT NULL
);
