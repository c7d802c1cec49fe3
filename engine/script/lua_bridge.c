/* call:bridge, call:unbridge, call:conference, call:monitor: each waits until
 * it is over and returns how it went, also when the call has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "call/bridge.h"
#include "call/cdr.h"
#include "script/args.h"
#include "script/leg.h"
#include "script/play.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum { NAME_MAX_SIZE = 64 };

/* A room with a name; a libre object, held by those who are in. */
struct conference {
	struct le le; /* host->conferences */
	struct bridge *bridge;
	char name[NAME_MAX_SIZE];
};

struct bridge_wait {
	struct waiter w;
	struct leg *leg, *other;
	struct watch watch, other_watch;
	struct reader reader;
	struct tmr tmr;
	struct bridge *bridge;
	struct conference *conference;
	bool pair; /* call:bridge */
	bool hangup, hangup_other;
	uint64_t begun_ms;
	const char *reason;
	char digit;
	char leave_on[24];
};

/* ---- the wait ---------------------------------------------------------- */

static void wait_disarm(struct waiter *w)
{
	struct bridge_wait *op = (struct bridge_wait *)w;

	tmr_cancel(&op->tmr);
	list_unlink(&op->watch.le);
	list_unlink(&op->other_watch.le);
	list_unlink(&op->reader.le);
}

static bool is_over(const struct leg *leg)
{
	return leg->ended || call_state(leg->call) == CALL_ENDED;
}

/* What is pressed in a bridge is for the other party. */
static void leave(struct bridge_wait *op)
{
	if (!op->bridge)
		return;
	if (call_bridge(op->leg->call) == op->bridge)
		bridge_leave(op->leg->call);
	if (op->pair)
		op->leg->digit_count = op->other->digit_count = 0;
	op->bridge = mem_deref(op->bridge);
	op->conference = mem_deref(op->conference);
}

static void wait_abort(struct waiter *w)
{
	wait_disarm(w);
	leave((struct bridge_wait *)w);
}

static void wait_free(void *arg)
{
	struct bridge_wait *op = arg;

	wait_disarm(&op->w);
	if (op->leg)
		leave(op);
	op->bridge = mem_deref(op->bridge);
	op->conference = mem_deref(op->conference);
	op->leg = mem_deref(op->leg);
	op->other = mem_deref(op->other);
}

static void finish(struct bridge_wait *op, const char *reason)
{
	if (op->reason)
		return;
	op->reason = reason;
	wait_disarm(&op->w);
	leave(op);
	if (op->other && op->hangup_other && !is_over(op->other))
		call_hangup(op->other->call, CALL_LOCAL, "normal");
	if (op->hangup && !is_over(op->leg))
		call_hangup(op->leg->call, CALL_LOCAL, "normal");
	waiter_wake(&op->w, WAKE_DONE);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct bridge_wait *op = container(watch, struct bridge_wait, watch);

	if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		finish(op, "hangup");
	else if (event->type == CALL_EV_UNBRIDGED)
		finish(op, op->other && is_over(op->other) ? "other_hangup"
							   : "unbridged");
}

static void on_other(struct watch *watch, const struct call_event *event)
{
	struct bridge_wait *op =
		container(watch, struct bridge_wait, other_watch);

	if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		finish(op, "other_hangup");
}

static void on_digit(struct reader *reader, const struct digit *digit)
{
	struct bridge_wait *op = container(reader, struct bridge_wait, reader);

	op->digit = digit->digit;
	finish(op, "left");
}

static void timed_out(void *arg)
{
	finish(arg, "max_duration");
}

/* {reason, duration[, digit]} */
static int wait_push(lua_State *L, struct waiter *w)
{
	const struct bridge_wait *op = (const struct bridge_wait *)w;

	lua_createtable(L, 0, 3);
	lua_pushstring(L, op->reason);
	lua_setfield(L, -2, "reason");
	lua_pushnumber(L, (double)(clock_mono_ms() - op->begun_ms) / 1000);
	lua_setfield(L, -2, "duration");
	if (op->digit) {
		lua_pushlstring(L, &op->digit, 1);
		lua_setfield(L, -2, "digit");
	}
	return 1;
}

static struct bridge_wait *begin(lua_State *L, struct leg *leg)
{
	struct bridge_wait *op = op_new(L, sizeof(*op), wait_free);

	op->leg = mem_ref(leg);
	op->watch.fire = on_event;
	op->other_watch.fire = on_other;
	op->reader.read = on_digit;
	return op;
}

static int wait_until_over(lua_State *L, struct bridge_wait *op,
			   uint32_t max_ms)
{
	op->begun_ms = clock_mono_ms();
	waiter_init(L, &op->w, wait_disarm, wait_abort, wait_push);
	watch_add(&op->leg->watches, &op->watch);
	if (op->other)
		watch_add(&op->other->watches, &op->other_watch);
	if (max_ms)
		tmr_start(&op->tmr, max_ms, timed_out, op);
	if (op->leave_on[0]) {
		op->reader.accept = op->leave_on;
		(void)leg_read(op->leg, &op->reader);
	}
	return script_wait(L, &op->w);
}

/* ---- joining ----------------------------------------------------------- */

static void need_free(lua_State *L, const struct leg *leg, const char *verb)
{
	play_need_audio(L, leg, verb);
	if (call_bridge(leg->call))
		(void)raise_error(L, "busy", "%s: call %s is in a bridge", verb,
				  leg_id(leg));
}

static void join(lua_State *L, struct bridge_wait *op, struct leg *leg,
		 const struct bridge_role *role, const char *verb)
{
	const int err = bridge_join(op->bridge, leg->call, role);

	if (!err)
		return;
	leave(op); /* whoever is in already */
	(void)raise_errno(L, verb, err);
}

static void make_bridge(lua_State *L, struct bridge **bp, struct scripts *host,
			const char *verb)
{
	const int err = bridge_alloc(bp, host->config.calls);

	if (err)
		(void)raise_errno(L, verb, err);
}

/* call:bridge(other[, {dtmf, max_duration, hangup_other, hangup}]) */
static int l_bridge(lua_State *L)
{
	static const char verb[] = "call:bridge";
	static const struct option options[] = {{"dtmf", OPT_BOOLEAN},
						{"max_duration", OPT_SECONDS},
						{"hangup_other", OPT_BOOLEAN},
						{"hangup", OPT_BOOLEAN},
						{0}};
	struct bridge_role role = {
		.talk = BRIDGE_ALL, .hear = BRIDGE_ALL, .party = true};
	struct bridge_wait *op;
	struct leg *leg, *other;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	other = leg_check(L, 2);
	args_check(L, 3, verb, options, false);
	if (leg == other)
		return raise_error(L, "usage",
				   "%s: a call can't be bridged with itself",
				   verb);
	op = begin(L, leg);
	op->other = mem_ref(other);
	op->hangup = args_boolean(L, 3, "hangup", false);
	op->hangup_other = args_boolean(L, 3, "hangup_other", true);
	role.digits = args_boolean(L, 3, "dtmf", true);
	op->pair = true;
	if (is_over(other)) {
		op->reason = "other_hangup";
		op->begun_ms = clock_mono_ms();
		return wait_push(L, &op->w);
	}
	need_free(L, leg, verb);
	need_free(L, other, verb);
	make_bridge(L, &op->bridge, leg->host, verb);
	playback_hush(leg);
	playback_hush(other);
	leg->digit_count = other->digit_count = 0;
	role.to = leg_id(other);
	join(L, op, leg, &role, verb);
	role.to = leg_id(leg);
	join(L, op, other, &role, verb);
	return wait_until_over(L, op, args_ms(L, 3, "max_duration", 0));
}

/* call:unbridge() → whether it was in one */
static int l_unbridge(lua_State *L)
{
	struct leg *leg = leg_check(L, 1);
	const bool was = call_bridge(leg->call) != NULL;

	bridge_leave(leg->call);
	lua_pushboolean(L, was);
	return 1;
}

/* ---- conferences ------------------------------------------------------- */

static void conference_destroy(void *arg)
{
	struct conference *room = arg;

	list_unlink(&room->le);
	mem_deref(room->bridge);
}

static struct conference *conference_find(const struct scripts *host,
					  const char *name)
{
	struct le *le;

	LIST_FOREACH(&host->conferences, le)
	{
		struct conference *room = le->data;

		if (!strcmp(room->name, name))
			return mem_ref(room);
	}
	return NULL;
}

/* A reference: the room's, or that of a new one. */
static struct conference *conference_get(lua_State *L, struct scripts *host,
					 const char *name, const char *verb)
{
	struct conference *room = conference_find(host, name);
	int err;

	if (room)
		return room;
	room = mem_zalloc(sizeof(*room), conference_destroy);
	if (!room)
		(void)raise_memory(L);
	err = bridge_alloc(&room->bridge, host->config.calls);
	if (err) {
		mem_deref(room);
		(void)raise_errno(L, verb, err);
	}
	memcpy(room->name, name, strlen(name) + 1);
	list_append(&host->conferences, &room->le, room);
	return room;
}

static void read_leave_on(lua_State *L, struct bridge_wait *op,
			  const char *verb)
{
	const char *digits = args_string(L, 3, "leave_on", "");

	if (strlen(digits) >= sizeof(op->leave_on) ||
	    strspn(digits, "0123456789*#ABCD") != strlen(digits))
		(void)raise_error(L, "usage",
				  "%s: leave_on is digits, got '%.40s'", verb,
				  digits);
	memcpy(op->leave_on, digits, strlen(digits) + 1);
}

/* call:conference(name[, {muted, dtmf, max_members, max_duration, leave_on}])
 */
static int l_conference(lua_State *L)
{
	static const char verb[] = "call:conference";
	static const struct option options[] = {
		{"muted", OPT_BOOLEAN},	    {"dtmf", OPT_BOOLEAN},
		{"max_members", OPT_COUNT}, {"max_duration", OPT_SECONDS},
		{"leave_on", OPT_STRING},   {0}};
	char to[sizeof("conference:") + NAME_MAX_SIZE];
	struct bridge_role role = {.talk = BRIDGE_ALL, .hear = BRIDGE_ALL};
	struct bridge_wait *op;
	const char *name;
	struct leg *leg;
	double max;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	name = luaL_checkstring(L, 2);
	args_check(L, 3, verb, options, false);
	if (!*name || strlen(name) >= NAME_MAX_SIZE)
		return raise_error(L, "usage",
				   "%s: a name of 1 to %d characters", verb,
				   NAME_MAX_SIZE - 1);
	op = begin(L, leg);
	read_leave_on(L, op, verb);
	need_free(L, leg, verb);
	op->conference = conference_get(L, leg->host, name, verb);
	max = args_number(L, 3, "max_members", 0);
	if (max > 0 && bridge_count(op->conference->bridge) >= max)
		return push_reason(L, "full");
	op->bridge = mem_ref(op->conference->bridge);
	if (args_boolean(L, 3, "muted", false))
		role.talk = 0;
	role.digits = args_boolean(L, 3, "dtmf", false);
	(void)snprintf(to, sizeof(to), "conference:%s", name);
	role.to = to;
	playback_hush(leg);
	join(L, op, leg, &role, verb);
	return wait_until_over(L, op, args_ms(L, 3, "max_duration", 0));
}

/* ---- monitor, whisper, barge ------------------------------------------- */

static bool read_mode(const char *mode, struct bridge_role *role)
{
	role->hear = BRIDGE_ALL;
	if (!strcmp(mode, "monitor"))
		role->talk = 0;
	else if (!strcmp(mode, "whisper"))
		role->talk = BRIDGE_WHISPER;
	else if (!strcmp(mode, "barge"))
		role->talk = BRIDGE_ALL;
	else
		return false;
	return true;
}

/* call:monitor(other[, {mode, leave_on, max_duration}]): hear the bridge that
 * OTHER is in; mode "monitor": unheard; "whisper": OTHER hears it, "barge": all
 * do. */
static int l_monitor(lua_State *L)
{
	static const char verb[] = "call:monitor";
	static const struct option options[] = {{"mode", OPT_STRING},
						{"max_duration", OPT_SECONDS},
						{"leave_on", OPT_STRING},
						{0}};
	struct bridge_role role = {.talk = 0};
	struct bridge_wait *op;
	struct leg *leg, *other;
	const char *mode;
	int err;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	other = leg_check(L, 2);
	args_check(L, 3, verb, options, false);
	mode = args_string(L, 3, "mode", "monitor");
	if (!read_mode(mode, &role))
		return raise_error(L, "usage",
				   "%s: mode is \"monitor\", \"whisper\" or "
				   "\"barge\", got '%.40s'",
				   verb, mode);
	op = begin(L, leg);
	read_leave_on(L, op, verb);
	need_free(L, leg, verb);
	if (is_over(other) || !call_bridge(other->call))
		return push_reason(L, "not_bridged");
	op->bridge = mem_ref(call_bridge(other->call));
	op->other = mem_ref(other);
	playback_hush(leg);
	err = bridge_hear(other->call, BRIDGE_WHISPER);
	if (err)
		return raise_errno(L, verb, err);
	join(L, op, leg, &role, verb);
	return wait_until_over(L, op, args_ms(L, 3, "max_duration", 0));
}

void bridge_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"bridge", l_bridge},
		{"unbridge", l_unbridge},
		{"conference", l_conference},
		{"monitor", l_monitor},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
