/* What scripts may use of Lua's own library. Not there: io, most of os and
 * debug, dofile, loadfile, bytecode, __gc, C modules. Each generation has
 * tables of its own, so that one can't change another's. */
#include "script/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "base/background.h"

/* ---- base functions, replaced ---------------------------------------------
 */

static bool is_g(lua_State *L, int index)
{
	const struct generation *gen = generation_current(L);
	bool is;

	if (!gen)
		return false;
	generation_push_g(L, gen);
	is = lua_rawequal(L, index, -1);
	lua_pop(L, 1);
	return is;
}

static int l_setmetatable(lua_State *L)
{
	const int type = lua_type(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
			 "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	if (type == LUA_TTABLE) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return raise_error(L, "usage",
					   "setmetatable: scripts can't set "
					   "__gc; use <close>");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int l_rawset(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	lua_settop(L, 3);
	if (is_g(L, 1))
		lua_settable(L, 1);
	else
		lua_rawset(L, 1);
	lua_settop(L, 1);
	return 1;
}

static int l_rawget(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	lua_settop(L, 2);
	if (is_g(L, 1)) {
		lua_rawgeti(L, LUA_REGISTRYINDEX,
			    generation_current(L)->env_ref);
		lua_replace(L, 1);
	}
	lua_rawget(L, 1);
	return 1;
}

static int l_collectgarbage(lua_State *L)
{
	const char *what = luaL_optstring(L, 1, "collect");

	if (!strcmp(what, "count")) {
		lua_pushnumber(L, (lua_Number)host_of(L)->bytes / 1024);
		return 1;
	}
	if (!strcmp(what, "step")) {
		lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, 0));
		budget_check(L);
		return 1;
	}
	return raise_error(L, "usage",
			   "collectgarbage: only \"count\" and \"step\" are "
			   "for scripts: a full collection would stop all "
			   "calls");
}

/* load(chunk[, name[, mode[, env]]]): text only, in this environment. */
static int l_load(lua_State *L)
{
	const struct generation *gen = generation_current(L);
	const char *name;
	const char *text;
	size_t size;

	if (lua_isfunction(L, 1)) {
		luaL_Buffer b;

		luaL_buffinit(L, &b);
		for (;;) {
			lua_pushvalue(L, 1);
			lua_call(L, 0, 1);
			if (lua_isnil(L, -1) ||
			    (lua_isstring(L, -1) && !lua_rawlen(L, -1)))
				break;
			if (!lua_isstring(L, -1))
				return luaL_error(L, "reader function must "
						     "return a string");
			luaL_addvalue(&b);
		}
		lua_pop(L, 1);
		luaL_pushresult(&b);
		lua_replace(L, 1);
	}
	text = luaL_checklstring(L, 1, &size);
	name = luaL_optstring(L, 2, lua_isnoneornil(L, 2) ? "=(load)" : text);
	if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	if (lua_isnone(L, 4))
		generation_push_g(L, gen);
	else
		lua_pushvalue(L, 4);
	if (!lua_setupvalue(L, -2, 1))
		lua_pop(L, 1);
	budget_check(L);
	return 1;
}

/* ---- print: to standard output, off the loop -------------------------------
 */

static void write_line(void *arg)
{
	const char *line = arg;

	(void)fputs(line, stdout);
	(void)fflush(stdout);
}

static void free_line(void *arg)
{
	free(arg);
}

static int l_print(lua_State *L)
{
	struct scripts *host = host_of(L);
	const int n = lua_gettop(L);
	luaL_Buffer b;
	char *line;

	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, '\t');
		(void)luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_addchar(&b, '\n');
	luaL_pushresult(&b);
	line = strdup(lua_tostring(L, -1));
	if (!line)
		return raise_memory(L);
	if (!host->config.background ||
	    background_run(host->config.background, write_line, free_line,
			   line)) {
		write_line(line);
		free_line(line);
	}
	return 0;
}

/* ---- the environment
 * ---------------------------------------------------------- */

/* Names of the table at FROM into a new one at the top. */
static void pick(lua_State *L, int from, const char *const *names)
{
	lua_newtable(L);
	for (; *names; names++) {
		lua_getfield(L, from, *names);
		lua_setfield(L, -2, *names);
	}
}

static void open_base(lua_State *L, int env, int lib)
{
	static const char *const names[] = {
		"assert",   "error",  "getmetatable", "ipairs",
		"next",	    "pairs",  "pcall",	      "rawequal",
		"rawlen",   "select", "tonumber",     "type",
		"tostring", "xpcall", "_VERSION",     NULL};
	static const luaL_Reg own[] = {
		{"setmetatable", l_setmetatable},
		{"rawset", l_rawset},
		{"rawget", l_rawget},
		{"collectgarbage", l_collectgarbage},
		{"load", l_load},
		{"print", l_print},
		{NULL, NULL},
	};

	for (const char *const *name = names; *name; name++) {
		lua_getfield(L, lib, *name);
		lua_setfield(L, env, *name);
	}
	lua_pushvalue(L, env);
	luaL_setfuncs(L, own, 0);
	lua_pop(L, 1);
}

static void open_lib(lua_State *L, const char *name, lua_CFunction fn)
{
	luaL_requiref(L, name, fn, 0);
}

static void open_os(lua_State *L, int env)
{
	static const char *const names[] = {"time", "date", "clock", "difftime",
					    NULL};

	open_lib(L, "os", luaopen_os);
	pick(L, lua_gettop(L), names);
	lua_setfield(L, env, "os");
	lua_pop(L, 1);
}

static void open_debug(lua_State *L, int env)
{
	static const char *const names[] = {"traceback", NULL};

	open_lib(L, "debug", luaopen_debug);
	pick(L, lua_gettop(L), names);
	lua_setfield(L, env, "debug");
	lua_pop(L, 1);
}

/* A fresh table of the library NAME, and under that name in the environment. */
static void open_own(lua_State *L, int env, const char *name, lua_CFunction fn,
		     void (*change)(lua_State *L))
{
	lua_pushcfunction(L, fn);
	lua_pushstring(L, name);
	lua_call(L, 1, 1);
	if (change)
		change(L);
	lua_setfield(L, env, name);
}

/* "text":find(…) uses one table for all generations: nobody may change it. */
static void share_strings(lua_State *L)
{
	static const char key = 's';

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushcfunction(L, luaopen_string);
		lua_call(L, 0, 1);
		lua_getfield(L, -1, "format");
		host_of(L)->format_ref = luaL_ref(L, LUA_REGISTRYINDEX);
		string_open(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
	}
	lua_pushliteral(L, "");
	(void)lua_getmetatable(L, -1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "string");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 3);
}

void sandbox_open(lua_State *L, struct generation *gen)
{
	const int env = lua_gettop(L);

	lua_pushcfunction(L, luaopen_base);
	/* It fills the registry's globals, which scripts never see. */
	lua_call(L, 0, 1);
	open_base(L, env, env + 1);
	lua_pop(L, 1);
	open_own(L, env, "string", luaopen_string, string_open);
	share_strings(L);
	open_own(L, env, "table", luaopen_table, table_open);
	open_own(L, env, "math", luaopen_math, NULL);
	open_own(L, env, "utf8", luaopen_utf8, NULL);
	open_os(L, env);
	open_debug(L, env);
	coroutine_open(L);
	lua_setfield(L, env, "coroutine");
	generation_push_g(L, gen);
	lua_setfield(L, env, "_G");
	require_push(L, gen);
	lua_setfield(L, env, "require");
	lua_createtable(L, 0, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->loaded_ref);
	lua_setfield(L, -2, "loaded");
	lua_setfield(L, env, "package");
	lua_settop(L, env);
}
