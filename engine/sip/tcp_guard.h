/* tcp_guard.h -- the TCP connections that others have opened to us
 *
 * libre accepts whatever comes. Here they are counted: for each source that
 * isn't trusted, and in all. A source beyond its limit is turned away; when
 * there are too many in all, the oldest that has said nothing yet makes room,
 * so that idle connections keep nobody out. Those of a banned source are
 * closed. (A connection without a whole message for 32 s, and one idle for
 * 900 s, is closed by libre.)
 *
 * Those that we open are known too, uncounted: one that a keep-alive found dead
 * is closed at once. Of all, one whose peer acknowledges nothing for half a
 * minute is given up by the kernel, long before its own quarter of an hour.
 */
#ifndef MOONDIAL_SIP_TCP_GUARD_H
#define MOONDIAL_SIP_TCP_GUARD_H

#include <re.h>
#include "base/loop.h"

struct stack;
struct tcp_guard;

/* Of the loop that this thread is in. 0: no limit. ENOMEM. */
int tcp_guard_alloc(struct tcp_guard **gp, struct stack *stack,
		    unsigned source_max, unsigned all_max);
void tcp_guard_free(struct tcp_guard *guard);

/* A message has come from PEER. */
void tcp_guard_heard(struct tcp_guard *guard, const struct sa *peer);
/* Close all of a source. */
void tcp_guard_close(struct tcp_guard *guard, const struct sa *source);

/* Close those that we have opened to PEER. */
void tcp_guard_hang_up(struct tcp_guard *guard, const struct sa *peer);

/* Who is told when a connection is gone: embedded in its user, zeroed. */
struct tcp_watch {
	struct le he; /* guard->watches */
	struct sa peer;
	struct soon soon;
	loop_h *handler;
	void *arg;
};
/* Tell HANDLER, once, from the loop, when the connection to or from PEER is
 * closed, by whomever; instead of what WATCH has waited for before. False:
 * there is none. */
bool tcp_watch_begin(struct tcp_watch *watch, struct tcp_guard *guard,
		     const struct sa *peer, loop_h *handler, void *arg);
/* It waits for the end of the connection to or from PEER. */
bool tcp_watch_waits(const struct tcp_watch *watch, const struct sa *peer);
/* Also when it has never begun. Before tcp_guard_free(). */
void tcp_watch_end(struct tcp_watch *watch);

unsigned tcp_guard_count(const struct tcp_guard *guard);

#endif
