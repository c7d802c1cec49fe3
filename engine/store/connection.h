/* connection.h -- one SQLite connection with its prepared statements
 *
 * Owned by one thread at a time (opened on the loop thread, then given to the
 * store's thread). The only file that knows how a database file is opened,
 * and what a script's SQL may not do: no transactions of its own, no ATTACH,
 * no PRAGMA that changes anything.
 */
#ifndef MOONDIAL_STORE_CONNECTION_H
#define MOONDIAL_STORE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

struct connection;

enum connection_mode { CONNECTION_WRITE, CONNECTION_READ };

/* Open PATH. Message in ERR: what is wrong and what to do. ENOENT (no file,
 * no folder), EISDIR, EROFS, EACCES, EINVAL (not a database), EBUSY (locked
 * for longer than 10 s), EIO, ENOMEM. */
int connection_open(struct connection **cp, const char *path,
		    enum connection_mode mode, char *err, size_t size);
void connection_close(struct connection *conn);

/* Pages that are cached only, and memory that is free, back to malloc. */
void connection_shrink(struct connection *conn);

sqlite3 *connection_db(const struct connection *conn);
const char *connection_path(const struct connection *conn);

/* How long sqlite itself waits for another's lock. Opening: 10 s. */
void connection_busy_timeout(struct connection *conn, int ms);

/* Statements that run longer than this end with SQLITE_INTERRUPT;
 * 0: without limit. */
void connection_deadline(struct connection *conn, uint64_t mono_ms);

/* End the running statement and each one after it, soon (any thread). Unlike
 * sqlite3_interrupt(), it also meets one that is just about to begin. */
void connection_interrupt(struct connection *conn);

/* The store's own statements (BEGIN, COMMIT, …; built-in SQL). SQLite code. */
int connection_exec(struct connection *conn, const char *sql);
int connection_int(struct connection *conn, const char *sql, int64_t *value);

/* Call right after a step that returned RC, before the reset. */
void connection_note_error(struct connection *conn, int rc);
/* RC means that there is no room: a full disk, a quota, a file size limit. */
bool connection_disk_full(const struct connection *conn, int rc);

/* SQL prepared, from the cache when it has been used before; reset it when
 * done. SQLite code; the message is sqlite3_errmsg()'s, or in WHY. */
int connection_prepare(struct connection *conn, const char *sql,
		       sqlite3_stmt **stmt, const char **why);

/* How many were found in the cache, how many had to be compiled. */
void connection_cache_stats(const struct connection *conn, uint64_t *hits,
			    uint64_t *misses);

#endif
