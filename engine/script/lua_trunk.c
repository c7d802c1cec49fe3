/* moon.trunk(name), moon.trunks(): what is known of a trunk and its hosts. */
#include <string.h>

#include "call/trunk.h"
#include "script/later.h"
#include "script/reach_fields.h"

/* A trunk by its name, looked up at each use: it may be set anew meanwhile. The
 * userdata is the name itself. */
static const char type_name[] = "moondial.trunk";

enum { HISTORY_MAX = 32 };

/* ---- fields that a qualify object has too -------------------------------- */

static const char *const field_names[] = {REACH_FIELDS};

/* nil for what isn't known. */
static void push_known(lua_State *L, bool known, double value)
{
	if (known)
		lua_pushnumber(L, value);
	else
		lua_pushnil(L);
}

bool reach_push_field(lua_State *L, const struct trunk_reading *r,
		      const char *key)
{
	if (!strcmp(key, "state"))
		lua_pushstring(L, reach_name(r->state));
	else if (!strcmp(key, "reachable") && r->state == REACH_UNKNOWN)
		lua_pushnil(L);
	else if (!strcmp(key, "reachable"))
		lua_pushboolean(L, r->state != REACH_UNREACHABLE);
	else if (!strcmp(key, "since"))
		push_known(L, r->since_ms != 0, (double)r->since_ms / 1000);
	else if (!strcmp(key, "rtt"))
		push_known(L, r->rtt_us != 0, r->rtt_us / 1e6);
	else if (!strcmp(key, "rtt_smoothed"))
		push_known(L, r->srtt_us != 0, r->srtt_us / 1e6);
	else if (!strcmp(key, "availability"))
		push_known(L, r->availability >= 0, r->availability * 100);
	else if (!strcmp(key, "reason"))
		lua_pushstring(L, r->reason);
	else
		return false;
	return true;
}

void reach_set_fields(lua_State *L, const struct trunk_reading *reading)
{
	for (size_t i = 0; i < ARRAY_SIZE(field_names); i++) {
		(void)reach_push_field(L, reading, field_names[i]);
		lua_setfield(L, -2, field_names[i]);
	}
}

/* ---- the object -----------------------------------------------------------
 */

static struct trunk *find(lua_State *L, const char *name)
{
	const struct scripts *host = host_of(L);

	return host->config.trunks ? trunk_find(host->config.trunks, name)
				   : NULL;
}

static struct trunk *check(lua_State *L)
{
	const char *name = luaL_testudata(L, 1, type_name);
	struct trunk *trunk = name ? find(L, name) : NULL;

	/* trunks are never removed */
	if (!trunk)
		(void)raise_error(L, "usage",
				  "a trunk is expected, got %s "
				  "(trunk:verb(), with a colon)",
				  luaL_typename(L, 1));
	return trunk;
}

static void push(lua_State *L, const char *name)
{
	const size_t size = strlen(name) + 1;

	memcpy(lua_newuserdatauv(L, size, 0), name, size);
	luaL_setmetatable(L, type_name);
}

static void push_hosts(lua_State *L, const struct trunk *trunk)
{
	const size_t n = trunk_host_count(trunk);

	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		struct trunk_reading reading;

		trunk_read_host(trunk, i, &reading);
		lua_createtable(L, 0, 8);
		lua_pushstring(L, reading.host);
		lua_setfield(L, -2, "host");
		reach_set_fields(L, &reading);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* The latest first. */
static void push_history(lua_State *L, const struct trunk *trunk)
{
	struct trunk_change changes[HISTORY_MAX];
	const size_t n = trunk_history(trunk, changes, HISTORY_MAX);

	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		lua_createtable(L, 0, 5);
		lua_pushstring(L, reach_name(changes[i].now));
		lua_setfield(L, -2, "state");
		lua_pushstring(L, reach_name(changes[i].was));
		lua_setfield(L, -2, "was");
		lua_pushnumber(L, (double)changes[i].at_ms / 1000);
		lua_setfield(L, -2, "at");
		push_known(L, changes[i].rtt_us != 0, changes[i].rtt_us / 1e6);
		lua_setfield(L, -2, "rtt");
		lua_pushstring(L, changes[i].reason);
		lua_setfield(L, -2, "reason");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* trunk:qualify(): ask its hosts now */
static int l_qualify(lua_State *L)
{
	trunk_qualify_now(check(L));
	lua_pushboolean(L, 1);
	return 1;
}

/* upvalue 1: methods */
static int l_index(lua_State *L)
{
	static const char *const names[] = {"name",    "active",     "hosts",
					    "history", REACH_FIELDS, NULL};
	const struct trunk *trunk = check(L);
	const char *key =
		lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	struct trunk_reading reading;

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	trunk_read(trunk, &reading);
	if (reach_push_field(L, &reading, key))
		return 1;
	if (!strcmp(key, "name"))
		lua_pushstring(L, trunk_params(trunk)->name);
	else if (!strcmp(key, "active"))
		lua_pushinteger(L, trunk_active(trunk));
	else if (!strcmp(key, "hosts"))
		push_hosts(L, trunk);
	else if (!strcmp(key, "history"))
		push_history(L, trunk);
	else
		return later_index(L, "trunk.", key, lua_upvalueindex(1), NULL,
				   names);
	return 1;
}

static int l_tostring(lua_State *L)
{
	lua_pushfstring(L, "trunk %s", trunk_params(check(L))->name);
	return 1;
}

void trunk_open(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"qualify", l_qualify}, {NULL, NULL}};

	luaL_newmetatable(L, type_name);
	luaL_newlib(L, verbs);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "trunk");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

int trunk_push_named(lua_State *L, const char *name)
{
	if (!find(L, name))
		return push_reason(L, "unknown");
	push(L, name);
	return 1;
}

struct listing {
	lua_State *L;
	lua_Integer n;
};

static bool add(struct trunk *trunk, void *arg)
{
	struct listing *listing = arg;

	push(listing->L, trunk_params(trunk)->name);
	lua_rawseti(listing->L, -2, ++listing->n);
	return false;
}

/* moon.trunks() → list of trunks, in the order of their definition */
static int l_trunks(lua_State *L)
{
	const struct scripts *host = host_of(L);
	struct listing listing = {.L = L};

	lua_newtable(L);
	if (host->config.trunks)
		trunk_each(host->config.trunks, add, &listing);
	return 1;
}

void trunk_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {{"trunks", l_trunks},
					     {NULL, NULL}};

	luaL_setfuncs(L, functions, 0);
}
