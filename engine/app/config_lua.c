/* The configuration file is Lua that returns a table. It runs in a state of
 * its own with nothing but tables, strings, math and env(): no files, no
 * network, and at most so many instructions. */
#include "app/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

enum { INSTRUCTIONS_MAX = 50000000, DEPTH_MAX = 16 };

struct reader {
	char *err;
	size_t size;
	char path[256]; /* key path of the value being read */
};

static cJSON *value_read(struct reader *r, lua_State *L, int index, int depth);

static void too_long(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	luaL_where(L, 0); /* a hook runs on the level of what it interrupts */
	lua_pushliteral(L, "the configuration runs too long (an endless "
			   "loop?)");
	lua_concat(L, 2);
	(void)lua_error(L);
}

/* env(name[, default]) → string: a secret or setting of the environment. */
static int l_env(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *value = getenv(name);

	if (value)
		lua_pushstring(L, value);
	else if (lua_isnoneornil(L, 2))
		return luaL_error(
			L,
			"environment variable %s is not set (give it, "
			"or a default: env(\"%s\", \"…\"))",
			name, name);
	else
		lua_settop(L, 2);
	return 1;
}

/* The most likely slip: a script where the configuration should be. */
static int l_require(lua_State *L)
{
	return luaL_error(L, "a configuration can't require modules (is this "
			     "a script? give it without -c)");
}

static void *fail(struct reader *r, const char *what)
{
	if (!r->err[0])
		(void)snprintf(r->err, r->size, "%s: %s",
			       r->path[0] ? r->path : "the table", what);
	return NULL;
}

static cJSON *list_read(struct reader *r, lua_State *L, int index, int depth)
{
	const size_t len = strlen(r->path);
	const lua_Integer n = luaL_len(L, index);
	cJSON *list = cJSON_CreateArray();

	for (lua_Integer i = 1; i <= n; i++) {
		cJSON *item;

		(void)snprintf(r->path + len, sizeof(r->path) - len, "[%lld]",
			       (long long)i);
		lua_rawgeti(L, index, i);
		item = value_read(r, L, lua_gettop(L), depth + 1);
		lua_pop(L, 1);
		r->path[len] = '\0';
		if (!item) {
			cJSON_Delete(list);
			return NULL;
		}
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

static cJSON *table_read(struct reader *r, lua_State *L, int index, int depth)
{
	const size_t len = strlen(r->path);
	const lua_Unsigned n = lua_rawlen(L, index);
	cJSON *object;

	if (depth > DEPTH_MAX)
		return fail(r, "tables nested too deeply");
	if (n > 0) {
		lua_Unsigned keys = 0;

		for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
			keys++;
		if (keys != n)
			return fail(r, "a list with keys, or with holes");
		return list_read(r, L, index, depth);
	}

	object = cJSON_CreateObject();
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		const char *key;
		cJSON *item;

		if (lua_type(L, -2) != LUA_TSTRING) {
			cJSON_Delete(object);
			return fail(r, "keys must be names, or 1, 2, 3, …");
		}
		key = lua_tostring(L, -2);
		(void)snprintf(r->path + len, sizeof(r->path) - len, "%s%s",
			       len ? "." : "", key);
		item = value_read(r, L, lua_gettop(L), depth + 1);
		r->path[len] = '\0';
		if (!item) {
			cJSON_Delete(object);
			return NULL;
		}
		cJSON_AddItemToObject(object, key, item);
	}
	return object;
}

static cJSON *value_read(struct reader *r, lua_State *L, int index, int depth)
{
	char what[64];

	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		return cJSON_CreateBool(lua_toboolean(L, index));
	case LUA_TNUMBER:
		if (!isfinite(lua_tonumber(L, index)))
			return fail(r, "not a finite number");
		return cJSON_CreateNumber(lua_tonumber(L, index));
	case LUA_TSTRING:
		if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
			return fail(r, "a string with a NUL byte");
		return cJSON_CreateString(lua_tostring(L, index));
	case LUA_TTABLE:
		return table_read(r, L, index, depth);
	default:
		(void)snprintf(what, sizeof(what), "a %s can't be a setting",
			       luaL_typename(L, index));
		return fail(r, what);
	}
}

static const luaL_Reg libs[] = {
	{LUA_GNAME, luaopen_base},
	{LUA_TABLIBNAME, luaopen_table},
	{LUA_STRLIBNAME, luaopen_string},
	{LUA_MATHLIBNAME, luaopen_math},
};

static int prepare(lua_State *L)
{
	static const char *const removed[] = {
		"dofile", "load", "loadfile", "collectgarbage", "print",
	};

	for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++) {
		luaL_requiref(L, libs[i].name, libs[i].func, 1);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		lua_pushnil(L);
		lua_setglobal(L, removed[i]);
	}
	lua_register(L, "env", l_env);
	lua_register(L, "require", l_require);
	return 0;
}

bool config_lua_read(const char *file, cJSON **tree, char *err, size_t size)
{
	struct reader r = {.err = err, .size = size};
	lua_State *L = luaL_newstate();
	char key[256];

	err[0] = '\0';
	if (!L) {
		(void)snprintf(err, size, "%s: out of memory", file);
		return false;
	}
	lua_pushcfunction(L, prepare);
	if (lua_pcall(L, 0, 0, 0) || luaL_loadfilex(L, file, "t"))
		goto lua_error;
	lua_sethook(L, too_long, LUA_MASKCOUNT, INSTRUCTIONS_MAX);
	if (lua_pcall(L, 0, 1, 0))
		goto lua_error;
	if (!lua_istable(L, -1)) {
		(void)snprintf(err, size,
			       "%s: must return a table: return { listen = … }",
			       file);
		lua_close(L);
		return false;
	}
	*tree = value_read(&r, L, lua_gettop(L), 0);
	lua_close(L);
	if (!*tree) {
		(void)snprintf(key, sizeof(key), "%s", err);
		(void)snprintf(err, size, "%s: %s", file, key);
		return false;
	}
	return true;

lua_error:
	(void)snprintf(err, size, "%s",
		       lua_tostring(L, -1) ? lua_tostring(L, -1)
					   : "error without a message");
	lua_close(L);
	return false;
}
