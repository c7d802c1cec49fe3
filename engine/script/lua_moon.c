/* The table that require "moondial" returns. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "call/trunk.h"
#include "script/args.h"
#include "script/event.h"
#include "script/later.h"
#include "script/leg.h"
#include "script/play.h"
#include "script/route.h"
#include "script/task.h"
#include "script/timer.h"

/* moon.stop([exit_code]) */
static int l_stop(lua_State *L)
{
	struct scripts *host = host_of(L);
	const lua_Integer code = luaL_optinteger(L, 1, 0);

	luaL_argcheck(L, code >= 0 && code <= 255, 1, "0 to 255");
	if (host->handlers.stop)
		host->handlers.stop((int)code, host->arg);
	return 0;
}

/* moon.drain(): no new calls; ends when those in progress have. */
static int l_drain(lua_State *L)
{
	struct scripts *host = host_of(L);

	if (host->handlers.drain)
		host->handlers.drain(host->arg);
	return 0;
}

/* moon.calls() → list of calls not yet ended, oldest first */
static int l_calls(lua_State *L)
{
	struct scripts *host = host_of(L);
	struct le *le;
	lua_Integer n = 0;

	lua_newtable(L);
	LIST_FOREACH(&host->legs, le)
	{
		struct leg *leg = le->data;

		if (leg->ended || !leg->call)
			continue;
		leg_push(L, leg);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* What the trunks named at INDEX, a name or a list, have free together, of
 * WANTED; those that are unreachable or unknown have nothing. */
static unsigned room_of_trunks(lua_State *L, int index, unsigned wanted)
{
	const struct trunks *trunks = host_of(L)->config.trunks;
	const uint64_t now = clock_mono_ms();
	const bool list = lua_istable(L, index);
	unsigned room = 0;

	for (lua_Integer i = 1; room < wanted; i++) {
		struct trunk *trunk = NULL;

		if (list)
			(void)lua_rawgeti(L, index, i);
		else
			lua_pushvalue(L, index);
		if (lua_isnil(L, -1))
			break;
		if (trunks && lua_type(L, -1) == LUA_TSTRING)
			trunk = trunk_find(trunks, lua_tostring(L, -1));
		lua_pop(L, 1);
		if (trunk && trunk_state(trunk) != REACH_UNREACHABLE)
			room += trunk_room(trunk, now, wanted - room);
		if (!list)
			return room;
	}
	return room;
}

/* moon.room(wanted[, trunk|trunks]) → how many of as many calls out may begin
 * now; why not all */
static int l_room(lua_State *L)
{
	const lua_Integer wanted = luaL_checkinteger(L, 1);
	struct calls *calls = host_of(L)->config.calls;
	const char *why = NULL;
	unsigned room, of_trunks;

	luaL_argcheck(L, wanted >= 0 && wanted <= INT32_MAX, 1,
		      "a number of calls");
	luaL_argexpected(L,
			 lua_isnoneornil(L, 2) || lua_istable(L, 2) ||
				 lua_type(L, 2) == LUA_TSTRING,
			 2, "the name of a trunk, or a list of names");
	lua_settop(L, 2);
	room = (unsigned)wanted;
	if (calls)
		room = calls_room(calls, room, &why);
	if (!lua_isnil(L, 2)) {
		of_trunks = room_of_trunks(L, 2, room);
		if (of_trunks < room) {
			room = of_trunks;
			why = "the trunk's limit is reached";
		}
	}
	lua_pushinteger(L, room);
	lua_pushstring(L, why);
	return 2;
}

/* moon.call(id) → call or nil */
static int l_call(lua_State *L)
{
	struct scripts *host = host_of(L);
	struct leg *leg = leg_find(host, luaL_checkstring(L, 1));

	if (leg)
		leg_push(L, leg);
	else
		lua_pushnil(L);
	return 1;
}

static int loaded_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L) - 1;
}

/* moon.load(path) → what the script in that file returns; in this environment.
 * A path that isn't absolute is looked for in the script's folder, then in the
 * current one. */
static int l_load(lua_State *L)
{
	const struct generation *gen = generation_current(L);
	const char *path = luaL_checkstring(L, 1);
	const char *slash = strrchr(path, '/');
	char shown[WHERE_SIZE];

	(void)snprintf(shown, sizeof(shown), "%s", slash ? slash + 1 : path);
	lua_settop(L, 1);
	if (*path != '/' && gen->folder) {
		lua_pushfstring(L, "%s/%s", gen->folder, path);
		if (access(lua_tostring(L, -1), R_OK) == 0)
			lua_replace(L, 1);
	}
	lua_settop(L, 1);
	generation_load_file(L, gen, lua_tostring(L, 1), shown);
	lua_callk(L, 0, LUA_MULTRET, 0, loaded_k);
	return loaded_k(L, LUA_OK, 0);
}

static int l_index(lua_State *L)
{
	static const char *const later[] = {"http", "conference", "queue",
					    "agent", NULL};

	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "moon has named fields only");
	return later_index(L, "moon.", lua_tostring(L, 2), lua_upvalueindex(1),
			   later, NULL);
}

static int l_newindex(lua_State *L)
{
	return raise_error(L, "frozen", "moon.%.40s can't be set",
			   luaL_tolstring(L, 2, NULL));
}

static void push_config(lua_State *L, const struct scripts *host)
{
	if (host->config.config)
		json_push(L, host->config.config);
	else
		lua_newtable(L);
}

/* Kept for the generations to come: running work goes on by name. */
static void push_shared(lua_State *L)
{
	static const char key = 'g';

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

void moon_push(lua_State *L, struct generation *gen)
{
	static const luaL_Reg functions[] = {
		{"stop", l_stop}, {"drain", l_drain}, {"calls", l_calls},
		{"call", l_call}, {"load", l_load},   {"room", l_room},
		{NULL, NULL},
	};
	const struct scripts *host = gen->host;

	luaL_newlib(L, functions);
	route_add_moon(L);
	event_add_moon(L);
	task_add_moon(L);
	timer_add_moon(L);
	select_add_moon(L);
	account_add_moon(L);
	endpoint_add_moon(L);
	trunk_add_moon(L);
	qualify_add_moon(L);
	dial_add_moon(L);
	detect_add_moon(L);
	zone_add_moon(L);
	prompt_add_moon(L);
	log_push(L);
	lua_setfield(L, -2, "log");
	json_table_push(L);
	lua_setfield(L, -2, "json");
	db_push(L);
	lua_setfield(L, -2, "db");
	cdr_push(L);
	lua_setfield(L, -2, "cdr");
	csv_push(L);
	lua_setfield(L, -2, "csv");
	numbers_push(L);
	lua_setfield(L, -2, "numbers");
	phone_push(L);
	lua_setfield(L, -2, "phone");
	push_config(L, host);
	lua_setfield(L, -2, "config");
	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->args_ref);
	lua_setfield(L, -2, "args");
	push_shared(L);
	lua_setfield(L, -2, "shared");
	if (gen->folder)
		lua_pushstring(L, gen->folder);
	else
		lua_pushliteral(L, ".");
	lua_setfield(L, -2, "folder");
	if (gen->file)
		lua_pushstring(L, gen->file);
	else
		lua_pushliteral(L, "");
	lua_setfield(L, -2, "file");
	lua_pushliteral(L, MOONDIAL_VERSION);
	lua_setfield(L, -2, "version");

	/* A proxy would cost each use; what is there can't be missed. */
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, -2);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushliteral(L, "moon");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}
