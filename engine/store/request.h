/* request.h -- a list of statements, their values, and what came of them
 *
 * Made on the loop thread, carried out on a store thread, read and freed on
 * the loop thread; whoever holds it owns it (it travels by mailbox).
 * What was asked is one piece of memory; results grow only when there are any.
 */
#ifndef MOONDIAL_STORE_REQUEST_H
#define MOONDIAL_STORE_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/handle.h"
#include "base/mailbox.h"
#include "store/store.h"

struct connection;
struct chunk;

/* A result larger than this fails: it would eat the engine's memory. */
enum { REQUEST_RESULT_MAX = 64 << 20 };

struct request {
	struct mail mail; /* first */

	/* loop thread only */
	handle_t handle;
	store_h *handler;
	void *arg;

	/* what is asked */
	bool stop;    /* ends the thread; nothing else in it */
	bool builtin; /* all its SQL is the engine's own (db/queries) */
	bool asked;   /* somebody waits: it fails when the disk is full */
	uint32_t timeout_ms; /* reads */
	uint64_t queued_ms;  /* monotonic */
	size_t bytes;
	size_t count;
	struct store_statement *statements;
	_Atomic bool cancelled; /* a read nobody waits for */

	/* what came of it */
	bool dropped; /* it failed for good; don't run it again */
	bool guarded; /* it has failed: it gets a savepoint of its own */
	struct store_result result;
	char error[256];
	struct store_value *values;
	size_t capacity; /* of values */
	const char **names;
	struct chunk *chunks; /* texts */
	size_t result_bytes;
};

/* A copy of STATEMENTS. NULL when out of memory. */
struct request *request_new(const struct store_statement *statements,
			    size_t count);
void request_free(struct request *req);

/* Carry it out. SQLITE_OK with the result; else the code, with the result's
 * error, code and failed set. Undoing is the caller's. */
int request_run(struct request *req, struct connection *conn);

/* Note a failure that is not a statement's. */
void request_fail(struct request *req, const char *code, const char *error);

/* The store_result's code for an SQLite code. */
const char *request_code(int rc);

#endif
