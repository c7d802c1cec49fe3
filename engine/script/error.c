/* What misuse and a call's end raise: {code, message, where}. */
#include "script/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mt_key = 'e';

static int l_tostring(lua_State *L)
{
	lua_getfield(L, 1, "where");
	lua_getfield(L, 1, "message");
	lua_concat(L, 2);
	return 1;
}

void error_open(lua_State *L)
{
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, l_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "error");
	lua_setfield(L, -2, "__name");
	lua_pushliteral(L, "error");
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_key);
}

/* The nearest Lua function, also when the verb was called through pcall. */
static void push_where(lua_State *L)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		(void)lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0) {
			lua_pushfstring(L, "%s:%d: ", ar.short_src,
					ar.currentline);
			return;
		}
	}
	lua_pushliteral(L, "");
}

int raise_error(lua_State *L, const char *code, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);

	luaL_checkstack(L, 6, "error");
	lua_createtable(L, 0, 3);
	lua_pushstring(L, code);
	lua_setfield(L, -2, "code");
	lua_pushstring(L, message);
	lua_setfield(L, -2, "message");
	push_where(L);
	lua_setfield(L, -2, "where");
	lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_key);
	lua_setmetatable(L, -2);
	(void)lua_error(L);
	abort(); /* not reached: lua_error() does not say that of itself */
}

int raise_memory(lua_State *L)
{
	(void)luaL_error(L, "not enough memory");
	abort();
}

int raise_hangup(lua_State *L)
{
	raise_error(L, "hangup", "the call has ended");
}

int raise_errno(lua_State *L, const char *verb, int err)
{
	return raise_error(L, err == EPROTO ? "state" : "failed", "%s: %s",
			   verb,
			   err == EPROTO ? "not possible in the call's state"
					 : strerror(err));
}

int push_reason(lua_State *L, const char *reason)
{
	lua_pushnil(L);
	lua_pushstring(L, reason);
	return 2;
}
