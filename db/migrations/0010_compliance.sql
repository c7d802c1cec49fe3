-- Numbers that must not be called: one by one (the internal list, a campaign's
-- own), and files of millions, which the engine reads beside the database.
CREATE TABLE dnc_numbers (
	number TEXT NOT NULL,
	list TEXT NOT NULL,
	reason TEXT,
	added_by TEXT,
	cdr_id TEXT,
	added_at_ms BIGINT NOT NULL,
	PRIMARY KEY (number, list)
);

CREATE INDEX dnc_numbers_list ON dnc_numbers (list, added_at_ms);

CREATE TABLE dnc_lists (
	name TEXT NOT NULL PRIMARY KEY,
	path TEXT NOT NULL,
	source TEXT NOT NULL,
	numbers BIGINT NOT NULL,
	imported_at_ms BIGINT NOT NULL
);
