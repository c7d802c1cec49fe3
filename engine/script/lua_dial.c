/* moon.dial and moon.originate: one target, several in parallel or in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call/bridge.h"
#include "call/cdr.h"
#include "call/endpoint.h"
#include "call/target.h"
#include "script/args.h"
#include "script/detect.h"
#include "script/leg.h"
#include "script/play.h"
#include "script/record_path.h"
#include "script/task.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum {
	TARGETS_MAX = 16,  /* of a list */
	ATTEMPTS_MAX = 32, /* an endpoint is as many as it has telephones */
	TRUNKS_MAX = 16,
	HEADERS_MAX = 4096,
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
	char *targets[TARGETS_MAX];
	/* one place among an endpoint's calls for all its telephones */
	struct endpoint_claim *claims[TARGETS_MAX];
	unsigned targets_count, count, next, pending;
	struct attempt attempts[ATTEMPTS_MAX];
	struct call_dial params;
	char *trunks[TRUNKS_MAX + 1];
	char headers[HEADERS_MAX];
	struct detect_options detect;
	bool in_turn;
	struct leg *answered, *last; /* referenced */
	struct leg *caller;	     /* for whom; or NULL. Referenced */
	struct watch caller_watch;
	bool early_media;
	struct bridge *early; /* of the caller and who rings; or NULL */
	char reason[REASON_SIZE];
	char message[256];
};

static const struct option dial_options[] = {
	{"timeout", OPT_SECONDS},
	{"trunk", OPT_ANY},
	{"account", OPT_STRING},
	{"from", OPT_STRING},
	{"display_name", OPT_STRING},
	{"headers", OPT_TABLE},
	{"max_duration", OPT_SECONDS},
	{"media_timeout", OPT_SECONDS},
	{"media_timeout_hangup", OPT_SECONDS},
	{"campaign", OPT_STRING},
	{"lead", OPT_ANY},
	{"attempt", OPT_COUNT},
	{"in_turn", OPT_BOOLEAN},
	{"user", OPT_TABLE},
	{"caller", OPT_ANY},
	{"early_media", OPT_BOOLEAN},
	{"detect", OPT_ANY},
	{0},
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

	if (!op->early_media || op->early || !caller || caller->ended ||
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
	for (unsigned i = 0; i < op->targets_count; i++)
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
	for (unsigned i = 0; i < op->targets_count; i++) {
		free(op->targets[i]);
		op->targets[i] = NULL;
	}
	for (unsigned i = 0; op->trunks[i]; i++) {
		free(op->trunks[i]);
		op->trunks[i] = NULL;
	}
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
	if (op->in_turn)
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

	if (record_path(op->host, call_cdr(call), op->detect.keep, path, &root,
			err, sizeof(err)) ||
	    call_detect_keep(call, path, root))
		log_warn(call_id(call), "its beginning is not kept");
}

/* False: refused at once. */
static bool dial_one(struct dial *op, unsigned i)
{
	struct attempt *attempt = &op->attempts[i];
	struct call_dial params = op->params;
	const char *reason = "failed";
	struct call *call = NULL;
	char err[256] = "";
	int e;

	attempt->dial = op;
	if (leg_alloc(&attempt->leg, op->host, op->gen))
		return false;
	mem_ref(attempt->leg);
	params.target = op->targets[attempt->target];
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
	if (op->detect.keep)
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

	if (endpoints && !target_parse(&target, op->targets[i], NULL, 0) &&
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

/* ---- arguments
 * -------------------------------------------------------------------- */

static void check_target(lua_State *L, int index, const char *verb)
{
	struct target target;
	char err[128];

	if (lua_type(L, index) != LUA_TSTRING)
		(void)raise_error(L, "usage",
				  "%s: a target (a URI, a number, "
				  "\"trunk:NAME/NUMBER\", "
				  "\"endpoint:NAME\") is expected, got %s",
				  verb, luaL_typename(L, index));
	if (target_parse(&target, lua_tostring(L, index), err, sizeof(err)))
		(void)raise_error(L, "usage", "%s: %s", verb, err);
}

static unsigned check_targets(lua_State *L, int index, const char *verb)
{
	lua_Unsigned n;

	if (!lua_istable(L, index)) {
		check_target(L, index, verb);
		return 1;
	}
	n = lua_rawlen(L, index);
	if (n == 0 || n > TARGETS_MAX)
		(void)raise_error(L, "usage", "%s: a list of 1 to %d targets",
				  verb, TARGETS_MAX);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, index, (lua_Integer)i);
		check_target(L, -1, verb);
		lua_pop(L, 1);
	}
	return (unsigned)n;
}

static void check_trunk(lua_State *L, const char *verb)
{
	if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
		(void)raise_error(L, "usage",
				  "%s: option 'trunk' must be a trunk's name, "
				  "or a list of names, got %s",
				  verb, luaL_typename(L, -1));
}

/* A name, or a list of them. */
static void check_trunks(lua_State *L, const char *verb)
{
	lua_Unsigned n;

	if (!args_has(L, 2, "trunk"))
		return;
	if (lua_getfield(L, 2, "trunk") != LUA_TTABLE) {
		check_trunk(L, verb);
		lua_pop(L, 1);
		return;
	}
	n = lua_rawlen(L, -1);
	if (n == 0 || n > TRUNKS_MAX)
		(void)raise_error(L, "usage",
				  "%s: option 'trunk' is a list of 1 to %d "
				  "names",
				  verb, TRUNKS_MAX);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i);
		check_trunk(L, verb);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* detect = true, or settings; false is none. */
static bool read_detect(lua_State *L, const char *verb,
			struct detect_options *o)
{
	bool wanted = false;

	if (!args_has(L, 2, "detect"))
		return false;
	lua_getfield(L, 2, "detect");
	if (lua_toboolean(L, -1)) {
		detect_read(L, lua_gettop(L), verb, o);
		wanted = true;
	}
	lua_pop(L, 1);
	return wanted;
}

static void check_all(lua_State *L, const char *verb)
{
	struct detect_options detect;

	if (!host_of(L)->config.calls)
		(void)raise_error(L, "state", "%s: no telephony here", verb);
	(void)check_targets(L, 1, verb);
	args_check(L, 2, verb, dial_options, false);
	check_trunks(L, verb);
	(void)read_detect(L, verb, &detect);
}

static bool clean(const char *s)
{
	return !s[strcspn(s, "\r\n")];
}

static void read_headers(lua_State *L, struct dial *op, const char *verb)
{
	size_t used = 0;

	if (!args_has(L, 2, "headers"))
		return;
	lua_getfield(L, 2, "headers");
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		int n;

		if (lua_type(L, -2) != LUA_TSTRING ||
		    lua_type(L, -1) != LUA_TSTRING ||
		    !clean(lua_tostring(L, -1)) || !clean(lua_tostring(L, -2)))
			(void)raise_error(L, "usage",
					  "%s: headers are names and texts of "
					  "one line",
					  verb);
		n = snprintf(op->headers + used, sizeof(op->headers) - used,
			     "%s: %s\r\n", lua_tostring(L, -2),
			     lua_tostring(L, -1));
		used += (size_t)n;
		if (used >= sizeof(op->headers))
			(void)raise_error(L, "usage",
					  "%s: more than %d bytes of headers",
					  verb, HEADERS_MAX);
	}
	lua_pop(L, 1);
	op->params.headers = used ? op->headers : NULL;
}

/* A lead is a table with an id, or the id. */
static const char *lead_id(lua_State *L)
{
	const char *id = NULL;

	if (!args_has(L, 2, "lead"))
		return NULL;
	lua_getfield(L, 2, "lead");
	if (lua_istable(L, -1)) {
		id = args_string(L, -1, "id", NULL);
	} else {
		id = args_string(L, 2, "lead", NULL);
	}
	lua_pop(L, 1);
	return id;
}

static void read_trunks(lua_State *L, struct dial *op)
{
	lua_Unsigned n;

	if (!args_has(L, 2, "trunk"))
		return;
	if (lua_getfield(L, 2, "trunk") != LUA_TTABLE) {
		lua_pop(L, 1);
		op->params.trunk = args_string(L, 2, "trunk", NULL);
		return;
	}
	n = lua_rawlen(L, -1);
	for (lua_Unsigned i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		op->trunks[i] = strdup(luaL_tolstring(L, -1, NULL));
		lua_pop(L, 2);
		if (!op->trunks[i])
			(void)raise_memory(L);
	}
	lua_pop(L, 1);
	op->params.trunks = (const char *const *)op->trunks;
}

static void read_params(lua_State *L, struct dial *op)
{
	struct call_dial *p = &op->params;

	read_trunks(L, op);
	p->account = args_string(L, 2, "account", NULL);
	p->from = args_string(L, 2, "from", NULL);
	p->display_name = args_string(L, 2, "display_name", NULL);
	p->timeout_ms = args_ms(L, 2, "timeout", 0);
	p->max_duration_ms = args_ms(L, 2, "max_duration", 0);
	args_media_timeout(L, 2, &p->media_timeout_ms, &p->media_hangup_ms);
	p->campaign = args_string(L, 2, "campaign", NULL);
	p->lead_id = lead_id(L);
	p->attempt = (unsigned)args_number(L, 2, "attempt", 0);
	if (read_detect(L, "moon.dial: detect", &op->detect))
		p->detect = &op->detect.settings;
	op->in_turn = args_boolean(L, 2, "in_turn", false);
	op->early_media = args_boolean(L, 2, "early_media", false);
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
	read_params(L, op);
	read_headers(L, op, verb);
	op->targets_count = check_targets(L, 1, verb);
	for (unsigned i = 0; i < op->targets_count; i++) {
		if (lua_istable(L, 1))
			lua_rawgeti(L, 1, (lua_Integer)i + 1);
		else
			lua_pushvalue(L, 1);
		op->targets[i] = strdup(lua_tostring(L, -1));
		lua_pop(L, 1);
		if (!op->targets[i])
			return raise_memory(L);
		add_target(op, i);
	}
	waiter_init(L, &op->w, dial_disarm, dial_abort, dial_push);
	if (op->caller)
		watch_add(&op->caller->watches, &op->caller_watch);
	if (op->in_turn)
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
