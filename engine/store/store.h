/* store.h -- the database thread
 *
 * The only one that touches the database. A request is a list of statements
 * that succeed or fail together (a savepoint); requests queue, are committed
 * in groups (one transaction for all that has queued, at latest every 20 ms)
 * and are answered by mailbox on the loop thread, after the commit is durable.
 * Long reads go to a second, read-only connection and thread with a time
 * limit. Nothing here blocks, except store_open and store_close.
 */
#ifndef MOONDIAL_STORE_STORE_H
#define MOONDIAL_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct store;

enum store_type { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT };

struct store_value {
	enum store_type type;
	int64_t integer;
	double real;
	const char *text; /* not NUL-terminated: size bytes */
	size_t size;
};

/* One statement: SQL with ? parameters. */
struct store_statement {
	const char *sql;
	const struct store_value *values;
	size_t count;
};

/* What came of a request. Valid during the handler only. */
struct store_result {
	const char *error;  /* NULL: it is done and durable */
	const char *code;   /* "busy", "full", "constraint", "sql", "timeout",
			       "closed", "io", … with an error */
	int failed;	    /* index of the statement that failed */
	int64_t changes;    /* rows changed, all statements */
	int64_t last_rowid; /* of the last INSERT */
	/* rows of the last statement that returned any */
	size_t columns, rows;
	const char *const *names;	  /* columns */
	const struct store_value *values; /* rows × columns */
};

typedef void(store_h)(const struct store_result *result, void *arg);

enum store_mode {
	STORE_ENGINE, /* takes <db>.lock, closes CDRs left open */
	STORE_TOOL,   /* a command beside a running engine: no lock */
	STORE_READ,   /* read-only; the file must exist */
};

/* Open PATH, migrate it (db/migrations/, built into the program), start the
 * threads. On failure an errno value and a message in ERR that says what to
 * do: a newer database, a read-only file or folder, another engine (by process
 * id), no database. */
int store_open(struct store **sp, struct loop *loop, const char *path,
	       enum store_mode mode, char *err, size_t err_size);

/* Finish what is queued (handlers are called), close, join. */
void store_close(struct store *store);

/* Queue a request; everything is copied. HANDLER may be NULL (an error is
 * logged). A database locked by somebody else is retried until it is free
 * (queued requests are kept, nothing is lost); a request fails at once only
 * for its own faults, or when the disk is full for longer than the limit.
 * Returns a number for store_cancel, 0 when out of memory. */
uint64_t store_request(struct store *store,
		       const struct store_statement *statements, size_t count,
		       store_h *handler, void *arg);

/* As store_request, for a script: what the disk has no room for fails after the
 * limit, where the engine's own notes wait. */
uint64_t store_ask(struct store *store,
		   const struct store_statement *statements, size_t count,
		   store_h *handler, void *arg);

/* As store_request, for what nobody waits for: it is kept for up to 20 ms, and
 * leaves with what else there is by then. Order is kept with all other writes.
 */
uint64_t store_record(struct store *store,
		      const struct store_statement *statements, size_t count,
		      store_h *handler, void *arg);

/* A single read on the read-only connection, ended after TIMEOUT_MS. */
uint64_t store_read(struct store *store,
		    const struct store_statement *statement,
		    uint32_t timeout_ms, store_h *handler, void *arg);

/* The handler won't be called any more; a write is still carried out. */
void store_cancel(struct store *store, uint64_t request);

/* Requests not yet answered. */
size_t store_queued(const struct store *store);

/* What the database library has allocated, its cache of pages included. */
uint64_t store_memory_bytes(void);

/* Why no new calls should begin, as their records might not be kept: the disk
 * is full, can't be written, or too much waits for it ("the disk is full", …).
 * NULL: none. It passes by itself. */
const char *store_trouble(const struct store *store);
/* Bytes of the requests not yet answered. */
size_t store_queued_bytes(const struct store *store);

/* The built-in query NAME (db/queries/NAME.sql), or NULL. */
const char *store_query(const char *name);

#endif
