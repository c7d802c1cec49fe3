/* The coroutine library, so that a wait inside a script's own coroutine passes
 * outward: the yield that carries the scheduler's mark is yielded again by
 * whoever resumed, until it reaches scripts_drain(); the way back resumes
 * inward. What waits looks like one that is running ("normal").
 *
 * The extra space of a lua_State: its struct script (a base coroutine); while a
 * wait passes through, the next one inward, or &innermost; or else NULL. */
#include "script/host.h"

#include <string.h>

static char innermost;

static void **mark_of(lua_State *co)
{
	return (void **)lua_getextraspace(co);
}

static bool is_base(lua_State *L)
{
	return *mark_of(L) && *mark_of(L) == (void *)host_of(L)->running;
}

static void chain_push(struct script *s, lua_State *co)
{
	*mark_of(co) = s->chain ? (void *)s->chain : &innermost;
	s->chain = co;
}

lua_State *script_chain_pop(struct script *s)
{
	lua_State *co = s->chain;

	if (!co)
		return NULL;
	s->chain = *mark_of(co) == &innermost ? NULL : *mark_of(co);
	*mark_of(co) = NULL;
	return co;
}

static lua_State *check_co(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);

	luaL_argexpected(L, co, 1, "coroutine");
	return co;
}

/* What both resume and wrap do with the outcome. */
static int outcome(lua_State *L, lua_State *co, int status, int n, bool wrap);

static int continue_k(lua_State *L, int status, lua_KContext ctx)
{
	struct scripts *host = host_of(L);
	const bool wrap = ctx != 0;
	lua_State *co = lua_tothread(L, wrap ? lua_upvalueindex(1) : 1);
	struct script *s = host->running;
	int n = 0;

	(void)status;
	(void)script_chain_pop(s); /* the outermost: that is CO */
	host->innermost = co;
	status = lua_resume(co, L, 0, &n);
	host->innermost = L;
	return outcome(L, co, status, n, wrap);
}

static void push_error(lua_State *L, lua_State *co, bool wrap)
{
	lua_xmove(co, L, 1);
	if (!wrap)
		return;
	(void)lua_resetthread(co);
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
}

static int outcome(lua_State *L, lua_State *co, int status, int n, bool wrap)
{
	struct scripts *host = host_of(L);
	struct script *s = host->running;

	if (status == LUA_YIELD && host->marked) {
		lua_pop(co, n);
		chain_push(s, co);
		return lua_yieldk(L, 0, wrap, continue_k);
	}
	if (host->exceeded)
		budget_check(L);
	if (status != LUA_OK && status != LUA_YIELD) {
		if (!wrap)
			lua_pushboolean(L, 0);
		push_error(L, co, wrap);
		return wrap ? lua_error(L) : 2;
	}
	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		return luaL_error(L, "too many results to resume");
	}
	if (!wrap)
		lua_pushboolean(L, 1);
	lua_xmove(co, L, n);
	return wrap ? n : n + 1;
}

static const char *status_of(lua_State *L, lua_State *co)
{
	lua_Debug ar;

	if (L == co)
		return "running";
	if (*mark_of(co))
		return "normal";
	switch (lua_status(co)) {
	case LUA_YIELD:
		return "suspended";
	case LUA_OK:
		if (lua_getstack(co, 0, &ar))
			return "normal";
		return lua_gettop(co) ? "suspended" : "dead";
	default:
		return "dead";
	}
}

static int resume(lua_State *L, lua_State *co, int nargs, bool wrap)
{
	struct scripts *host = host_of(L);
	const bool stuck = host->stuck;
	const char *why = NULL;
	int status, n = 0;

	if (strcmp(status_of(L, co), "suspended") != 0)
		why = status_of(L, co);
	else if (!host->running)
		why = "running";
	if (why) {
		if (!wrap)
			lua_pushboolean(L, 0);
		else
			luaL_where(L, 1);
		lua_pushfstring(L, "cannot resume %s coroutine",
				!strcmp(why, "dead") ? "dead"
						     : "non-suspended");
		if (!wrap)
			return 2;
		lua_concat(L, 2);
		return lua_error(L);
	}
	if (!lua_checkstack(co, nargs))
		return luaL_error(L, "too many arguments to resume");
	lua_xmove(L, co, nargs);
	host->stuck = stuck || !lua_isyieldable(L);
	host->innermost = co;
	status = lua_resume(co, L, nargs, &n);
	host->innermost = L;
	host->stuck = stuck;
	return outcome(L, co, status, n, wrap);
}

static int l_resume(lua_State *L)
{
	lua_State *co = check_co(L);

	return resume(L, co, lua_gettop(L) - 1, false);
}

static int l_wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));

	return resume(L, co, lua_gettop(L), true);
}

static int l_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	*mark_of(co) = NULL;
	budget_arm(co);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int l_wrap(lua_State *L)
{
	(void)l_create(L);
	lua_pushcclosure(L, l_wrapped, 1);
	return 1;
}

static int l_yield(lua_State *L)
{
	if (is_base(L))
		return luaL_error(L,
				  "attempt to yield from outside a coroutine");
	return lua_yield(L, lua_gettop(L));
}

static int l_status(lua_State *L)
{
	lua_pushstring(L, status_of(L, check_co(L)));
	return 1;
}

static int l_isyieldable(lua_State *L)
{
	lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;

	lua_pushboolean(L, !is_base(co) && lua_isyieldable(co));
	return 1;
}

static int l_running(lua_State *L)
{
	(void)lua_pushthread(L);
	lua_pushboolean(L, is_base(L));
	return 2;
}

static int l_close(lua_State *L)
{
	struct scripts *host = host_of(L);
	lua_State *co = check_co(L);
	const char *status = status_of(L, co);
	const bool closing = host->closing;
	int err;

	if (strcmp(status, "dead") != 0 && strcmp(status, "suspended") != 0)
		return luaL_error(L, "cannot close a %s coroutine", status);
	/* Its <close> handlers run on a stack that seems to be yieldable. */
	host->closing = true;
	host->innermost = co;
	err = lua_resetthread(co);
	host->innermost = L;
	host->closing = closing;
	if (host->exceeded)
		budget_check(L);
	lua_pushboolean(L, err == LUA_OK);
	if (err == LUA_OK)
		return 1;
	lua_xmove(co, L, 1);
	return 2;
}

void coroutine_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"create", l_create},	{"resume", l_resume},
		{"wrap", l_wrap},	{"yield", l_yield},
		{"status", l_status},	{"isyieldable", l_isyieldable},
		{"running", l_running}, {"close", l_close},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
}
