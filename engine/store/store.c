#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>
#include <string.h>
#include <libgen.h>
#include <re.h>
#include "base/handle.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mailbox.h"
#include "store/connection.h"
#include "store/lock.h"
#include "store/allocator.h"
#include "store/migrate.h"
#include "store/reader.h"
#include "store/request.h"
#include "store/sql.h"
#include "store/store.h"
#include "store/writer.h"

enum {
	QUEUE_MAX_BYTES = 256 << 20, /* requests not yet answered */
	QUEUE_LONG_BYTES = 64 << 20, /* from here on no new calls begin */
	READ_MODE_TIMEOUT_MS = 30000,
	/* A commit at few calls a second costs more than all else of a call. */
	KEEP_MS = 20,
	KEEP_MAX = 256,
};

struct store {
	struct loop *loop;
	enum store_mode mode;
	int lock;
	struct mailbox *answers;
	struct handle_table *requests;
	size_t bytes;			   /* of requests not yet answered */
	struct request *kept, **kept_tail; /* nobody waits for them */
	size_t kept_count;
	struct tmr kept_tmr;
	struct writer *writer;
	struct reader *reader;
	struct request *stop_writer,
		*stop_reader; /* so that close can't fail */
	bool closing;
};

/* ---- answers ------------------------------------------------------------ */

static void deliver(struct mail *mail, void *arg)
{
	struct request *req = (struct request *)mail;
	struct store *store = arg;

	handle_remove(store->requests, req->handle);
	store->bytes -= req->bytes;
	if (req->handler)
		req->handler(&req->result, req->arg);
	else if (req->result.error && !atomic_load(&req->cancelled))
		log_error(NULL, "store: %s (%s) in: %.200s", req->result.error,
			  req->result.code,
			  req->statements[req->result.failed].sql);
	request_free(req);
}

/* ---- opening ------------------------------------------------------------ */

/* One name for one file, so that two ways to write it meet the same lock. */
static int real_path(char out[PATH_MAX], const char *path, char *err,
		     size_t size)
{
	char copy[PATH_MAX], folder[PATH_MAX];
	int n;

	if (!*path || strlen(path) >= sizeof(copy)) {
		snprintf(err, size, "'%s' is no name for a database", path);
		return EINVAL;
	}
	if (realpath(path, out))
		return 0;
	/* It does not exist yet: its folder does, or opening will tell. */
	snprintf(copy, sizeof(copy), "%s", path);
	if (!realpath(dirname(copy), folder)) {
		snprintf(out, PATH_MAX, "%s", path);
		return 0;
	}
	snprintf(copy, sizeof(copy), "%s", path);
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(folder, "/") ? folder : "",
		     basename(copy));
	if (n < 0 || n >= PATH_MAX) {
		snprintf(err, size, "%s: the path is too long", path);
		return ENAMETOOLONG;
	}

	return 0;
}

static int open_writing(struct store *store, const char *path, char *err,
			size_t size)
{
	struct connection *conn = NULL;
	size_t open_calls;
	int e;

	e = connection_open(&conn, path, CONNECTION_WRITE, err, size);
	if (e)
		return e;
	/* The lock comes before the schema is touched, after the checks that
	 * explain a bad path better. */
	if (store->mode == STORE_ENGINE)
		e = lock_take(&store->lock, path, err, size);
	if (!e)
		e = migrate(conn, 0, err, size);
	if (!e && store->mode == STORE_ENGINE) {
		e = migrate_recover(conn, &open_calls, err, size);
		if (!e && open_calls)
			log_warn(NULL,
				 "%zu calls were open when the engine died: "
				 "their records are closed as interrupted",
				 open_calls);
	}
	if (!e) {
		e = writer_start(&store->writer, conn, store->answers);
		if (e)
			snprintf(err, size, "store thread: %s", strerror(e));
	}
	if (e)
		connection_close(conn);

	return e;
}

static int open_reading(struct store *store, const char *path, char *err,
			size_t size)
{
	struct connection *conn = NULL;
	int e;

	e = connection_open(&conn, path, CONNECTION_READ, err, size);
	if (e)
		return e;
	e = migrate_check(conn, err, size);
	if (!e) {
		e = reader_start(&store->reader, conn, store->answers);
		if (e)
			snprintf(err, size, "store thread: %s", strerror(e));
	}
	if (e)
		connection_close(conn);

	return e;
}

int store_open(struct store **sp, struct loop *loop, const char *path,
	       enum store_mode mode, char *err, size_t err_size)
{
	char real[PATH_MAX];
	struct store *store;
	int e;

	assert(sp && loop && path && err && loop_is_mine(loop));
	e = real_path(real, path, err, err_size);
	if (e)
		return e;

	store = calloc(1, sizeof(*store));
	if (!store) {
		snprintf(err, err_size, "out of memory");
		return ENOMEM;
	}
	store->loop = loop;
	store->mode = mode;
	store->lock = -1;
	store->kept_tail = &store->kept;
	store->stop_writer = request_new(NULL, 0);
	store->stop_reader = request_new(NULL, 0);
	e = store->stop_writer && store->stop_reader ? 0 : ENOMEM;
	if (!e)
		e = handle_table_alloc(&store->requests);
	if (!e)
		e = mailbox_alloc(&store->answers);
	if (!e)
		e = mailbox_listen(store->answers, loop, deliver, store);
	if (e) {
		snprintf(err, err_size, "store: %s", strerror(e));
		goto out;
	}

	if (mode != STORE_READ)
		e = open_writing(store, real, err, err_size);
	if (!e)
		e = open_reading(store, real, err, err_size);
	if (e)
		goto out;
	*sp = store;

	return 0;
out:
	store_close(store);

	return e;
}

static void send_kept(struct store *store)
{
	struct request *list = store->kept;

	if (!list)
		return;
	tmr_cancel(&store->kept_tmr);
	store->kept = NULL;
	store->kept_tail = &store->kept;
	store->kept_count = 0;
	writer_post_list(store->writer, list);
}

static void on_kept(void *arg)
{
	send_kept(arg);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	assert(loop_is_mine(store->loop));
	store->closing = true;
	send_kept(store);
	if (store->reader)
		reader_stop(store->reader, store->stop_reader);
	else
		request_free(store->stop_reader);
	if (store->writer)
		writer_stop(store->writer, store->stop_writer);
	else
		request_free(store->stop_writer);

	if (store->answers)
		mailbox_free(store->answers, deliver, store);
	if (store->requests)
		handle_table_free(store->requests);
	lock_release(store->lock);
	free(store);
}

/* ---- requests ----------------------------------------------------------- */

static struct request *queue(struct store *store,
			     const struct store_statement *statements,
			     size_t count, store_h *handler, void *arg)
{
	static struct log_limit limit = LOG_LIMIT(1, 10000);
	struct request *req;

	assert(store && (statements || !count));
	assert(loop_is_mine(store->loop));
	if (store->closing)
		return NULL;
	if (store->bytes > QUEUE_MAX_BYTES) {
		log_limited(&limit, LOG_ERROR, NULL,
			    "store: %zu requests wait, no more are taken",
			    handle_count(store->requests));
		return NULL;
	}

	req = request_new(statements, count);
	if (!req)
		return NULL;
	req->handle = handle_add(store->requests, req);
	if (!req->handle) {
		request_free(req);
		return NULL;
	}
	req->asked = !req->builtin;
	req->handler = handler;
	req->arg = arg;
	store->bytes += req->bytes;

	return req;
}

static void keep(struct store *store, struct request *req)
{
	req->mail.next = NULL;
	*store->kept_tail = req;
	store->kept_tail = (struct request **)&req->mail.next;
	store->kept_count++;
}

static uint64_t request(struct store *store,
			const struct store_statement *statements, size_t count,
			bool asked, store_h *handler, void *arg)
{
	struct request *req = queue(store, statements, count, handler, arg);
	uint64_t handle;

	if (!req)
		return 0;
	handle = req->handle;
	req->asked |= asked;
	if (store->writer) {
		keep(store, req);
		send_kept(store);
	} else {
		req->timeout_ms = READ_MODE_TIMEOUT_MS;
		reader_post(store->reader, req);
	}

	return handle;
}

uint64_t store_request(struct store *store,
		       const struct store_statement *statements, size_t count,
		       store_h *handler, void *arg)
{
	return request(store, statements, count, false, handler, arg);
}

uint64_t store_ask(struct store *store,
		   const struct store_statement *statements, size_t count,
		   store_h *handler, void *arg)
{
	return request(store, statements, count, true, handler, arg);
}

uint64_t store_record(struct store *store,
		      const struct store_statement *statements, size_t count,
		      store_h *handler, void *arg)
{
	struct request *req;
	uint64_t handle;

	assert(store->writer);
	req = queue(store, statements, count, handler, arg);
	if (!req)
		return 0;
	handle = req->handle;
	keep(store, req);
	if (store->kept_count >= KEEP_MAX)
		send_kept(store);
	else if (store->kept_count == 1)
		tmr_start(&store->kept_tmr, KEEP_MS, on_kept, store);

	return handle;
}

uint64_t store_read(struct store *store,
		    const struct store_statement *statement,
		    uint32_t timeout_ms, store_h *handler, void *arg)
{
	struct request *req = queue(store, statement, 1, handler, arg);
	uint64_t handle;

	if (!req)
		return 0;
	handle = req->handle;
	req->timeout_ms = timeout_ms;
	reader_post(store->reader, req);

	return handle;
}

void store_cancel(struct store *store, uint64_t request)
{
	struct request *req;

	assert(loop_is_mine(store->loop));
	req = handle_get(store->requests, request);
	if (!req)
		return;
	req->handler = NULL;
	atomic_store(&req->cancelled, true);
}

size_t store_queued(const struct store *store)
{
	return handle_count(store->requests);
}

size_t store_queued_bytes(const struct store *store)
{
	return store->bytes;
}

const char *store_trouble(const struct store *store)
{
	if (store->bytes > QUEUE_LONG_BYTES)
		return "too many records wait for the disk";
	return store->writer ? writer_fault(store->writer) : NULL;
}

const char *store_query(const char *name)
{
	return sql_query(name);
}

uint64_t store_memory_bytes(void)
{
	return allocator_bytes();
}
