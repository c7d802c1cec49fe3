/* writer.h -- the thread that writes: group commit
 *
 *   inbox ──► pending ──► BEGIN, each in its savepoint, COMMIT ──► answers
 *
 * A request stays pending, whole, until the commit that holds it is durable:
 * whatever rolls a group back, it can be run again.
 *
 * Trouble that isn't a request's own fault:
 *   locked by another process   tried again until it is free
 *   disk full, read error       tried again; a script's request fails after
 *                               10 s, the engine's own (db/queries: CDRs,
 *                               leads) are kept until they can be written
 * When the store is closed, what still can't be written after 10 s is given
 * up, with its number in the log.
 */
#ifndef MOONDIAL_STORE_WRITER_H
#define MOONDIAL_STORE_WRITER_H

#include "base/mailbox.h"

struct connection;
struct request;
struct writer;

/* Start the thread. CONN is given to it on success; done requests are posted
 * to ANSWERS. ENOMEM, errno of pthread_create(). */
int writer_start(struct writer **wp, struct connection *conn,
		 struct mailbox *answers);

/* Any thread; takes the requests over, linked by mail.next, at least one. */
void writer_post_list(struct writer *writer, struct request *list);

/* What keeps the disk from being written now, other than a lock: "the disk is
 * full", …; NULL: nothing. Any thread. */
const char *writer_fault(const struct writer *writer);

/* Write what is pending, end the thread, close the connection. STOP is a
 * request that the writer takes over as the end mark. */
void writer_stop(struct writer *writer, struct request *stop);

#endif
