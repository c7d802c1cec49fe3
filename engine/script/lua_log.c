/* moon.log.debug/info/warn/error(fmt, …): with the call's id. */
#include "script/host.h"

#include "base/log.h"

static int write_line(lua_State *L, enum log_level level)
{
	struct scripts *host = host_of(L);
	const int n = lua_gettop(L);

	if (!log_enabled(level))
		return 0;
	luaL_checkany(L, 1);
	if (n > 1) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, host->format_ref);
		lua_insert(L, 1);
		lua_call(L, n, 1);
	}
	log_write(level, script_log_id(host->running), "%s",
		  luaL_tolstring(L, 1, NULL));
	return 0;
}

static int l_debug(lua_State *L)
{
	return write_line(L, LOG_DEBUG);
}

static int l_info(lua_State *L)
{
	return write_line(L, LOG_INFO);
}

static int l_warn(lua_State *L)
{
	return write_line(L, LOG_WARN);
}

static int l_error(lua_State *L)
{
	return write_line(L, LOG_ERROR);
}

/* Pushes the table. */
void log_push(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"debug", l_debug}, {"info", l_info}, {"warn", l_warn},
		{"error", l_error}, {NULL, NULL},
	};

	luaL_newlib(L, functions);
}
