/* moon.zone_time and moon.zone_epoch: clocks of the world's time zones. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/zone.h"
#include "script/host.h"

enum {
	KNOWN_MAX = 4096, /* names remembered, those of no zone among them */
	FIELD_MAX = 1000000000,
};

/* The zone of the name at INDEX; NULL: there is none. Kept in the table that
 * is the function's upvalue: reloaded scripts see what tzdata says by then. */
static struct zone *zone_of(lua_State *L, int index)
{
	const char *name = luaL_checkstring(L, index);
	struct zone **box;
	lua_Integer known;
	int err;

	lua_pushvalue(L, index);
	switch (lua_rawget(L, lua_upvalueindex(1))) {
	case LUA_TUSERDATA:
		box = lua_touserdata(L, -1);
		lua_pop(L, 1); /* the cache holds it */
		return *box;
	case LUA_TBOOLEAN:
		lua_pop(L, 1);
		return NULL;
	default:
		lua_pop(L, 1);
		break;
	}
	lua_rawgeti(L, lua_upvalueindex(1), 1);
	known = lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (known >= KNOWN_MAX) {
		for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1));) {
			lua_pop(L, 1);
			lua_pushvalue(L, -1);
			lua_pushnil(L);
			lua_rawset(L, lua_upvalueindex(1));
		}
		known = 0;
	}
	box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, "moondial.zone");
	err = zone_load(box, NULL, name);
	if (err == ENOMEM)
		(void)raise_memory(L);
	lua_pushinteger(L, known + 1);
	lua_rawseti(L, lua_upvalueindex(1), 1);
	lua_pushvalue(L, index);
	if (err)
		lua_pushboolean(L, 0);
	else
		lua_pushvalue(L, -2);
	lua_rawset(L, lua_upvalueindex(1));
	lua_pop(L, 1);
	return err ? NULL : *box;
}

static void set(lua_State *L, const char *name, int64_t value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

/* moon.zone_time(zone[, t]) → {year, month, day, hour, min, sec, wday, yday,
 * offset}, or nil, "unknown". T: seconds since the epoch, now by default. */
static int l_zone_time(lua_State *L)
{
	static const char verb[] = "moon.zone_time";
	const struct zone *zone = zone_of(L, 1);
	struct zone_time now;
	lua_Number t;

	if (!zone)
		return push_reason(L, "unknown");
	if (lua_isnoneornil(L, 2))
		t = floor((lua_Number)clock_wall_ms() / 1000);
	else
		t = floor(luaL_checknumber(L, 2));
	if (!(t >= (lua_Number)ZONE_T_MIN && t <= (lua_Number)ZONE_T_MAX))
		return raise_error(L, "usage",
				   "%s: seconds since 1970 are expected, in "
				   "the years 1 to %d",
				   verb, ZONE_YEAR_MAX);
	zone_time(zone, (int64_t)t, &now);
	lua_createtable(L, 0, 9);
	set(L, "year", now.year);
	set(L, "month", now.month);
	set(L, "day", now.day);
	set(L, "hour", now.hour);
	set(L, "min", now.min);
	set(L, "sec", now.sec);
	set(L, "wday", now.wday);
	set(L, "yday", now.yday);
	set(L, "offset", now.offset_s);
	return 1;
}

static lua_Integer field(lua_State *L, const char *name, lua_Integer fallback)
{
	lua_Integer n;
	int is_whole;

	if (lua_getfield(L, 2, name) == LUA_TNIL && fallback >= 0) {
		lua_pop(L, 1);
		return fallback;
	}
	n = lua_tointegerx(L, -1, &is_whole);
	if (!is_whole || n < -FIELD_MAX || n > FIELD_MAX)
		(void)raise_error(L, "usage",
				  "moon.zone_epoch: '%s' must be a whole "
				  "number",
				  name);
	lua_pop(L, 1);
	return n;
}

/* moon.zone_epoch(zone, {year, month, day, hour = 0, min = 0, sec = 0}) → t, or
 * nil, "unknown". */
static int l_zone_epoch(lua_State *L)
{
	static const char verb[] = "moon.zone_epoch";
	const struct zone *zone = zone_of(L, 1);
	struct zone_time local = {0};

	luaL_checktype(L, 2, LUA_TTABLE);
	if (!zone)
		return push_reason(L, "unknown");
	local.year = field(L, "year", -1);
	local.month = (int)field(L, "month", -1);
	local.day = (int)field(L, "day", -1);
	local.hour = (int)field(L, "hour", 0);
	local.min = (int)field(L, "min", 0);
	local.sec = (int)field(L, "sec", 0);
	if (local.year < 1 || local.year > ZONE_YEAR_MAX)
		return raise_error(L, "usage", "%s: 'year' is 1 to %d", verb,
				   ZONE_YEAR_MAX);
	lua_pushinteger(L, zone_epoch(zone, &local));
	return 1;
}

static int l_gc(lua_State *L)
{
	struct zone **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void zone_open(lua_State *L)
{
	luaL_newmetatable(L, "moondial.zone");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "zone");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void zone_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {{"zone_time", l_zone_time},
					     {"zone_epoch", l_zone_epoch},
					     {NULL, NULL}};

	lua_newtable(L);
	luaL_setfuncs(L, functions, 1);
}
