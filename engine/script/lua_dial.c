/* moon.dial and moon.originate: one target, several in parallel or in turn. */
#include <stdio.h>

#include "base/log.h"
#include "call/bridge.h"
#include "call/cdr.h"
#include "call/endpoint.h"
#include "call/target.h"
#include "script/args.h"
#include "script/dial_options.h"
#include "script/leg.h"
#include "script/play.h"
#include "script/record_path.h"
#include "script/task.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum {
	ATTEMPTS_MAX = 32, /* an endpoint is as many as it has telephones */
	REASON_SIZE = 32,
};

struct dial;

struct attempt {
	struct dial *dial;
	struct watch watch;
	struct leg *leg;
	unsigned target;	 /* of the list */
	struct binding *binding; /* of an endpoint; referenced */
};

struct dial {
	struct waiter w;
	struct scripts *host;
	struct generation *gen;
	struct script *script; /* who dials; valid while it waits */
	struct dial_options options;
	/* one place among an endpoint's calls for all its telephones */
	struct endpoint_claim *claims[TARGETS_MAX];
	unsigned count, next, pending;
	struct attempt attempts[ATTEMPTS_MAX];
	struct leg *answered, *last; /* referenced */
	struct leg *caller;	     /* for whom; or NULL. Referenced */
	struct watch caller_watch;
	struct bridge *early; /* of the caller and who rings; or NULL */
	char reason[REASON_SIZE];
	char message[256];
};

/* ---- attempts
 * ------------------------------------------------------------------ */

static void forget(struct attempt *attempt)
{
	list_unlink(&attempt->watch.le);
	attempt->leg = mem_deref(attempt->leg);
}

/* The caller hears what the far side says before it answers: its ringing, an
 * announcement. The first of those who ring. */
static void early_begin(struct dial *op, struct leg *leg)
{
	const struct bridge_role role = {.talk = BRIDGE_ALL,
					 .hear = BRIDGE_ALL};
	struct leg *caller = op->caller;

	if (!op->options.early_media || op->early || !caller || caller->ended ||
	    !call_has_media(leg->call))
		return;
	if (!call_has_media(caller->call) && call_progress(caller->call))
		return;
	if (call_bridge(caller->call) ||
	    bridge_alloc(&op->early, op->host->config.calls))
		return;
	playback_hush(caller);
	if (bridge_join(op->early, caller->call, &role) ||
	    bridge_join(op->early, leg->call, &role))
		log_warn(leg_id(caller), "its caller hears no early media");
}

static void early_end(struct dial *op)
{
	if (op->early)
		bridge_end(op->early);
	op->early = mem_deref(op->early);
}

static void dial_disarm(struct waiter *w)
{
	struct dial *op = (struct dial *)w;

	early_end(op);
	list_unlink(&op->caller_watch.le);
	for (unsigned i = 0; i < op->count; i++)
		list_unlink(&op->attempts[i].watch.le);
}

/* The calls that go on keep their places. */
static void let_go(struct dial *op)
{
	for (unsigned i = 0; i < op->options.targets_count; i++)
		op->claims[i] = mem_deref(op->claims[i]);
}

static void dial_done(struct dial *op)
{
	let_go(op);
	waiter_wake(&op->w, WAKE_DONE);
}

/* Calls that ring for nobody any more. */
static void hang_up_others(struct dial *op)
{
	for (unsigned i = 0; i < op->count; i++) {
		struct leg *leg = op->attempts[i].leg;

		if (!leg || leg == op->answered)
			continue;
		list_unlink(&op->attempts[i].watch.le);
		if (!leg->ended)
			call_hangup(leg->call, CALL_LOCAL,
				    op->answered ? "answered_elsewhere"
						 : "cancelled");
	}
}

static void dial_abort(struct waiter *w)
{
	dial_disarm(w);
	hang_up_others((struct dial *)w);
	let_go((struct dial *)w);
}

static void dial_free(void *arg)
{
	struct dial *op = arg;

	let_go(op);
	for (unsigned i = 0; i < op->count; i++) {
		forget(&op->attempts[i]);
		op->attempts[i].binding = mem_deref(op->attempts[i].binding);
	}
	dial_options_free(&op->options);
	op->answered = mem_deref(op->answered);
	op->last = mem_deref(op->last);
	list_unlink(&op->caller_watch.le);
	op->early = mem_deref(op->early);
	op->caller = mem_deref(op->caller);
	op->gen = mem_deref(op->gen);
}

static void set_last(struct dial *op, struct leg *leg, const char *reason,
		     const char *message)
{
	(void)mem_ref(leg);
	mem_deref(op->last);
	op->last = leg;
	(void)snprintf(op->reason, sizeof(op->reason), "%s", reason);
	(void)snprintf(op->message, sizeof(op->message), "%s", message);
}

static void dial_next(struct dial *op);

static void attempt_failed(struct dial *op)
{
	op->pending--;
	if (op->options.in_turn)
		dial_next(op);
	else if (op->pending == 0)
		dial_done(op);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct attempt *attempt = container(watch, struct attempt, watch);
	struct dial *op = attempt->dial;
	const struct cdr *cdr;

	if (event->type == CALL_EV_PROGRESS) {
		early_begin(op, attempt->leg);
	} else if (event->type == CALL_EV_ANSWERED) {
		early_end(op);
		op->answered = mem_ref(attempt->leg);
		hang_up_others(op);
		dial_done(op);
	} else if (event->type == CALL_EV_ENDED) {
		list_unlink(&attempt->watch.le);
		if (op->early && bridge_count(op->early) < 2)
			early_end(op); /* it was the one */
		cdr = call_cdr(attempt->leg->call);
		set_last(op, attempt->leg,
			 cdr->disposition && *cdr->disposition
				 ? cdr->disposition
				 : "failed",
			 cdr->reason ? cdr->reason : "");
		attempt_failed(op);
	}
}

/* Nobody waits for it any more. */
static void on_caller(struct watch *watch, const struct call_event *event)
{
	struct dial *op = container(watch, struct dial, caller_watch);

	if (event->type != CALL_EV_ENDED && event->type != CALL_EV_CLOSED)
		return;
	op->next = op->count;
	set_last(op, op->last, "caller_hangup", "");
	hang_up_others(op);
	dial_done(op);
}

/* The first seconds after its answer, by a name that has been checked. */
static void keep(const struct dial *op, struct call *call)
{
	char path[PATH_MAX], err[256];
	size_t root;

	if (record_path(op->host, call_cdr(call), op->options.detect.keep, path,
			&root, err, sizeof(err)) ||
	    call_detect_keep(call, path, root))
		log_warn(call_id(call), "its beginning is not kept");
}

/* False: refused at once. */
static bool dial_one(struct dial *op, unsigned i)
{
	struct attempt *attempt = &op->attempts[i];
	struct call_dial params = op->options.params;
	const char *reason = "failed";
	struct call *call = NULL;
	char err[256] = "";
	int e;

	attempt->dial = op;
	if (leg_alloc(&attempt->leg, op->host, op->gen))
		return false;
	mem_ref(attempt->leg);
	params.target = op->options.targets[attempt->target];
	params.binding = attempt->binding;
	params.claim = &op->claims[attempt->target];
	e = call_dial(&call, op->host->config.calls, &params, leg_event,
		      attempt->leg, &reason, err, sizeof(err));
	leg_set_call(attempt->leg, call);
	if (e) {
		if (!call) {
			/* Not even a call: no object to show. */
			leg_abandon(attempt->leg);
			attempt->leg = mem_deref(attempt->leg);
			set_last(op, NULL, "failed", err);
			return false;
		}
		set_last(op, attempt->leg, reason ? reason : "failed", err);
		leg_refused(attempt->leg);
		return false;
	}
	if (op->options.detect.keep)
		keep(op, call);
	leg_set_owner(attempt->leg, op->script);
	call_set_script(call, op->script->where);
	attempt->watch.fire = on_event;
	watch_add(&attempt->leg->watches, &attempt->watch);
	op->pending++;
	return true;
}

static void dial_next(struct dial *op)
{
	while (op->next < op->count) {
		if (dial_one(op, op->next++))
			return;
	}
	dial_done(op);
}

static void dial_all(struct dial *op)
{
	for (; op->next < op->count; op->next++)
		(void)dial_one(op, op->next);
	if (op->pending == 0)
		dial_done(op);
}

static void add_attempt(struct dial *op, unsigned target,
			struct binding *binding)
{
	struct attempt *attempt;

	if (op->count == ATTEMPTS_MAX)
		return;
	attempt = &op->attempts[op->count++];
	attempt->target = target;
	attempt->binding = mem_ref(binding);
}

/* An endpoint is all its telephones; of one that has none, or is busy, the call
 * that can't leave will tell. */
static void add_target(struct dial *op, unsigned i)
{
	struct endpoints *endpoints = op->host->config.endpoints;
	struct binding *bindings[ATTEMPTS_MAX];
	const struct endpoint *endpoint = NULL;
	struct target target;
	size_t n = 0;

	if (endpoints &&
	    !target_parse(&target, op->options.targets[i], NULL, 0) &&
	    target.type == TARGET_ENDPOINT)
		endpoint = endpoint_find(endpoints, target.name);
	if (endpoint && !endpoint_full(endpoint, true))
		n = endpoint_contacts(endpoints, target.name, bindings,
				      ATTEMPTS_MAX, NULL);
	if (!n)
		add_attempt(op, i, NULL);
	for (size_t k = 0; k < n && k < ATTEMPTS_MAX; k++)
		add_attempt(op, i, bindings[k]);
}

/* ---- moon.dial ------------------------------------------------------ */

static void check_all(lua_State *L, const char *verb)
{
	if (!host_of(L)->config.calls)
		(void)raise_error(L, "state", "%s: no telephony here", verb);
	dial_options_check(L, verb);
}

/* What the options say of the object, once the call has one. */
static void push_call(lua_State *L, struct leg *leg)
{
	static const char *const names[] = {"user", "lead"};

	leg_push(L, leg);
	for (int i = 0; i < 2; i++) {
		if (!args_has(L, 2, names[i]))
			continue;
		lua_getfield(L, 2, names[i]);
		lua_setiuservalue(L, -2, i + 1);
	}
}

static int dial_push(lua_State *L, struct waiter *w)
{
	struct dial *op = (struct dial *)w;

	if (op->answered) {
		push_call(L, op->answered);
		return 1;
	}
	(void)push_reason(L, op->reason[0] ? op->reason : "failed");
	if (!op->last) {
		lua_pushnil(L);
		return 3;
	}
	push_call(L, op->last);
	return 3;
}

/* A loop that dials would go on for ever beside its successor. Quiet: it is no
 * error of the script. */
static void check_left_over(lua_State *L, const char *verb)
{
	if (script_is_left_over(host_of(L)->running))
		(void)raise_error(L, "cancelled",
				  "%s: the scripts were loaded again", verb);
}

/* moon.dial(target, opts) → call, or nil, reason, call */
static int l_dial(lua_State *L)
{
	static const char verb[] = "moon.dial";
	struct scripts *host = host_of(L);
	struct dial *op;

	script_can_wait(L, verb);
	check_left_over(L, verb);
	check_all(L, verb);
	lua_settop(L, 2);
	op = op_new(L, sizeof(*op), dial_free);
	op->host = host;
	op->gen = mem_ref(generation_current(L));
	op->script = host->running;
	if (args_has(L, 2, "caller")) {
		lua_getfield(L, 2, "caller");
		op->caller = mem_ref(leg_check(L, -1));
		op->caller_watch.fire = on_caller;
		lua_pop(L, 1);
		if (op->caller->ended) {
			lua_settop(L, 0);
			return push_reason(L, "caller_hangup");
		}
	}
	dial_options_read(L, verb, &op->options);
	for (unsigned i = 0; i < op->options.targets_count; i++)
		add_target(op, i);
	waiter_init(L, &op->w, dial_disarm, dial_abort, dial_push);
	if (op->caller)
		watch_add(&op->caller->watches, &op->caller_watch);
	if (op->options.in_turn)
		dial_next(op);
	else
		dial_all(op);
	return script_wait(L, &op->w);
}

/* ---- originate
 * ------------------------------------------------------------------- */

static int flow_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L) - 1;
}

/* 1: flow, then what dial returned */
static int dialled_k(lua_State *L, int status, lua_KContext ctx)
{
	struct script *s = host_of(L)->running;

	(void)status;
	(void)ctx;
	if (lua_isnil(L, 2))
		return lua_gettop(L) - 1;
	lua_settop(L, 2);
	script_set_leg(s, leg_check(L, 2));
	s->role = SCRIPT_FLOW;
	lua_pushvalue(L, 1);
	lua_insert(L, 2);
	lua_callk(L, 1, LUA_MULTRET, 0, flow_k);
	return flow_k(L, LUA_OK, 0);
}

/* flow, target, opts */
static int originate(lua_State *L)
{
	lua_pushcfunction(L, l_dial);
	lua_insert(L, 2);
	lua_callk(L, 2, LUA_MULTRET, 0, dialled_k);
	return dialled_k(L, LUA_OK, 0);
}

/* moon.originate(target[, opts], flow) → task; flow(call) runs on the answer.
 * task:wait() → what flow returned, or nil, reason, call. */
static int l_originate(lua_State *L)
{
	static const char verb[] = "moon.originate";
	struct script *s;

	if (lua_isfunction(L, 2)) {
		lua_settop(L, 2);
		lua_pushnil(L);
		lua_insert(L, 2);
	}
	lua_settop(L, 3);
	if (!lua_isfunction(L, 3))
		return raise_error(L, "usage",
				   "%s: a function is expected as the flow, "
				   "got %s",
				   verb, luaL_typename(L, 3));
	check_left_over(L, verb);
	check_all(L, verb);
	lua_pushcfunction(L, originate);
	lua_pushvalue(L, 3);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	s = script_new(L, 3, generation_current(L), NULL, SCRIPT_TASK);
	script_describe(L, s, 3);
	task_push(L, s);
	return 1;
}

void dial_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"dial", l_dial}, {"originate", l_originate}, {NULL, NULL}};

	luaL_setfuncs(L, functions, 0);
}
