/* A coroutine's life: made, stepped, ended or closed. */
#include "script/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "script/leg.h"
#include "script/timer.h"

enum { TRACEBACK_MAX = 8192 };

const char *script_log_id(const struct script *s)
{
	return s && s->leg ? leg_id(s->leg) : NULL;
}

bool script_alive(const struct script *s)
{
	return s->state < SCRIPT_DONE;
}

const char *script_status(const struct script *s)
{
	switch (s->state) {
	case SCRIPT_NEW:
	case SCRIPT_RUNNING:
		return "running";
	case SCRIPT_WAITING:
		return "waiting";
	case SCRIPT_CLOSING:
	case SCRIPT_CANCELLED:
		return "cancelled";
	case SCRIPT_DONE:
		return "done";
	case SCRIPT_FAILED:
		return "failed";
	}
	return "";
}

/* ---- inside the coroutine ---------------------------------------------- */

/* "hangup" or "cancelled": not an error of the script. */
static bool is_quiet(lua_State *L, int index)
{
	bool quiet = false;

	if (lua_istable(L, index)) {
		const char *code;

		lua_pushliteral(L, "code");
		lua_rawget(L, index < 0 ? index - 1 : index);
		code = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
						      : "";
		quiet = !strcmp(code, "hangup") || !strcmp(code, "cancelled");
		lua_pop(L, 1);
	}
	return quiet;
}

static char *copy_tail(const char *text)
{
	const size_t len = strlen(text);
	char *copy = malloc((len < TRACEBACK_MAX ? len : TRACEBACK_MAX) + 1);

	if (copy) {
		memcpy(copy, text, len < TRACEBACK_MAX ? len : TRACEBACK_MAX);
		copy[len < TRACEBACK_MAX ? len : TRACEBACK_MAX] = '\0';
	}
	return copy;
}

/* The message handler: here the stack of the error is still whole. */
static int l_traceback(lua_State *L)
{
	struct script *s = host_of(L)->running;

	if (!s || is_quiet(L, 1))
		return 1;
	luaL_traceback(L, L, NULL, 1);
	free(s->traceback);
	s->traceback = copy_tail(lua_tostring(L, -1));
	lua_pop(L, 1);
	return 1;
}

static void keep_results(lua_State *L, struct script *s, int first)
{
	const int n = lua_gettop(L) - first + 1;

	if (s->done) {
		char err[256];

		if (n > 0) {
			s->json = json_read(L, first, err, sizeof(err));
			if (!s->json)
				(void)luaL_error(L, "the result: %s", err);
		}
		return;
	}
	if (!s->keep)
		return;
	lua_createtable(L, n, 1);
	lua_insert(L, first);
	for (int i = n; i >= 1; i--)
		lua_rawseti(L, first, i);
	lua_pushinteger(L, n);
	lua_setfield(L, first, "n");
	s->results_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Push the text of the error at the top: a table {code, message} without a
 * __tostring of its own is shown by its message. */
static void push_error_text(lua_State *L)
{
	const int error = lua_gettop(L);

	if (lua_istable(L, error)) {
		if (!luaL_getmetafield(L, error, "__tostring")) {
			lua_pushliteral(L, "message");
			if (lua_rawget(L, error) == LUA_TSTRING)
				return;
		}
		lua_settop(L, error);
	}
	(void)luaL_tolstring(L, error, NULL);
}

static void keep_error(lua_State *L, struct script *s)
{
	const struct scripts *host = s->host;
	char message[256];

	if (is_quiet(L, -1)) {
		s->hung = true;
		return;
	}
	s->failed = true;
	if (lua_type(L, -1) == LUA_TSTRING && host->out_of_memory &&
	    !strcmp(lua_tostring(L, -1), "not enough memory")) {
		(void)snprintf(
			message, sizeof(message),
			"%s%snot enough memory: scripts may use %llu "
			"MiB",
			host->oom_where, host->oom_where[0] ? ": " : "",
			(unsigned long long)(host->config.memory_hard >> 20));
		s->error = copy_tail(message);
		return;
	}
	push_error_text(L);
	s->error = copy_tail(lua_tostring(L, -1));
	lua_pop(L, 1);
}

static int main_k(lua_State *L, int status, lua_KContext ctx)
{
	struct script *s = (struct script *)ctx;

	if (status == LUA_OK || status == LUA_YIELD)
		keep_results(L, s, 2);
	else
		keep_error(L, s);
	return 0;
}

/* f, args… Its errors are caught here, inside the coroutine, so that <close>
 * handlers of one that fails or is hung up may still wait. */
static int script_main(lua_State *L)
{
	struct script *s = host_of(L)->running;
	const int n = lua_gettop(L) - 1;

	lua_pushcfunction(L, l_traceback);
	lua_insert(L, 1);
	return main_k(L,
		      lua_pcallk(L, n, LUA_MULTRET, 1, (lua_KContext)s, main_k),
		      (lua_KContext)s);
}

/* ---- made -----------------------------------------------------------------
 */

static void script_destroy(void *data)
{
	struct script *s = data;

	list_unlink(&s->le);
	list_unlink(&s->leg_le);
	list_unlink(&s->ready_le);
	if (s->results_ref)
		luaL_unref(s->host->L, LUA_REGISTRYINDEX, s->results_ref);
	cJSON_Delete(s->json);
	free(s->error);
	free(s->traceback);
	mem_deref(s->leg);
	mem_deref(s->timer);
	mem_deref(s->gen);
}

void script_describe(lua_State *L, struct script *s, int function)
{
	lua_Debug ar;

	lua_pushvalue(L, function);
	(void)lua_getinfo(L, ">S", &ar);
	if (ar.linedefined < 0) {
		(void)snprintf(s->where, sizeof(s->where), "%s", ar.short_src);
	} else {
		(void)snprintf(s->where, sizeof(s->where), "%s:%d",
			       ar.short_src,
			       ar.linedefined > 0 ? ar.linedefined : 1);
		(void)snprintf(s->end, sizeof(s->end), "%s:%d", ar.short_src,
			       ar.lastlinedefined > 0 ? ar.lastlinedefined : 1);
	}
}

struct script *script_new(lua_State *L, int nargs, struct generation *gen,
			  struct leg *leg, enum script_role role)
{
	struct scripts *host = gen->host;
	struct script *s;
	lua_State *co;
	int ref;

	luaL_checkstack(L, 4, "a new coroutine");
	co = lua_newthread(L);
	lua_insert(L, -nargs - 2);
	if (!lua_checkstack(co, nargs + 8))
		(void)luaL_error(L, "too many arguments");
	lua_pushvalue(L, -nargs - 2);
	ref = luaL_ref(L, LUA_REGISTRYINDEX);
	/* From here on nothing raises but the want of memory for S. */
	s = mem_zalloc(sizeof(*s), script_destroy);
	if (!s) {
		luaL_unref(L, LUA_REGISTRYINDEX, ref);
		(void)raise_memory(L);
	}
	s->host = host;
	s->co = co;
	s->role = role;
	s->nargs = nargs + 1;
	s->gen = mem_ref(gen);
	s->leg = mem_ref(leg);
	if (leg)
		list_append(&leg->scripts, &s->leg_le, s);
	script_describe(L, s, -nargs - 1);
	lua_pushcfunction(co, script_main);
	lua_xmove(L, co, nargs + 1);
	budget_arm(co);
	lua_pop(L, 1); /* the coroutine, which is referenced */
	list_append(&host->scripts, &s->le, s);
	s->ref = ref;
	*(struct script **)lua_getextraspace(co) = s;
	if (leg)
		leg_hold(leg);
	if (leg && role == SCRIPT_FLOW)
		leg_flow_begin(leg, s);
	list_append(&host->ready, &s->ready_le, s);
	host_kick(host);
	return s;
}

void script_set_leg(struct script *s, struct leg *leg)
{
	if (s->leg == leg)
		return;
	leg_hold(leg);
	if (s->leg) {
		leg_release(s->leg);
		mem_deref(s->leg);
	}
	s->leg = mem_ref(leg);
	list_unlink(&s->leg_le);
	list_append(&leg->scripts, &s->leg_le, s);
	leg_flow_begin(leg, s);
}

/* ---- ended ------------------------------------------------------------------
 */

/* A line of the log for each line of TEXT (may be NULL). */
static void log_lines(const char *id, const char *text)
{
	while (text && *text) {
		size_t n;

		text += strspn(text, "\t");
		n = strcspn(text, "\n");
		log_info(id, "  %.*s", (int)n, text);
		text += n;
		text += *text == '\n';
	}
}

static void report(struct script *s)
{
	struct scripts *host = s->host;

	host->errors++;
	if (s->done)
		return; /* who asked for it is told */
	log_error(script_log_id(s), "script error: %s",
		  s->error ? s->error : "not enough memory");
	log_lines(script_log_id(s), s->traceback);
}

static void finish(struct script *s, enum script_state state)
{
	struct scripts *host = s->host;
	lua_State *co = s->co;

	s->state = state;
	s->stamp = ++host->stamp;
	s->co = NULL;
	s->wait = NULL;
	s->chain = NULL;
	list_unlink(&s->ready_le);
	list_unlink(&s->le);
	list_unlink(&s->leg_le);
	*(struct script **)lua_getextraspace(co) = NULL;
	luaL_unref(host->L, LUA_REGISTRYINDEX, s->ref);
	if (s->failed)
		report(s);
	if (s->failed && host->out_of_memory)
		(void)lua_gc(host->L, LUA_GCCOLLECT);
	leg_script_ended(s);
	if (s->timer)
		timer_script_ended(s->timer, s);
	if (s->done) {
		scripts_done_h *done = s->done;

		s->done = NULL;
		if (state == SCRIPT_DONE)
			done(s->json, NULL, s->done_arg);
		else
			done(NULL, s->error ? s->error : "cancelled",
			     s->done_arg);
	}
	watch_fire(&s->watches, NULL);
	mem_deref(s);
}

void script_step(struct script *s, uint64_t slice_ns)
{
	struct scripts *host = s->host;
	lua_State *co = s->co;
	const int nargs = s->state == SCRIPT_NEW ? s->nargs : 0;
	int n = 0, status;

	s->state = SCRIPT_RUNNING;
	s->wait = NULL;
	host->running = s;
	host->innermost = co;
	host->stuck = false;
	host->out_of_memory = false;
	host->oom_where[0] = '\0';
	budget_begin(host, slice_ns);
	budget_arm(co);
	/* script_wait() sets it again before it yields. */
	status = lua_resume(co, host->L, nargs, &n);
	host->marked = false;
	host->running = NULL;
	host->innermost = NULL;

	if (status == LUA_YIELD && s->state == SCRIPT_RUNNING) {
		lua_pop(co, n);
		s->state = SCRIPT_WAITING;
		if (s->woken && !s->ready_le.list)
			list_append(&host->ready, &s->ready_le, s);
		return;
	}
	if (status == LUA_YIELD)
		return; /* it is to be closed: in the queue */
	if (status != LUA_OK) {
		/* Beyond what script_main catches: no memory for that. */
		const char *text = lua_type(co, -1) == LUA_TSTRING
					   ? lua_tostring(co, -1)
					   : "error object";

		s->failed = true;
		if (!s->error)
			s->error = copy_tail(text);
		(void)lua_resetthread(co);
	}
	if (s->wait) {
		/* An error after arming. */
		s->wait->disarm(s->wait);
		s->wait = NULL;
	}
	finish(s, s->failed ? SCRIPT_FAILED
			    : (s->state == SCRIPT_CLOSING ? SCRIPT_CANCELLED
							  : SCRIPT_DONE));
}

void script_close(struct script *s, enum script_state state)
{
	if (!script_alive(s) || s->state == SCRIPT_CLOSING)
		return;
	(void)state;
	s->state = SCRIPT_CLOSING;
	if (!s->ready_le.list)
		list_append(&s->host->ready, &s->ready_le, s);
	host_kick(s->host);
}

void script_kill(struct script *s)
{
	struct scripts *host = s->host;
	const bool fresh = s->co && lua_status(s->co) == LUA_OK;
	lua_State *co;

	if (!script_alive(s)) {
		list_unlink(&s->le);
		return;
	}
	if (s->wait) {
		struct waiter *w = s->wait;

		s->wait = NULL;
		s->seq++;
		if (!s->woken)
			(w->abort ? w->abort : w->disarm)(w);
	}
	s->state = SCRIPT_CLOSING;
	host->running = s;
	host->innermost = s->co;
	host->closing = true;
	budget_begin(host, host_slice_ns(host));
	while ((co = script_chain_pop(s))) {
		budget_arm(co);
		(void)lua_resetthread(co);
	}
	if (!fresh) {
		budget_arm(s->co);
		(void)lua_resetthread(s->co);
	}
	host->closing = false;
	host->running = NULL;
	host->innermost = NULL;
	finish(s, SCRIPT_CANCELLED);
}
