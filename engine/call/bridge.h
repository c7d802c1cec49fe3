/* bridge.h -- calls whose parties hear each other
 *
 *   call ─┐                     two parties: with one of them the bridge ends
 *   call ─┼─ bridge ─ media     others may listen, prompt, or speak with them
 *   call ─┘                     a conference: it is there until nobody is
 *
 * Who hears whom is told by bits, as in media.h. Digits that one presses are
 * sent to those who hear it, unless it says that they aren't. A call is in one
 * bridge at most, and leaves it at its end at the latest.
 * CALL_EV_BRIDGED tells a member that it has joined, CALL_EV_UNBRIDGED that it
 * has left without having ended.
 * On the loop thread; a libre object. Members hold no reference: who makes a
 * bridge holds one for as long as it is to last, and each member one.
 */
#ifndef MOONDIAL_CALL_BRIDGE_H
#define MOONDIAL_CALL_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

struct bridge;
struct call;
struct calls;

enum {
	BRIDGE_ALL = 1,	    /* what all say and hear */
	BRIDGE_WHISPER = 2, /* what only somebody is to hear */
};

struct bridge_role {
	uint32_t talk, hear;
	/* With one of these the bridge ends. */
	bool party;
	/* What it presses is sent to those who hear it. */
	bool digits;
	/* For the CDR, whom it talks to: another call's id, a conference. NULL:
	 * it is none who talks */
	const char *to;
};

/* ENOMEM. */
int bridge_alloc(struct bridge **bp, struct calls *calls);

/* CALL joins, or changes its role. EPROTO: it has no audio, or has ended;
 * EBUSY: it is in another bridge; ENOMEM. */
int bridge_join(struct bridge *bridge, struct call *call,
		const struct bridge_role *role);

/* Nothing when it is in none. */
void bridge_leave(struct call *call);

/* All leave. */
void bridge_end(struct bridge *bridge);

/* NULL: none. */
struct bridge *call_bridge(const struct call *call);
unsigned bridge_count(const struct bridge *bridge);
/* It hears these, too. EPROTO: it is in no bridge; ENOMEM. */
int bridge_hear(struct call *call, uint32_t hear);

#endif
