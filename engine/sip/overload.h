/* overload.h -- as many new calls as there is time for, and no more
 *
 * Everything of SIP and all scripts run on one thread: when it is late, what
 * comes in waits. The shortest wait within an interval is a standing one (as
 * in CoDel, RFC 8289): when it is longer than the target, more has been taken
 * on than can be done. From then on new calls are admitted at a rate, at first
 * that of the calls that were being admitted, which follows the wait down and
 * up until none is refused for a while. The rest is refused as cheaply as can
 * be, so that the time goes to calls that are carried through.
 * A value without a thread; times are monotonic.
 */
#ifndef MOONDIAL_SIP_OVERLOAD_H
#define MOONDIAL_SIP_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct overload {
	uint32_t target_us; /* 0: never overloaded */
	bool active;
	uint64_t interval_ms;	      /* when it began */
	uint32_t shortest_us, waited; /* the waits in it, how many */
	uint32_t late_us; /* how late the loop was in it, at least */
	uint32_t admitted, turned_away; /* in it */
	double smooth;			/* admitted a second, lately */
	double rate;			/* active: calls a second */
	double usual;			/* a quarter of it before */
	double capacity; /* active: what can be done, as it seems */
	double tokens;
	uint64_t filled_ms, calm_ms;
	uint32_t standing_us, before_us; /* of the last interval, of its own */
	uint64_t since_ms, total_turned_away, times;
};

void overload_init(struct overload *overload, uint32_t target_ms);

/* Something was handled WAIT_US after it had come. */
void overload_waited(struct overload *overload, uint64_t now_ms,
		     uint64_t wait_us);

/* The loop was LATE_US late. It counts when nothing has come that waited. */
void overload_late(struct overload *overload, uint64_t now_ms,
		   uint64_t late_us);

/* May one more call begin? */
bool overload_admits(struct overload *overload, uint64_t now_ms);

/* One has begun without having been asked about: a call of ours. */
void overload_began(struct overload *overload, uint64_t now_ms);

/* How many of WANTED new calls may begin now; the others count as turned
 * away. Nothing is taken: overload_began() does so for each. */
unsigned overload_room(struct overload *overload, uint64_t now_ms,
		       unsigned wanted);

/* Seconds until refused callers had better come again. */
unsigned overload_retry_after(const struct overload *overload);

#endif
