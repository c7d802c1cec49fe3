#include "store/detection_list.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#include "store/connection.h"
#include "store/migrate.h"
#include "store/sql.h"

static const char *text(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column);
}

int detection_list(const char *path, const char *campaign,
		   detection_list_h *handler, void *arg, char *err, size_t size)
{
	struct connection *conn = NULL;
	sqlite3_stmt *stmt = NULL;
	const char *why;
	int rc, e;

	e = connection_open(&conn, path, CONNECTION_READ, err, size);
	if (!e)
		e = migrate_check(conn, err, size);
	if (e)
		goto out;
	rc = connection_prepare(conn, sql_query("detection_kept"), &stmt, &why);
	for (int i = 1; !rc && i <= 2; i++)
		rc = sqlite3_bind_text(stmt, i, campaign ? campaign : "", -1,
				       SQLITE_TRANSIENT);
	while (!rc && !e && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		e = handler(text(stmt, 0), text(stmt, 1), text(stmt, 2), arg);
		if (e)
			(void)snprintf(err, size, "out of memory");
	}
	if (!e && rc != SQLITE_DONE) {
		(void)snprintf(err, size, "%s: %s", path,
			       sqlite3_errmsg(connection_db(conn)));
		e = EIO;
	}
	sqlite3_reset(stmt);
out:
	connection_close(conn);
	return e;
}
