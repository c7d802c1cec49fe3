/* leg.h -- private to script: what Lua keeps of a call
 *
 * A struct leg is made with its call, in C, and lives until the call is closed
 * and no script, handler or Lua object holds it any more. The Lua object is a
 * box with a pointer to it. Fields of an ended call are read through it from
 * the call's record.
 *
 *   call event ─► leg_event() ─┬─► watches (waits): C only, wake scripts
 *                              ├─► digits ─► readers, the oldest first
 *                              └─► job ─► call:on() and moon.on() handlers
 */
#ifndef MOONDIAL_SCRIPT_LEG_H
#define MOONDIAL_SCRIPT_LEG_H

#include "call/call.h"
#include "script/host.h"

enum { LEG_DIGITS_MAX = 256 };

struct digit {
	char digit;
	uint32_t duration_ms;
	uint64_t stamp;
};

/* Who wants digits. Oldest first; ACCEPT NULL: all. */
struct reader {
	struct le le;
	const char *accept;
	void (*read)(struct reader *reader, const struct digit *digit);
};

struct leg {
	struct le le; /* host->legs, until closed */
	struct scripts *host;
	struct generation *gen;
	struct call *call;
	struct script *owner; /* ends it with itself; NULL: detached */
	struct le owner_le;   /* owner->owned */
	struct le id_le;      /* host->ids */
	bool dialled;	      /* held for the script that dialled it */
	bool orphan;	      /* its script has ended while it was bridged:
			       * it goes with the bridge */
	int ref;	      /* the Lua object, while the leg is in use */
	unsigned holds;	      /* scripts and events the CDR waits for */
	bool begun;	      /* call_script_begin() was called */
	bool ended, closed, late;
	bool muted_rx, muted_tx;
	uint64_t ended_stamp;
	const void *output; /* the verb that plays, gathers or records */
	struct list watches, readers, handlers;
	struct list scripts;	   /* struct script that runs on it */
	struct list timers;	   /* struct timer: `every` of those */
	struct list subscriptions; /* struct subscription: moon.on of those */
	struct digit *digits;	   /* unread, the oldest first; grows */
	size_t digit_count, digit_size;
	struct tmr grace;
};

/* A leg without a call yet (leg_set_call). ENOMEM. The list owns it. */
int leg_alloc(struct leg **lp, struct scripts *host, struct generation *gen);
/* Takes the reference; NULL: there is none. */
void leg_set_call(struct leg *leg, struct call *call);
/* Refused at once: no event will come. */
void leg_refused(struct leg *leg);
/* The engine goes away: let go of the call. */
void leg_abandon(struct leg *leg);
/* As call_event_h; ARG is the leg. */
void leg_event(struct call *call, const struct call_event *event, void *arg);

const char *leg_id(const struct leg *leg);
/* The leg of the call with this id, or NULL. */
struct leg *leg_find(const struct scripts *host, const char *id);

/* The CDR waits. */
void leg_hold(struct leg *leg);
void leg_release(struct leg *leg);
void leg_flow_begin(struct leg *leg, struct script *s);
/* S has dialled it. NULL: nobody owns it any more. */
void leg_set_owner(struct leg *leg, struct script *s);
/* Its script can't be started, for want of memory: it ends. */
void leg_no_flow(struct leg *leg);
/* S has ended: what it owned ends too; its error goes to the CDR. */
void leg_script_ended(struct script *s);

/* A reader gets the oldest unread digit it accepts at once (true), or is
 * queued. */
bool leg_read(struct leg *leg, struct reader *reader);
/* The oldest unread digit (that ACCEPT names) without taking it, or NULL. */
const struct digit *leg_peek(const struct leg *leg, const char *accept);

/* The Lua object. raises */
void leg_push(lua_State *L, struct leg *leg);
/* Argument 1 of a method, or an error. raises */
struct leg *leg_check(lua_State *L, int index);
/* … of a verb that needs the call to go on: {code = "hangup"} otherwise. */
struct leg *leg_live(lua_State *L, int index);
/* Raises {code = "busy"} when something plays or records. */
void leg_need_output(lua_State *L, const struct leg *leg, const char *verb);
/* {type = …} of an event. raises */
void leg_push_event(lua_State *L, const struct leg *leg,
		    const struct call_event *event);

#endif
