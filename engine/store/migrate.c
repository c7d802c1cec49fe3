#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include "base/clock.h"
#include "store/connection.h"
#include "store/migrate.h"
#include "store/sql.h"

static int sql_error(const struct connection *conn, int rc, const char *what,
		     char *err, size_t size)
{
	snprintf(err, size, "%s: %s: %s", connection_path(conn), what,
		 sqlite3_errmsg(connection_db(conn)));

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_NOMEM:
		return ENOMEM;
	default:
		return EIO;
	}
}

/* Where the file stands; refuses what is not ours. */
static int find_version(struct connection *conn, int64_t *version, char *err,
			size_t size)
{
	int64_t application = 0, tables = 0;
	int rc;

	rc = connection_int(conn, "PRAGMA application_id", &application);
	if (!rc)
		rc = connection_int(conn, "PRAGMA user_version", version);
	if (!rc)
		rc = connection_int(conn, "SELECT COUNT(*) FROM sqlite_master",
				    &tables);
	if (rc)
		return sql_error(conn, rc, "cannot be read", err, size);

	if (application != MIGRATE_APPLICATION_ID &&
	    (application || *version || tables)) {
		snprintf(err, size,
			 "%s is the database of another program; give "
			 "moondial one of its own (--db)",
			 connection_path(conn));
		return EINVAL;
	}
	if (*version < 0 || (uint64_t)*version > sql_migrations_count) {
		snprintf(err, size,
			 "%s has schema version %lld, this program knows "
			 "versions up to %zu: a newer moondial has used it; "
			 "run that one, or give another database (--db)",
			 connection_path(conn), (long long)*version,
			 sql_migrations_count);
		return ENOTSUP;
	}

	return 0;
}

static int apply(struct connection *conn, size_t from, size_t to, char *err,
		 size_t size)
{
	char pragma[64], what[128];
	char *why = NULL;
	int rc;

	for (size_t i = from; i < to; ++i) {
		const struct sql_entry *m = &sql_migrations[i];

		rc = sqlite3_exec(connection_db(conn), m->text, NULL, NULL,
				  &why);
		sqlite3_free(why);
		if (rc) {
			snprintf(what, sizeof(what), "migration %s", m->name);
			return sql_error(conn, rc, what, err, size);
		}
	}

	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %zu", to);
	rc = connection_exec(conn, pragma);
	if (!rc) {
		snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d",
			 MIGRATE_APPLICATION_ID);
		rc = connection_exec(conn, pragma);
	}
	if (rc)
		return sql_error(conn, rc, "migration", err, size);

	return 0;
}

int migrate(struct connection *conn, size_t version, char *err, size_t size)
{
	int64_t at = 0;
	int rc, e;

	assert(version <= sql_migrations_count);
	if (!version)
		version = sql_migrations_count;

	/* Look first: an up-to-date file needs no lock. */
	e = find_version(conn, &at, err, size);
	if (e || (size_t)at >= version)
		return e;

	rc = connection_exec(conn, "BEGIN IMMEDIATE");
	if (rc)
		return sql_error(conn, rc, "migration", err, size);
	e = find_version(conn, &at, err, size);
	if (!e && (size_t)at < version)
		e = apply(conn, (size_t)at, version, err, size);
	if (!e) {
		rc = connection_exec(conn, "COMMIT");
		if (rc)
			e = sql_error(conn, rc, "migration", err, size);
	}
	if (e && !sqlite3_get_autocommit(connection_db(conn)))
		connection_exec(conn, "ROLLBACK");

	return e;
}

int migrate_check(struct connection *conn, char *err, size_t size)
{
	int64_t at = 0;
	int e = find_version(conn, &at, err, size);

	if (e)
		return e;
	if ((size_t)at < sql_migrations_count) {
		snprintf(err, size,
			 "%s has schema version %lld, this program needs %zu: "
			 "start the engine with it once, it brings it up to "
			 "date",
			 connection_path(conn), (long long)at,
			 sql_migrations_count);
		return ENOTSUP;
	}

	return 0;
}

static int recover_step(struct connection *conn, const char *name,
			int64_t now_ms)
{
	const char *why;
	sqlite3_stmt *stmt;
	int rc;

	rc = connection_prepare(conn, sql_query(name), &stmt, &why);
	if (rc)
		return rc;
	if (sqlite3_bind_parameter_count(stmt))
		rc = sqlite3_bind_int64(stmt, 1, now_ms);
	if (!rc) {
		rc = sqlite3_step(stmt);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	sqlite3_reset(stmt);

	return rc;
}

int migrate_recover(struct connection *conn, size_t *count, char *err,
		    size_t size)
{
	/* Order matters: each looks at what the one before has left. */
	static const char *const steps[] = {
		"recover_cdrs",	    "recover_missing", "recover_dialing",
		"recover_attempts", "recover_claimed",
	};
	sqlite3 *db = connection_db(conn);
	int64_t now_ms = clock_wall_ms();
	int rc;

	*count = 0;
	rc = connection_exec(conn, "BEGIN IMMEDIATE");
	for (size_t i = 0; !rc && i < sizeof(steps) / sizeof(*steps); ++i) {
		rc = recover_step(conn, steps[i], now_ms);
		if (!rc && i < 2)
			*count += (size_t)sqlite3_changes(db);
	}
	if (!rc)
		rc = connection_exec(conn, "COMMIT");
	if (!rc)
		return 0;

	rc = sql_error(conn, rc, "closing calls left open by a crash", err,
		       size);
	if (!sqlite3_get_autocommit(db))
		connection_exec(conn, "ROLLBACK");

	return rc;
}
