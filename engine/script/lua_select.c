/* moon.select{name = source, …, timeout = s}: the first that is ready. */
#include "script/select.h"

#include <string.h>

#include "script/args.h"
#include "script/detect.h"
#include "script/play.h"
#include "script/task.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum { SOURCES_MAX = 32 };

/* call:event("dtmf"), as an object */
struct event_source {
	struct leg *leg;
	enum event_name name;
};

static int l_gc(lua_State *L)
{
	struct event_source *e = lua_touserdata(L, 1);

	e->leg = mem_deref(e->leg);
	return 0;
}

void event_source_push(lua_State *L, struct leg *leg, enum event_name name)
{
	struct event_source *e = lua_newuserdatauv(L, sizeof(*e), 0);

	e->leg = NULL;
	e->name = name;
	if (luaL_newmetatable(L, "moondial.event")) {
		lua_pushcfunction(L, l_gc);
		lua_setfield(L, -2, "__gc");
		lua_pushliteral(L, "event");
		lua_setfield(L, -2, "__metatable");
	}
	lua_setmetatable(L, -2);
	e->leg = mem_ref(leg);
}

/* ---- a source that is armed ------------------------------------------------
 */

struct select;

struct source {
	struct select *select;
	struct watch watch;
	struct reader reader;
	struct leg *leg; /* an event's */
	enum event_name name;
	bool listens;
	struct playback *pb;
	struct script *task;
	struct call_event event;
	int index; /* of its name and object in the list at stack index 2 */
};

struct select {
	struct waiter w;
	struct tmr tmr;
	struct source sources[SOURCES_MAX];
	int count;
	struct source *winner; /* NULL: the time is over */
};

static void disarm(struct waiter *w)
{
	struct select *op = (struct select *)w;

	tmr_cancel(&op->tmr);
	for (int i = 0; i < op->count; i++) {
		list_unlink(&op->sources[i].watch.le);
		list_unlink(&op->sources[i].reader.le);
		if (op->sources[i].listens)
			leg_unlisten(op->sources[i].leg, op->sources[i].name);
		op->sources[i].listens = false;
	}
}

static void select_free(void *arg)
{
	struct select *op = arg;

	disarm(&op->w);
	for (int i = 0; i < op->count; i++) {
		struct source *s = &op->sources[i];

		s->leg = mem_deref(s->leg);
		s->pb = mem_deref(s->pb);
		s->task = mem_deref(s->task);
	}
	op->count = 0;
}

static void win(struct source *s)
{
	if (s->select->winner || s->select->w.script->woken)
		return;
	s->select->winner = s;
	waiter_wake(&s->select->w, WAKE_DONE);
}

static void ended(struct watch *watch, const struct call_event *event)
{
	(void)event;
	win(container(watch, struct source, watch));
}

/* Waits for its end with this select as well? Then that one wins. */
static bool wants_hangup(const struct select *op, const struct leg *leg)
{
	for (int i = 0; i < op->count; i++) {
		if (op->sources[i].leg == leg &&
		    op->sources[i].name == EVENT_HANGUP)
			return true;
	}
	return false;
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct source *s = container(watch, struct source, watch);

	if (s->name != EVENT_DTMF && event_of(event) == s->name) {
		s->event = *event;
		win(s);
	} else if (event->type == CALL_EV_ENDED &&
		   !wants_hangup(s->select, s->leg)) {
		waiter_wake(&s->select->w, WAKE_HANGUP);
	}
}

static void on_digit(struct reader *reader, const struct digit *digit)
{
	struct source *s = container(reader, struct source, reader);

	s->event.type = CALL_EV_DIGIT;
	s->event.digit = digit->digit;
	s->event.duration_ms = digit->duration_ms;
	win(s);
}

static void timed_out(void *arg)
{
	waiter_wake(arg, WAKE_TIMEOUT);
}

/* When it became ready; 0: not yet. */
static uint64_t ready_since(const struct source *s)
{
	if (s->pb)
		return s->pb->done ? s->pb->stamp : 0;
	if (s->task)
		return script_alive(s->task) ? 0 : s->task->stamp;
	if (s->name == EVENT_DTMF) {
		const struct digit *digit = leg_peek(s->leg, NULL);

		return digit ? digit->stamp : 0;
	}
	if (s->name == EVENT_HANGUP)
		return s->leg->ended ? s->leg->ended_stamp : 0;
	return 0;
}

static struct source *earliest(struct select *op)
{
	struct source *first = NULL;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < op->count; i++) {
		const uint64_t stamp = ready_since(&op->sources[i]);

		if (stamp && stamp < best) {
			best = stamp;
			first = &op->sources[i];
		}
	}
	return first;
}

static void arm(struct source *s)
{
	if (s->pb) {
		s->watch.fire = ended;
		watch_add(&s->pb->watches, &s->watch);
	} else if (s->task) {
		s->watch.fire = ended;
		watch_add(&s->task->watches, &s->watch);
	} else {
		s->watch.fire = on_event;
		watch_add(&s->leg->watches, &s->watch);
		s->reader.read = on_digit;
		if (s->name == EVENT_DTMF)
			(void)leg_read(s->leg, &s->reader);
		leg_listen(s->leg, s->name);
		s->listens = true;
	}
}

/* which, value… */
static int push(lua_State *L, struct waiter *w)
{
	struct select *op = (struct select *)w;
	struct source *s = op->winner;

	if (w->wake == WAKE_TIMEOUT) {
		lua_pushliteral(L, "timeout");
		return 1;
	}
	lua_rawgeti(L, 2, s->index);
	if (s->pb)
		return 1 + playback_push_result(L, s->pb);
	if (s->task)
		return 1 + task_push_results(L, s->task);
	leg_push_event(L, s->leg, &s->event);
	return 2;
}

static void read_source(lua_State *L, struct select *op)
{
	struct source *s;
	struct event_source *e;

	if (op->count == SOURCES_MAX)
		(void)raise_error(L, "usage",
				  "moon.select: more than %d sources",
				  SOURCES_MAX);
	s = &op->sources[op->count];
	memset(s, 0, sizeof(*s));
	s->select = op;
	s->name = EVENT_NONE;
	e = luaL_testudata(L, -1, "moondial.event");
	if (e) {
		s->leg = mem_ref(e->leg);
		s->name = e->name;
	} else if (playback_test(L, -1)) {
		s->pb = mem_ref(playback_test(L, -1));
	} else if (task_test(L, -1)) {
		s->task = mem_ref(task_test(L, -1));
	} else {
		(void)raise_error(L, "usage",
				  "moon.select: '%s' must be a call:event(…), "
				  "a playback or a task, got %s",
				  lua_type(L, -2) == LUA_TSTRING
					  ? lua_tostring(L, -2)
					  : "?",
				  luaL_typename(L, -1));
	}
	op->count++;
	s->index = op->count;
	lua_pushvalue(L, -2);
	lua_rawseti(L, 2, s->index);
}

static int l_select(lua_State *L)
{
	uint32_t ms = UINT32_MAX;
	struct select *op;
	struct source *first;

	script_can_wait(L, "moon.select");
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_newtable(L); /* 2: names */
	op = op_new(L, sizeof(*op), select_free);
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		if (lua_type(L, -2) == LUA_TSTRING &&
		    !strcmp(lua_tostring(L, -2), "timeout") &&
		    lua_type(L, -1) == LUA_TNUMBER)
			ms = args_seconds(L, -1, "moon.select", 0);
		else
			read_source(L, op);
	}
	for (int i = 0; i < op->count; i++) {
		const struct source *s = &op->sources[i];

		if (s->leg && s->leg->ended && !wants_hangup(op, s->leg))
			return raise_hangup(L);
	}
	if (op->count == 0 && ms == UINT32_MAX)
		return raise_error(L, "usage",
				   "moon.select: nothing to wait for");
	waiter_init(L, &op->w, disarm, NULL, push);
	first = earliest(op);
	if (first && first->name == EVENT_DTMF) {
		first->reader.read = on_digit;
		(void)leg_read(first->leg, &first->reader);
	} else if (first) {
		first->event.type = CALL_EV_ENDED;
		win(first);
	} else {
		for (int i = 0; i < op->count; i++)
			arm(&op->sources[i]);
		if (ms != UINT32_MAX)
			tmr_start(&op->tmr, ms, timed_out, &op->w);
	}
	return script_wait(L, &op->w);
}

void select_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_select);
	lua_setfield(L, -2, "select");
}
