/* worker.h -- a thread that keeps the time of its streams
 *
 *   mailbox in ─► messages ─► streams ◄─ wheel of 1 ms slots ◄─ timerfd
 *                                └─► mailbox of the loop thread
 *
 * Each stream stands in the slot of its next tick, which is an absolute time
 * on CLOCK_MONOTONIC: no drift. A new stream begins in the slot with the
 * fewest, so that sending is smooth. The timer is set for the next slot that
 * holds anyone: a worker without streams sleeps. No lock, no timer and no
 * allocation for a stream's tick.
 *
 * A stream may go to another worker, so that those of a bridge are together. It
 * is posted from one to the other; messages that overtake it wait there.
 *
 * Made, stopped and joined by the loop thread (struct media).
 */
#ifndef MOONDIAL_MEDIA_WORKER_H
#define MOONDIAL_MEDIA_WORKER_H

#include <stdatomic.h>
#include "base/mailbox.h"

struct message;
struct worker;

/* Start a thread. OUT: the loop thread's mailbox. REALTIME: it goes before all
 * that is not, where the system permits it. ENOMEM, errno. */
int worker_alloc(struct worker **wp, struct mailbox *out, bool realtime);

/* Any thread. */
void worker_post(struct worker *worker, struct message *message);

/* The thread ends when all its streams are closed (which the caller has
 * asked for); joins it. */
void worker_free(struct worker *worker);

#endif
