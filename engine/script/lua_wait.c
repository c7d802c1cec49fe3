/* call:wait, call:wait_digit, call:sleep, call:hold, call:unhold. */
#include <string.h>

#include "call/cdr.h"
#include "script/args.h"
#include "script/detect.h"
#include "script/event.h"
#include "script/leg.h"
#include "script/select.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct call_wait {
	struct waiter w;
	struct leg *leg;
	struct watch watch;
	struct reader reader;
	struct tmr tmr;
	enum event_name name; /* EVENT_NONE: sleep, hold */
	bool digit_only, listens;
	struct call_event event;
};

static void disarm(struct waiter *w)
{
	struct call_wait *op = (struct call_wait *)w;

	tmr_cancel(&op->tmr);
	list_unlink(&op->watch.le);
	list_unlink(&op->reader.le);
	if (op->listens)
		leg_unlisten(op->leg, op->name);
	op->listens = false;
}

static void op_free(void *arg)
{
	struct call_wait *op = arg;

	disarm(&op->w);
	op->leg = mem_deref(op->leg);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct call_wait *op = container(watch, struct call_wait, watch);

	if (op->name != EVENT_NONE && op->name != EVENT_DTMF &&
	    event_of(event) == op->name) {
		op->event = *event;
		waiter_wake(&op->w, WAKE_DONE);
	} else if (event->type == CALL_EV_ENDED ||
		   event->type == CALL_EV_CLOSED) {
		waiter_wake(&op->w, WAKE_HANGUP);
	}
}

static void on_digit(struct reader *reader, const struct digit *digit)
{
	struct call_wait *op = container(reader, struct call_wait, reader);

	op->event.type = CALL_EV_DIGIT;
	op->event.digit = digit->digit;
	op->event.duration_ms = digit->duration_ms;
	waiter_wake(&op->w, WAKE_DONE);
}

static void timed_out(void *arg)
{
	waiter_wake(arg, WAKE_TIMEOUT);
}

static int push(lua_State *L, struct waiter *w)
{
	const struct call_wait *op = (const struct call_wait *)w;

	if (op->name == EVENT_NONE) {
		lua_pushboolean(L, 1); /* it has slept */
		return 1;
	}
	if (w->wake == WAKE_TIMEOUT)
		return push_reason(L, "timeout");
	if (op->digit_only)
		lua_pushlstring(L, &op->event.digit, 1);
	else
		leg_push_event(L, op->leg, &op->event);
	return 1;
}

static struct call_wait *begin(lua_State *L, struct leg *leg,
			       enum event_name name,
			       int (*result)(lua_State *, struct waiter *))
{
	struct call_wait *op = op_new(L, sizeof(*op), op_free);

	op->leg = mem_ref(leg);
	op->name = name;
	op->watch.fire = on_event;
	op->reader.read = on_digit;
	waiter_init(L, &op->w, disarm, NULL, result);
	watch_add(&leg->watches, &op->watch);
	return op;
}

static int wait_for(lua_State *L, struct leg *leg, enum event_name name,
		    uint32_t ms, bool digit_only)
{
	struct call_wait *op = begin(L, leg, name, push);

	op->digit_only = digit_only;
	if (ms != UINT32_MAX)
		tmr_start(&op->tmr, ms, timed_out, &op->w);
	if (name == EVENT_DTMF)
		(void)leg_read(leg, &op->reader);
	leg_listen(leg, name);
	op->listens = true;
	return script_wait(L, &op->w);
}

/* call:wait(event[, s]) → the event, or nil, "timeout" */
static int l_wait(lua_State *L)
{
	struct leg *leg = leg_check(L, 1);
	const enum event_name name = event_check(L, 2, "call:wait");
	const uint32_t ms = args_seconds(L, 3, "call:wait", UINT32_MAX);

	if (leg->ended && name == EVENT_HANGUP) {
		leg_push_event(L, leg,
			       &(struct call_event){.type = CALL_EV_ENDED});
		return 1;
	}
	script_can_wait(L, "call:wait");
	return wait_for(L, leg_live(L, 1), name, ms, false);
}

/* call:wait_digit([s]) → digit, or nil, "timeout" */
static int l_wait_digit(lua_State *L)
{
	const uint32_t ms = args_seconds(L, 2, "call:wait_digit", UINT32_MAX);

	script_can_wait(L, "call:wait_digit");
	return wait_for(L, leg_live(L, 1), EVENT_DTMF, ms, true);
}

/* call:sleep(s) → true; raises when the call ends meanwhile */
static int l_sleep(lua_State *L)
{
	struct call_wait *op;
	uint32_t ms;

	script_can_wait(L, "call:sleep");
	luaL_checkany(L, 2);
	ms = args_seconds(L, 2, "call:sleep", 0);
	op = begin(L, leg_live(L, 1), EVENT_NONE, push);
	tmr_start(&op->tmr, ms, timed_out, &op->w);
	return script_wait(L, &op->w);
}

/* ---- hold ------------------------------------------------------------------
 */

static void on_offer(struct watch *watch, const struct call_event *event)
{
	struct call_wait *op = container(watch, struct call_wait, watch);

	if (event->type == CALL_EV_OFFER_DONE) {
		op->event = *event;
		waiter_wake(&op->w, WAKE_DONE);
	} else {
		on_event(watch, event);
	}
}

static int offer_push(lua_State *L, struct waiter *w)
{
	const struct call_event *event = &((struct call_wait *)w)->event;

	if (event->scode >= 200 && event->scode < 300) {
		lua_pushboolean(L, 1);
		return 1;
	}
	(void)push_reason(L, event->scode == 408 ? "timeout" : "refused");
	lua_pushinteger(L, event->scode);
	return 3;
}

static int offer(lua_State *L, const char *verb, int (*send)(struct call *))
{
	struct call_wait *op;
	struct leg *leg;
	int err;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	op = begin(L, leg, EVENT_NONE, offer_push);
	op->watch.fire = on_offer;
	err = send(leg->call);
	if (err) {
		disarm(&op->w);
		return raise_errno(L, verb, err);
	}
	return script_wait(L, &op->w);
}

static int l_hold(lua_State *L)
{
	return offer(L, "call:hold", call_hold);
}

static int l_unhold(lua_State *L)
{
	return offer(L, "call:unhold", call_unhold);
}

/* call:event(name) → a description for moon.select */
static int l_event(lua_State *L)
{
	struct leg *leg = leg_check(L, 1);

	event_source_push(L, leg, event_check(L, 2, "call:event"));
	return 1;
}

void wait_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"wait", l_wait},     {"wait_digit", l_wait_digit},
		{"sleep", l_sleep},   {"hold", l_hold},
		{"unhold", l_unhold}, {"event", l_event},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
