/* moon.endpoint{…}, moon.endpoints(), moon.on_register(fn). */
#include "call/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "script/host.h"
#include "script/reach_fields.h"

/* moon.endpoint{…} → name */
static int l_endpoint(lua_State *L)
{
	return account_define(L, "endpoint", "moon.endpoint");
}

/* ---- reading -------------------------------------------------------- */

static void set_text(lua_State *L, const char *key, const char *text)
{
	if (!*text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, key);
}

static void set_seconds(lua_State *L, const char *key, int64_t ms)
{
	lua_pushnumber(L, (lua_Number)ms / 1000);
	lua_setfield(L, -2, key);
}

static void set_count(lua_State *L, const char *key, uint64_t n)
{
	lua_pushinteger(L, (lua_Integer)n);
	lua_setfield(L, -2, key);
}

static void push_contact(lua_State *L, const struct endpoints *endpoints,
			 const struct binding *b)
{
	struct trunk_reading reading;
	char source[64];

	(void)re_snprintf(source, sizeof(source), "%s:%J",
			  binding_transport(b) == SIP_TRANSP_TCP ? "tcp"
								 : "udp",
			  binding_source(b));
	lua_createtable(L, 0, 16);
	endpoint_reachability(endpoints, b, &reading);
	reach_set_fields(L, &reading);
	set_text(L, "contact", binding_contact(b));
	set_text(L, "target", binding_target(b));
	set_text(L, "path", binding_path(b));
	set_text(L, "source", source);
	set_text(L, "instance", binding_instance(b));
	set_text(L, "user_agent", binding_user_agent(b));
	lua_pushnumber(L, binding_q(b) / 1000.0);
	lua_setfield(L, -2, "q");
	set_seconds(L, "since", binding_since(b));
	set_seconds(L, "refreshed_at", binding_refreshed_at(b));
	set_seconds(L, "expires_at", binding_expires_at(b));
}

static void push_endpoint(lua_State *L, const struct endpoints *endpoints,
			  const struct endpoint *endpoint)
{
	const struct endpoint_params *p = endpoint_params(endpoint);
	struct binding *bindings[ENDPOINT_CONTACTS_MAX];
	const size_t n =
		registrar_bindings(endpoints_registrar(endpoints), p->name,
				   bindings, ENDPOINT_CONTACTS_MAX);
	struct endpoint_count count;

	endpoint_count(endpoint, &count);
	lua_createtable(L, 0, 8);
	set_text(L, "name", p->name);
	lua_pushboolean(L, n > 0);
	lua_setfield(L, -2, "registered");
	set_count(L, "calls", count.calls);
	set_count(L, "ringing", count.ringing);
	set_count(L, "answered", count.answered);
	set_count(L, "max_calls", p->max_calls);
	set_count(L, "busy_level", p->busy_level);
	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n && i < ENDPOINT_CONTACTS_MAX; i++) {
		push_contact(L, endpoints, bindings[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "contacts");
}

/* Names first: what Lua raises mustn't leave the table's walk half done. */
struct names {
	const struct endpoint **list;
	size_t count, room;
};

static bool note(struct endpoint *endpoint, void *arg)
{
	struct names *names = arg;

	if (names->count == names->room)
		return true;
	names->list[names->count++] = endpoint;
	return false;
}

static bool count_one(struct endpoint *endpoint, void *arg)
{
	(void)endpoint;
	++*(size_t *)arg;
	return false;
}

/* moon.endpoints([name]) → a list of all; or that one, or nil */
static int l_endpoints(lua_State *L)
{
	struct endpoints *endpoints = host_of(L)->config.endpoints;
	const char *name = luaL_optstring(L, 1, NULL);
	const struct endpoint *endpoint;
	struct names names = {.room = 0};

	if (!endpoints)
		return raise_error(L, "state",
				   "moon.endpoints: no telephony here");
	if (name) {
		endpoint = endpoint_find(endpoints, name);
		if (endpoint)
			push_endpoint(L, endpoints, endpoint);
		else
			lua_pushnil(L);
		return 1;
	}
	endpoint_each(endpoints, count_one, &names.room);
	names.list =
		lua_newuserdatauv(L, names.room * sizeof(const char *) + 1, 0);
	endpoint_each(endpoints, note, &names);
	lua_createtable(L, (int)names.count, 0);
	for (size_t i = 0; i < names.count; i++) {
		push_endpoint(L, endpoints, names.list[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* ---- users from a function ------------------------------------------ */

/* moon.on_register(fn): who is it that isn't configured? */
static int l_on_register(lua_State *L)
{
	struct generation *gen = generation_current(L);

	if (!lua_isfunction(L, 1))
		return raise_error(L, "usage",
				   "moon.on_register: a function is expected, "
				   "got %s",
				   luaL_typename(L, 1));
	lua_settop(L, 1);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->register_ref);
	gen->register_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

bool scripts_registers(const struct scripts *host)
{
	return host->gen && host->gen->register_ref != LUA_NOREF;
}

struct asking {
	const cJSON *request;
	scripts_done_h *done;
	void *arg;
};

static void start_asking(lua_State *L, void *arg)
{
	const struct asking *asking = arg;
	struct generation *gen = host_of(L)->gen;
	struct script *s;

	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->register_ref);
	json_push(L, asking->request);
	s = script_new(L, 1, gen, NULL, SCRIPT_TASK);
	s->done = asking->done;
	s->done_arg = asking->arg;
}

int scripts_register(struct scripts *host, const cJSON *request,
		     scripts_done_h *done, void *arg)
{
	struct asking asking = {.request = request, .done = done, .arg = arg};

	if (!scripts_registers(host))
		return ENOENT;
	return host_protect(host, start_asking, &asking) ? 0 : ENOMEM;
}

void endpoint_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {{"endpoint", l_endpoint},
					     {"endpoints", l_endpoints},
					     {"on_register", l_on_register},
					     {NULL, NULL}};

	luaL_setfuncs(L, functions, 0);
}
