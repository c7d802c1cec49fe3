#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/connection.h"
#include "store/request.h"
#include "store/writer.h"

METRIC(store_commits, "Transactions committed");
METRIC(store_requests, "Requests committed");
METRIC(store_failed, "Requests that failed");
METRIC(store_retries, "Commits put off: locked, disk full, disk error");

enum {
	GROUP_MS = 20,	  /* longest transaction under load … */
	GATHER_MS = 10,	  /* under load, commits are this far apart … */
	GATHER_FROM = 4,  /* … load: requests in the last group … */
	CROWD_MS = 20,	  /* … this far where there were many: each … */
	CROWD_FROM = 24,  /* … commit writes the same pages once more … */
	GATHER_MAX = 256, /* … but no more than this need to wait */
	REQUEST_LIMIT_MS = 30000, /* a single request's running time */
	RETRY_FIRST_MS = 5,
	RETRY_MAX_MS = 100,
	FULL_LIMIT_MS = 10000, /* a script's request on a full disk */
	STOP_LIMIT_MS = 10000, /* trouble while stopping */
	WARN_FIRST_MS = 1000,
	WARN_EVERY_MS = 10000,
	QUIET_MS = 20000, /* without a request: the cache goes */
};

struct writer {
	pthread_t thread;
	struct connection *conn;
	struct mailbox *inbox, *answers;
	_Atomic(const char *) fault; /* for the loop's thread to look at */

	/* the thread's own */
	struct request *head, **tail; /* pending, oldest first */
	size_t pending;
	bool stopping, shrunk;
	uint64_t stop_ms;
	uint64_t committed_ms; /* when the last group was */
	uint64_t commit_ms;    /* how long its fsync took */
	size_t group;	       /* its requests */
	size_t solo; /* commit so many one by one: one of them is at fault */

	uint64_t trouble_ms; /* since when; 0: none */
	uint64_t warned_ms;
	uint32_t retry_ms;
};

static struct request *next_of(const struct request *req)
{
	return (struct request *)req->mail.next;
}

/* ---- inbox -------------------------------------------------------------- */

static void collect(struct writer *w, struct mail *mail)
{
	while (mail) {
		struct request *req = (struct request *)mail;

		mail = mail->next;
		if (req->stop) {
			w->stopping = true;
			w->stop_ms = clock_mono_ms();
			request_free(req);
			continue;
		}
		req->mail.next = NULL;
		*w->tail = req;
		w->tail = (struct request **)&req->mail.next;
		++w->pending;
	}
}

/* Let MS pass, taking in what arrives, or until ENOUGH are pending. */
static void wait_ms(struct writer *w, uint64_t ms, size_t enough)
{
	if (w->pending < enough)
		collect(w,
			mailbox_wait(w->inbox, enough - w->pending, (int)ms));
}

/* Hand back the first N pending requests. */
static void answer(struct writer *w, size_t n)
{
	struct request *first = w->head, *last = NULL;

	for (struct request *req; n && (req = w->head); n--) {
		w->head = next_of(req);
		if (!w->head)
			w->tail = &w->head;
		--w->pending;
		if (req->result.error)
			metric_add(&store_failed, 1);
		last = req;
	}
	if (!last)
		return;
	last->mail.next = NULL;
	mailbox_post_list(w->answers, &first->mail);
}

/* ---- trouble ------------------------------------------------------------ */

static void fail_waiting(struct writer *w, const char *code, const char *error,
			 bool all, uint64_t now)
{
	struct request *req, *next, *kept = NULL, **tail = &kept;
	size_t left = 0;

	for (req = w->head; req; req = next) {
		next = next_of(req);
		if (all ||
		    (req->asked && now - req->queued_ms >= FULL_LIMIT_MS)) {
			request_fail(req, code, error);
			metric_add(&store_failed, 1);
			mailbox_post(w->answers, &req->mail);
			continue;
		}
		req->mail.next = NULL;
		*tail = req;
		tail = (struct request **)&req->mail.next;
		++left;
	}
	w->head = kept;
	w->tail = kept ? tail : &w->head;
	w->pending = left;
	if (w->solo > left)
		w->solo = left;
}

/* Nothing could be committed: say so once in a while, wait a little. */
static void trouble(struct writer *w, int rc, const char *error)
{
	bool busy = (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
	uint64_t now = clock_mono_ms();

	metric_add(&store_retries, 1);
	if (!w->trouble_ms) {
		w->trouble_ms = now;
		w->warned_ms = 0;
		w->retry_ms = RETRY_FIRST_MS;
	}
	if (now - w->trouble_ms >= (busy ? WARN_FIRST_MS : 0) &&
	    (!w->warned_ms || now - w->warned_ms >= WARN_EVERY_MS)) {
		w->warned_ms = now;
		log_warn(NULL,
			 "%s cannot be written (%s) since %.1f s: %zu requests "
			 "wait",
			 connection_path(w->conn),
			 busy ? "locked by another program" : error,
			 (double)(now - w->trouble_ms) / 1000, w->pending);
	}

	if (w->stopping && now - w->stop_ms >= STOP_LIMIT_MS) {
		log_error(NULL, "%s: %zu requests could not be written: %s",
			  connection_path(w->conn), w->pending, error);
		fail_waiting(w, "closed", error, true, now);
		return;
	}
	if (!busy) {
		const bool full = connection_disk_full(w->conn, rc);

		atomic_store(&w->fault, full ? "the disk is full"
					     : "the database can't be written");
		fail_waiting(w, full ? "full" : request_code(rc), error, false,
			     now);
	}

	wait_ms(w, w->retry_ms, SIZE_MAX);
	if (w->retry_ms < RETRY_MAX_MS)
		w->retry_ms *= 2;
}

static void no_trouble(struct writer *w)
{
	if (w->warned_ms)
		log_info(NULL, "%s can be written again, after %.1f s",
			 connection_path(w->conn),
			 (double)(clock_mono_ms() - w->trouble_ms) / 1000);
	w->trouble_ms = w->warned_ms = 0;
	atomic_store(&w->fault, NULL);
}

/* ---- groups ------------------------------------------------------------- */

/* Faults of the machine rather than of a statement. */
static bool is_machine_fault(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_READONLY: /* the file changed beneath us */
		return true;
	default:
		return false;
	}
}

static void roll_back(struct writer *w)
{
	if (!sqlite3_get_autocommit(connection_db(w->conn)))
		connection_exec(w->conn, "ROLLBACK");
}

enum run { RUN_OK, RUN_AGAIN, RUN_TROUBLE };

/* One request in its savepoint. RUN_AGAIN: the group is gone, start it anew.
 * A savepoint copies each page that is written: of ours, which hardly ever
 * fail, only one that has failed gets one. */
static enum run run_one(struct writer *w, struct request *req, int *rcp)
{
	bool savepoint = !req->builtin || req->guarded;
	int rc = SQLITE_OK;

	if (savepoint)
		rc = connection_exec(w->conn, "SAVEPOINT request");
	if (!rc) {
		connection_deadline(w->conn,
				    clock_mono_ms() + REQUEST_LIMIT_MS);
		rc = request_run(req, w->conn);
		connection_deadline(w->conn, 0);
	}

	if (rc && is_machine_fault(rc)) {
		if (!req->error[0])
			snprintf(req->error, sizeof(req->error), "%s",
				 sqlite3_errstr(rc));
		*rcp = rc;
		return RUN_TROUBLE;
	}
	if (rc && sqlite3_get_autocommit(connection_db(w->conn))) {
		/* an interrupted write or ON CONFLICT ROLLBACK took the
		 * whole transaction along */
		req->dropped = true;
		return RUN_AGAIN;
	}
	if (!savepoint && rc && req->count > 1) {
		req->guarded = true;
		return RUN_AGAIN;
	}
	/* A single statement undoes itself; only ours are known to. */
	if (!savepoint)
		return RUN_OK;
	if (rc)
		connection_exec(w->conn, "ROLLBACK TO request");
	rc = connection_exec(w->conn, "RELEASE request");
	if (rc) {
		snprintf(req->error, sizeof(req->error), "%s",
			 sqlite3_errstr(rc));
		*rcp = rc;
		return RUN_TROUBLE;
	}

	return RUN_OK;
}

/* Run pending requests in the open transaction until the time is up. N: how
 * many. */
static enum run run_group(struct writer *w, size_t *n, int *rc, char *error,
			  size_t size)
{
	uint64_t limit_ms = w->commit_ms > GROUP_MS ? w->commit_ms : GROUP_MS;
	uint64_t until = clock_mono_ms() + limit_ms;

	*n = 0;
	for (struct request *req = w->head; req; req = next_of(req)) {
		if (!req->dropped) {
			enum run run = run_one(w, req, rc);

			if (run == RUN_TROUBLE)
				snprintf(error, size, "%s", req->error);
			if (run != RUN_OK)
				return run;
		}
		++*n;
		if (w->solo || clock_mono_ms() >= until)
			break;
		if (!next_of(req))
			collect(w, mailbox_take(w->inbox));
	}

	return RUN_OK;
}

/* The commit failed by its own fault (a deferred constraint): whose is it? */
static void find_culprit(struct writer *w, size_t n, int rc)
{
	if (n > 1) {
		w->solo = n;
		return;
	}
	request_fail(w->head, request_code(rc),
		     sqlite3_errmsg(connection_db(w->conn)));
	w->head->dropped = true;
}

static void commit_group(struct writer *w)
{
	char error[256] = "";
	uint64_t before;
	enum run run;
	size_t n;
	int rc;

	rc = connection_exec(w->conn, "BEGIN IMMEDIATE");
	if (rc) {
		trouble(w, rc, sqlite3_errstr(rc));
		return;
	}

	run = run_group(w, &n, &rc, error, sizeof(error));
	if (run == RUN_AGAIN) {
		roll_back(w);
		return;
	}
	if (run == RUN_TROUBLE) {
		roll_back(w);
		if (connection_disk_full(w->conn, rc) && !w->solo)
			w->solo = w->pending; /* small ones may still fit */
		trouble(w, rc, error);
		return;
	}

	before = clock_mono_ms();
	rc = connection_exec(w->conn, "COMMIT");
	if (rc) {
		snprintf(error, sizeof(error), "%s",
			 sqlite3_errmsg(connection_db(w->conn)));
		if (is_machine_fault(rc)) {
			roll_back(w);
			trouble(w, rc, error);
		} else {
			find_culprit(w, n, rc);
			roll_back(w);
		}
		return;
	}

	w->committed_ms = clock_mono_ms();
	w->commit_ms = w->committed_ms - before;
	w->group = n;
	w->solo -= w->solo < n ? w->solo : n;
	metric_add(&store_commits, 1);
	metric_add(&store_requests, n);
	no_trouble(w);
	answer(w, n);
}

/* ---- the thread --------------------------------------------------------- */

/* Under load, let a group come together: fewer fsyncs, less CPU a call. */
static void gather(struct writer *w)
{
	uint64_t passed = clock_mono_ms() - w->committed_ms;
	uint64_t apart = w->group >= CROWD_FROM	   ? CROWD_MS
			 : w->group >= GATHER_FROM ? GATHER_MS
						   : 0;

	if (passed < apart && !w->stopping)
		wait_ms(w, apart - passed, GATHER_MAX);
}

/* For the next one. When none comes for long, the cache of pages goes: it has
 * grown with the last crowd. */
static struct mail *wait_request(struct writer *w)
{
	struct mail *mail =
		mailbox_wait(w->inbox, 1, w->shrunk ? -1 : QUIET_MS);

	w->shrunk = !mail;
	if (w->shrunk)
		connection_shrink(w->conn);
	return mail;
}

static void *run_writer(void *arg)
{
	struct writer *w = arg;

	for (;;) {
		collect(w, mailbox_take(w->inbox));
		if (!w->pending) {
			if (w->stopping)
				break;
			/* Nobody tries any more: the next one shall. */
			atomic_store(&w->fault, NULL);
			collect(w, wait_request(w));
			continue;
		}
		gather(w);
		commit_group(w);
	}

	return NULL;
}

int writer_start(struct writer **wp, struct connection *conn,
		 struct mailbox *answers)
{
	struct writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return ENOMEM;
	w->conn = conn;
	w->answers = answers;
	w->tail = &w->head;
	err = mailbox_alloc(&w->inbox);
	if (err)
		goto out;

	/* We wait ourselves, to take in what arrives meanwhile. */
	connection_busy_timeout(conn, 0);
	err = pthread_create(&w->thread, NULL, run_writer, w);
	if (err)
		goto out;
	pthread_setname_np(w->thread, "store");
	*wp = w;

	return 0;
out:
	if (w->inbox)
		mailbox_free(w->inbox, NULL, NULL);
	free(w);

	return err;
}

void writer_post_list(struct writer *w, struct request *list)
{
	mailbox_post_list(w->inbox, &list->mail);
}

const char *writer_fault(const struct writer *w)
{
	return atomic_load_explicit(&w->fault, memory_order_relaxed);
}

void writer_stop(struct writer *w, struct request *stop)
{
	if (!w)
		return;
	stop->stop = true;
	mailbox_post(w->inbox, &stop->mail);
	pthread_join(w->thread, NULL);
	mailbox_free(w->inbox, NULL, NULL);
	connection_close(w->conn);
	free(w);
}
