#include "script/args.h"

#include <math.h>
#include <string.h>

#include "call/call.h"
#include "base/nearest.h"

enum { OPTIONS_MAX = 64, WEEK_S = 7 * 86400 };

uint32_t ms_of(double seconds)
{
	if (!(seconds > 0))
		return 0;
	if (seconds > WEEK_S)
		seconds = WEEK_S;
	return (uint32_t)llround(seconds * 1000);
}

static const struct option *find(const struct option *options, const char *name)
{
	for (; options->name; options++) {
		if (!strcmp(options->name, name))
			return options;
	}
	return NULL;
}

static void unknown(lua_State *L, const char *verb, const char *name,
		    const struct option *options)
{
	const char *names[OPTIONS_MAX];
	size_t n = 0;
	const char *near;

	for (; options->name && n < OPTIONS_MAX; options++)
		names[n++] = options->name;
	near = nearest_name(name, names, n);
	(void)raise_error(L, "usage", "%s: unknown option '%.40s'%s%s%s", verb,
			  name, near ? "; did you mean '" : "",
			  near ? near : "", near ? "'?" : "");
}

static const char *expected(lua_State *L, int value, enum option_type type)
{
	const int t = lua_type(L, value);

	switch (type) {
	case OPT_STRING:
		return t == LUA_TSTRING || t == LUA_TNUMBER ? NULL : "a string";
	case OPT_NUMBER:
		return t == LUA_TNUMBER ? NULL : "a number";
	case OPT_SECONDS:
		return t == LUA_TNUMBER && lua_tonumber(L, value) >= 0
			       ? NULL
			       : "seconds, not negative";
	case OPT_COUNT:
		return t == LUA_TNUMBER && lua_tonumber(L, value) >= 0 &&
				       floor(lua_tonumber(L, value)) ==
					       lua_tonumber(L, value)
			       ? NULL
			       : "a whole number, not negative";
	case OPT_BOOLEAN:
		return t == LUA_TBOOLEAN ? NULL : "true or false";
	case OPT_TABLE:
		return t == LUA_TTABLE ? NULL : "a table";
	case OPT_FUNCTION:
		return t == LUA_TFUNCTION ? NULL : "a function";
	case OPT_ANY:
	case OPT_LATER:
		break;
	}
	return NULL;
}

static void check_pair(lua_State *L, const char *verb,
		       const struct option *options, bool positional)
{
	const struct option *option;
	const char *want;

	if (lua_type(L, -2) != LUA_TSTRING) {
		if (!positional || !lua_isinteger(L, -2))
			(void)raise_error(L, "usage",
					  "%s: options are named; found one "
					  "without a name",
					  verb);
		return;
	}
	option = find(options, lua_tostring(L, -2));
	if (!option) {
		unknown(L, verb, lua_tostring(L, -2), options);
		return;
	}
	if (option->type == OPT_LATER)
		(void)raise_error(L, "not_available",
				  "%s: option '%s' is not available yet", verb,
				  option->name);
	want = expected(L, -1, option->type);
	if (want)
		(void)raise_error(
			L, "usage", "%s: option '%s' must be %s, got %s", verb,
			option->name, want,
			lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1)
						       : luaL_typename(L, -1));
}

void args_check(lua_State *L, int index, const char *verb,
		const struct option *options, bool positional)
{
	if (lua_isnoneornil(L, index))
		return;
	index = lua_absindex(L, index);
	if (!lua_istable(L, index))
		(void)raise_error(L, "usage",
				  "%s: a table of options is expected, got %s",
				  verb, luaL_typename(L, index));
	luaL_checkstack(L, 6, verb);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		check_pair(L, verb, options, positional);
}

/* Pushes the option's value, raw: nothing of the script's runs. */
static int get(lua_State *L, int index, const char *name)
{
	if (!lua_istable(L, index)) {
		lua_pushnil(L);
		return LUA_TNIL;
	}
	index = lua_absindex(L, index);
	lua_pushstring(L, name);
	return lua_rawget(L, index);
}

bool args_has(lua_State *L, int index, const char *name)
{
	const bool has = get(L, index, name) != LUA_TNIL;

	lua_pop(L, 1);
	return has;
}

const char *args_string(lua_State *L, int index, const char *name,
			const char *fallback)
{
	const int type = get(L, index, name);
	const char *text = fallback;

	if (type == LUA_TNUMBER) {
		/* As a string in the table too: so it stays. */
		lua_tolstring(L, -1, NULL);
		lua_pushstring(L, name);
		lua_pushvalue(L, -2);
		lua_rawset(L, lua_absindex(L, index));
	}
	if (type != LUA_TNIL)
		text = lua_tostring(L, -1);
	lua_pop(L, 1);
	return text;
}

double args_number(lua_State *L, int index, const char *name, double fallback)
{
	const double n = get(L, index, name) == LUA_TNIL ? fallback
							 : lua_tonumber(L, -1);

	lua_pop(L, 1);
	return n;
}

bool args_boolean(lua_State *L, int index, const char *name, bool fallback)
{
	const bool b = get(L, index, name) == LUA_TNIL ? fallback
						       : lua_toboolean(L, -1);

	lua_pop(L, 1);
	return b;
}

uint32_t args_ms(lua_State *L, int index, const char *name, double fallback_s)
{
	return ms_of(args_number(L, index, name, fallback_s));
}

/* 0 given is never; none given is as it is. */
static uint32_t never(lua_State *L, int index, const char *name)
{
	const uint32_t ms = args_ms(L, index, name, 0);

	return ms || !args_has(L, index, name) ? ms : (uint32_t)CALL_NEVER;
}

void args_media_timeout(lua_State *L, int index, uint32_t *timeout_ms,
			uint32_t *hangup_ms)
{
	*timeout_ms = never(L, index, "media_timeout");
	*hangup_ms = never(L, index, "media_timeout_hangup");
}

uint32_t args_seconds(lua_State *L, int index, const char *verb,
		      uint32_t fallback_ms)
{
	if (lua_isnoneornil(L, index))
		return fallback_ms;
	if (lua_type(L, index) != LUA_TNUMBER || !(lua_tonumber(L, index) >= 0))
		(void)raise_error(L, "usage",
				  "%s: seconds are expected, got %s", verb,
				  lua_type(L, index) == LUA_TNUMBER
					  ? lua_tostring(L, index)
					  : luaL_typename(L, index));
	return ms_of(lua_tonumber(L, index));
}
