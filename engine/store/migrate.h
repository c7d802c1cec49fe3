/* migrate.h -- bring a database to this program's schema
 *
 * Migrations are applied in order in one transaction; user_version is the
 * number of the last. While opening only, on the thread that opens.
 */
#ifndef MOONDIAL_STORE_MIGRATE_H
#define MOONDIAL_STORE_MIGRATE_H

#include <stddef.h>

struct connection;

/* "moon": tells our files from those of other programs. */
enum { MIGRATE_APPLICATION_ID = 0x6d6f6f6e };

/* Apply what is missing up to VERSION (0: all). ENOTSUP: the database is
 * newer; EINVAL: it is another program's; EBUSY, ENOSPC, EIO. ERR says what to
 * do. */
int migrate(struct connection *conn, size_t version, char *err, size_t size);

/* For a connection that can't write: 0 when the schema is this program's. */
int migrate_check(struct connection *conn, char *err, size_t size);

/* Put in order what a crash has left (db/README.md). COUNT: calls that were
 * open. */
int migrate_recover(struct connection *conn, size_t *count, char *err,
		    size_t size);

#endif
