/* event.h -- private to script: names of events; call:on, moon.on, moon.emit */
#ifndef MOONDIAL_SCRIPT_EVENT_H
#define MOONDIAL_SCRIPT_EVENT_H

#include "script/leg.h"

/* The name at INDEX, or raises: unknown ones with the nearest, those of later
 * with {code = "not_available"}. */
enum event_name event_check(lua_State *L, int index, const char *verb);
const char *event_text(enum event_name name);
/* EVENT_NONE for what scripts don't see. */
enum event_name event_of(const struct call_event *event);

/* A handler of call:on or moon.on: a function with its generation. */
struct subscription {
	struct le le; /* leg->handlers or host->subscriptions */
	struct scripts *host;
	struct generation *gen;
	struct leg *leg;   /* moon.on by a call's script: ends with the call */
	struct le leg_le;  /* leg->subscriptions: moon.on by its scripts */
	struct leg *heard; /* call:on: its detector may listen for this */
	char *name;
	int ref;
};

/* Start a handler for each subscription to the event. In Lua. raises */
void event_dispatch(lua_State *L, struct leg *leg,
		    const struct call_event *event);
/* moon.on("call"): a new call has come in. raises */
void event_new_call(lua_State *L, struct leg *leg);
/* Is anybody interested? */
bool event_wanted(const struct leg *leg, enum event_name name);
/* Subscriptions of GEN (NULL: all) that belong to no call end. */
void subscriptions_retire(struct scripts *host, const struct generation *gen);
void subscriptions_leg_ended(struct leg *leg);
void subscription_stop(struct subscription *sub);
/* Functions into the table at the top. */
void event_add_call(lua_State *L);
void event_add_moon(lua_State *L);

#endif
