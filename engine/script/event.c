/* Handlers of events: call:on, moon.on, moon.emit. Each runs in a coroutine of
 * its own. */
#include "script/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "call/cdr.h"
#include "script/detect.h"

static const char *const names[] = {
	[EVENT_DTMF] = "dtmf",
	[EVENT_HANGUP] = "hangup",
	[EVENT_ANSWERED] = "answered",
	[EVENT_RINGING] = "ringing",
	[EVENT_PROGRESS] = "progress",
	[EVENT_HOLD] = "hold",
	[EVENT_RESUME] = "resume",
	[EVENT_MEDIA_TIMEOUT] = "media_timeout",
	[EVENT_KEEPALIVE_FAILED] = "keepalive_failed",
	[EVENT_BRIDGE] = "bridge",
	[EVENT_UNBRIDGE] = "unbridge",
	[EVENT_MACHINE] = "machine",
	[EVENT_SPEECH] = "speech",
	[EVENT_SILENCE] = "silence",
	[EVENT_BEEP] = "beep",
	[EVENT_TONE] = "tone",
};

static const char *const later[] = {"transfer", "quality", "text"};

const char *event_text(enum event_name name)
{
	return name < EVENT_NONE ? names[name] : "";
}

static enum event_name known(const char *text)
{
	unsigned i = 0;

	while (i < EVENT_NONE && strcmp(names[i], text) != 0)
		i++;
	return (enum event_name)i;
}

enum event_name event_check(lua_State *L, int index, const char *verb)
{
	const char *text = lua_type(L, index) == LUA_TSTRING
				   ? lua_tostring(L, index)
				   : NULL;
	enum event_name name;
	const char *near;

	if (!text)
		(void)raise_error(L, "usage",
				  "%s: the name of an event is expected, got "
				  "%s",
				  verb, luaL_typename(L, index));
	name = known(text);
	if (name != EVENT_NONE)
		return name;
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		if (!strcmp(later[i], text))
			(void)raise_error(L, "not_available",
					  "%s: the event '%s' is not "
					  "available yet",
					  verb, text);
	}
	near = nearest_name(text, names, EVENT_NONE);
	(void)raise_error(L, "usage", "%s: unknown event '%.40s'%s%s%s", verb,
			  text, near ? "; did you mean '" : "",
			  near ? near : "", near ? "'?" : "");
	return EVENT_NONE;
}

static enum event_name detected(enum detect_event_type type)
{
	switch (type) {
	case DETECT_EV_VERDICT:
		return EVENT_MACHINE;
	case DETECT_EV_SPEECH:
		return EVENT_SPEECH;
	case DETECT_EV_SILENCE:
		return EVENT_SILENCE;
	case DETECT_EV_BEEP:
		return EVENT_BEEP;
	case DETECT_EV_TONE:
		return EVENT_TONE;
	}
	return EVENT_NONE;
}

enum event_name event_of(const struct call_event *event)
{
	switch (event->type) {
	case CALL_EV_DIGIT:
		return EVENT_DTMF;
	case CALL_EV_ENDED:
		return EVENT_HANGUP;
	case CALL_EV_ANSWERED:
		return EVENT_ANSWERED;
	case CALL_EV_RINGING:
		return EVENT_RINGING;
	case CALL_EV_PROGRESS:
		return EVENT_PROGRESS;
	case CALL_EV_HOLD:
		return EVENT_HOLD;
	case CALL_EV_RESUME:
		return EVENT_RESUME;
	case CALL_EV_MEDIA_TIMEOUT:
		return EVENT_MEDIA_TIMEOUT;
	case CALL_EV_KEEPALIVE_FAILED:
		return EVENT_KEEPALIVE_FAILED;
	case CALL_EV_BRIDGED:
		return EVENT_BRIDGE;
	case CALL_EV_UNBRIDGED:
		return EVENT_UNBRIDGE;
	case CALL_EV_DETECTED:
		return detected(event->detect.type);
	default:
		return EVENT_NONE;
	}
}

static void set_detected(lua_State *L, const struct detect_event *e)
{
	if (e->type == DETECT_EV_VERDICT) {
		detect_set_fields(L, &e->verdict);
		return;
	}
	if (e->duration_ms) {
		lua_pushnumber(L, e->duration_ms / 1000.0);
		lua_setfield(L, -2, "duration");
	}
	if (e->hz[0] > 0) {
		lua_pushnumber(L, (double)e->hz[0]);
		lua_setfield(L, -2, "frequency");
	}
	if (e->type != DETECT_EV_TONE)
		return;
	lua_pushstring(L, e->tone);
	lua_setfield(L, -2, "tone");
	if (*e->region) {
		lua_pushstring(L, e->region);
		lua_setfield(L, -2, "region");
	}
}

void leg_push_event(lua_State *L, const struct leg *leg,
		    const struct call_event *event)
{
	lua_createtable(L, 0, 4);
	lua_pushstring(L, event_text(event_of(event)));
	lua_setfield(L, -2, "type");
	if (event->type == CALL_EV_DIGIT) {
		lua_pushlstring(L, &event->digit, 1);
		lua_setfield(L, -2, "digit");
		lua_pushnumber(L, event->duration_ms / 1000.0);
		lua_setfield(L, -2, "duration");
	} else if (event->type == CALL_EV_MEDIA_TIMEOUT) {
		lua_pushnumber(L, event->duration_ms / 1000.0);
		lua_setfield(L, -2, "duration");
	} else if (event->type == CALL_EV_DETECTED) {
		set_detected(L, &event->detect);
	} else if (event->type == CALL_EV_KEEPALIVE_FAILED) {
		if (event->scode)
			lua_pushinteger(L, event->scode);
		else
			lua_pushnil(L);
		lua_setfield(L, -2, "code");
		lua_pushstring(L, event->scode == 481 ? "unknown_call"
						      : "timeout");
		lua_setfield(L, -2, "reason");
		lua_pushnumber(L, event->duration_ms / 1000.0);
		lua_setfield(L, -2, "duration");
	} else if (event->type == CALL_EV_ENDED) {
		const struct cdr *cdr = call_cdr(leg->call);

		lua_pushstring(L, cdr->hangup_by ? cdr->hangup_by : "");
		lua_setfield(L, -2, "by");
		lua_pushinteger(L, cdr->sip_code);
		lua_setfield(L, -2, "code");
		lua_pushstring(L, cdr->reason ? cdr->reason : "");
		lua_setfield(L, -2, "reason");
	}
}

/* ---- subscriptions ---------------------------------------------------------
 */

static void subscription_destroy(void *data)
{
	struct subscription *sub = data;

	list_unlink(&sub->le);
	list_unlink(&sub->leg_le);
	if (sub->ref)
		luaL_unref(sub->host->L, LUA_REGISTRYINDEX, sub->ref);
	mem_deref(sub->gen);
	mem_deref(sub->leg);
	free(sub->name);
}

void subscription_stop(struct subscription *sub)
{
	const enum event_name name = known(sub->name);

	if (!sub->le.list)
		return;
	if (sub->le.list == &sub->host->subscriptions && name != EVENT_NONE)
		sub->host->wanted[name]--;
	list_unlink(&sub->le);
	list_unlink(&sub->leg_le);
	if (sub->heard)
		leg_unlisten(sub->heard, name);
	sub->heard = NULL;
	luaL_unref(sub->host->L, LUA_REGISTRYINDEX, sub->ref);
	sub->ref = 0;
	sub->gen = mem_deref(sub->gen);
	sub->leg = mem_deref(sub->leg);
	mem_deref(sub);
}

static struct subscription *subscription_check(lua_State *L)
{
	struct subscription **box =
		luaL_testudata(L, 1, "moondial.subscription");

	if (!box || !*box)
		(void)raise_error(L, "usage", "a subscription is expected");
	return *box;
}

static int l_cancel(lua_State *L)
{
	subscription_stop(subscription_check(L));
	return 0;
}

static int l_gc(lua_State *L)
{
	struct subscription **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void event_open(lua_State *L)
{
	static const luaL_Reg methods[] = {{"cancel", l_cancel}, {NULL, NULL}};

	luaL_newmetatable(L, "moondial.subscription");
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_cancel);
	lua_setfield(L, -2, "__close");
	lua_pushliteral(L, "subscription");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* Function at INDEX → subscription object at the top. LEG: whose handler list,
 * NULL: moon.on. */
static int subscribe(lua_State *L, struct list *list, const char *name,
		     int index, struct leg *leg)
{
	struct scripts *host = host_of(L);
	struct subscription **box = lua_newuserdatauv(L, sizeof(void *), 0);
	struct subscription *sub;

	*box = NULL;
	luaL_setmetatable(L, "moondial.subscription");
	sub = *box = mem_zalloc(sizeof(*sub), subscription_destroy);
	if (!sub || !(sub->name = strdup(name)))
		return raise_memory(L);
	sub->host = host;
	lua_pushvalue(L, index);
	sub->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	sub->gen = mem_ref(generation_current(L));
	sub->leg = mem_ref(leg);
	if (leg)
		list_append(&leg->subscriptions, &sub->leg_le, sub);
	list_append(list, &sub->le, mem_ref(sub));
	return 1;
}

/* call:on(event, handler) → subscription */
static int l_call_on(lua_State *L)
{
	struct leg *leg = leg_check(L, 1);
	const enum event_name name = event_check(L, 2, "call:on");

	luaL_checktype(L, 3, LUA_TFUNCTION);
	(void)subscribe(L, &leg->handlers, names[name], 3, NULL);
	if (!leg->ended) {
		(*(struct subscription **)lua_touserdata(L, -1))->heard = leg;
		leg_listen(leg, name);
	}
	if (leg->ended && name == EVENT_HANGUP) {
		/* It has been: tell at once. */
		lua_pushvalue(L, 3);
		leg_push_event(L, leg,
			       &(struct call_event){.type = CALL_EV_ENDED});
		(void)script_new(L, 1, generation_current(L), leg,
				 SCRIPT_HANDLER);
	}
	return 1;
}

/* moon.on(event, handler) → subscription; events of all calls (with the call
 * and the event), "call" (a new one comes in), and those of moon.emit. */
static int l_moon_on(lua_State *L)
{
	struct scripts *host = host_of(L);
	const char *name = luaL_checkstring(L, 1);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	(void)subscribe(L, &host->subscriptions, name, 2, host->running->leg);
	if (known(name) != EVENT_NONE)
		host->wanted[known(name)]++;
	return 1;
}

/* Function and NARGS arguments at the top are a template that stays. */
static void start_handlers(lua_State *L, struct list *list, const char *name,
			   int nargs, struct leg *leg)
{
	struct le *le = list_head(list);
	const int first = lua_gettop(L) - nargs + 1;

	while (le) {
		const struct subscription *sub = le->data;

		le = le->next;
		if (strcmp(sub->name, name) != 0)
			continue;
		lua_rawgeti(L, LUA_REGISTRYINDEX, sub->ref);
		for (int i = 0; i < nargs; i++)
			lua_pushvalue(L, first + i);
		(void)script_new(L, nargs, sub->gen, leg, SCRIPT_HANDLER);
	}
	lua_pop(L, nargs);
}

void event_dispatch(lua_State *L, struct leg *leg,
		    const struct call_event *event)
{
	const char *name = event_text(event_of(event));

	leg_push_event(L, leg, event);
	start_handlers(L, &leg->handlers, name, 1, leg);
	leg_push(L, leg);
	leg_push_event(L, leg, event);
	/* They watch all calls and belong to none. */
	start_handlers(L, &leg->host->subscriptions, name, 2, NULL);
}

void event_new_call(lua_State *L, struct leg *leg)
{
	leg_push(L, leg);
	start_handlers(L, &leg->host->subscriptions, "call", 1, NULL);
}

static bool wanted_in(const struct list *list, const char *name)
{
	struct le *le;

	LIST_FOREACH(list, le)
	{
		if (!strcmp(((const struct subscription *)le->data)->name,
			    name))
			return true;
	}
	return false;
}

bool event_wanted(const struct leg *leg, enum event_name name)
{
	return name != EVENT_NONE && (wanted_in(&leg->handlers, names[name]) ||
				      leg->host->wanted[name] > 0);
}

/* moon.emit(event[, value]) */
static int l_emit(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_settop(L, 2);
	start_handlers(L, &host_of(L)->subscriptions, name, 1, NULL);
	return 0;
}

struct engine_event {
	struct job job;
	char *name;
	cJSON *value;
};

static void engine_event_free(void *arg)
{
	struct engine_event *event = arg;

	list_unlink(&event->job.le);
	free(event->name);
	cJSON_Delete(event->value);
}

static void engine_event_run(lua_State *L, struct job *job)
{
	const struct engine_event *event = (struct engine_event *)job;

	json_push(L, event->value);
	start_handlers(L, &host_of(L)->subscriptions, event->name, 1, NULL);
}

void scripts_event(struct scripts *host, const char *name, const cJSON *value)
{
	struct engine_event *event;

	if (!wanted_in(&host->subscriptions, name))
		return;
	event = mem_zalloc(sizeof(*event), engine_event_free);
	if (!event)
		return;
	event->job.fn = engine_event_run;
	event->name = strdup(name);
	event->value = cJSON_Duplicate(value, true);
	if (event->name && event->value)
		host_post(host, &event->job);
	else
		mem_deref(event);
}

void subscriptions_retire(struct scripts *host, const struct generation *gen)
{
	struct le *le = list_head(&host->subscriptions);

	while (le) {
		struct subscription *sub = le->data;

		le = le->next;
		if (!gen || (sub->gen == gen && !sub->leg))
			subscription_stop(sub);
	}
}

/* Those for its own end are in the queue already. */
void subscriptions_leg_ended(struct leg *leg)
{
	struct le *le;

	while ((le = list_head(&leg->subscriptions)))
		subscription_stop(le->data);
	if (leg->host->freeing) {
		while ((le = list_head(&leg->handlers)))
			subscription_stop(le->data);
	}
}

void event_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_call_on);
	lua_setfield(L, -2, "on");
}

void event_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_moon_on);
	lua_setfield(L, -2, "on");
	lua_pushcfunction(L, l_emit);
	lua_setfield(L, -2, "emit");
}
