#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/clock.h"
#include "store/connection.h"
#include "store/reader.h"
#include "store/request.h"

enum { QUIET_MS = 20000 }; /* without a request: the cache of pages goes */

struct reader {
	pthread_t thread;
	struct connection *conn;
	struct mailbox *inbox, *answers;
	_Atomic bool stopping;
};

static void run_read(struct reader *r, struct request *req)
{
	uint64_t now = clock_mono_ms();
	int rc;

	if (atomic_load(&r->stopping)) {
		request_fail(req, "closed", "the store is being closed");
		return;
	}
	/* The limit is the answer's, time in the queue included: who waits
	 * longer has given up. */
	if (now >= req->queued_ms + req->timeout_ms) {
		request_fail(req, "timeout",
			     "it waited longer than its time limit");
		return;
	}
	connection_deadline(r->conn, req->queued_ms + req->timeout_ms);
	connection_busy_timeout(r->conn,
				(int)(req->queued_ms + req->timeout_ms - now));
	rc = request_run(req, r->conn);
	connection_deadline(r->conn, 0);
	if (rc && atomic_load(&r->stopping))
		request_fail(req, "closed", "the store is being closed");
}

static void *run_reader(void *arg)
{
	struct reader *r = arg;
	bool stop = false, quiet = false;

	while (!stop) {
		struct mail *mail =
			mailbox_wait(r->inbox, 1, quiet ? -1 : QUIET_MS);

		quiet = !mail;
		if (quiet)
			connection_shrink(r->conn);
		while (mail) {
			struct request *req = (struct request *)mail;

			mail = mail->next;
			if (req->stop) {
				stop = true;
				request_free(req);
				continue;
			}
			if (!atomic_load(&req->cancelled))
				run_read(r, req);
			mailbox_post(r->answers, &req->mail);
		}
	}

	return NULL;
}

int reader_start(struct reader **rp, struct connection *conn,
		 struct mailbox *answers)
{
	struct reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return ENOMEM;
	r->conn = conn;
	r->answers = answers;
	err = mailbox_alloc(&r->inbox);
	if (err)
		goto out;
	err = pthread_create(&r->thread, NULL, run_reader, r);
	if (err)
		goto out;
	pthread_setname_np(r->thread, "store reader");
	*rp = r;

	return 0;
out:
	if (r->inbox)
		mailbox_free(r->inbox, NULL, NULL);
	free(r);

	return err;
}

void reader_post(struct reader *r, struct request *req)
{
	mailbox_post(r->inbox, &req->mail);
}

void reader_stop(struct reader *r, struct request *stop)
{
	if (!r)
		return;
	atomic_store(&r->stopping, true);
	connection_interrupt(r->conn);
	stop->stop = true;
	mailbox_post(r->inbox, &stop->mail);
	pthread_join(r->thread, NULL);
	mailbox_free(r->inbox, NULL, NULL);
	connection_close(r->conn);
	free(r);
}
