/* moon.account{…}, moon.trunk{…}: checked and applied by the configuration.
 * moon.account(name): the account as an object. */
#include <string.h>

#include "call/call.h"
#include "script/host.h"
#include "script/keepalive.h"
#include "script/later.h"
#include "sip/account/account.h"

/* An account by its name, looked up at each use: it may be changed meanwhile.
 * The userdata is the name itself. */
static const char type_name[] = "moondial.account";

struct definition {
	cJSON *json;
};

static void definition_free(void *op)
{
	struct definition *d = op;

	cJSON_Delete(d->json);
	d->json = NULL;
}

int account_define(lua_State *L, const char *kind, const char *verb)
{
	struct scripts *host = host_of(L);
	char err[512] = "";
	struct definition *d;

	if (!lua_istable(L, 1))
		return raise_error(L, "usage",
				   "%s: a table is expected, got %s", verb,
				   luaL_typename(L, 1));
	if (!host->handlers.define)
		return raise_error(L, "state", "%s: no telephony here", verb);
	d = op_new(L, sizeof(*d), definition_free);
	d->json = json_read(L, 1, err, sizeof(err));
	if (!d->json)
		return raise_error(L, "usage", "%s: %s", verb, err);
	if (!host->handlers.define(kind, d->json, err, sizeof(err),
				   host->arg)) {
		/* What is wrong with a key is told with the verb already. */
		if (!strncmp(err, verb, strlen(verb)))
			return raise_error(L, "usage", "%s", err);
		return raise_error(L, "usage", "%s: %s", verb, err);
	}
	lua_getfield(L, 1, "name");
	return 1;
}

/* ---- moon.account(name) ------------------------------------------------- */

static const char *name_check(lua_State *L)
{
	const char *name = luaL_testudata(L, 1, type_name);

	if (!name)
		(void)raise_error(L, "usage",
				  "an account is expected, got %s "
				  "(account:verb(…), with a colon)",
				  luaL_typename(L, 1));
	return name;
}

static struct account *find(lua_State *L, const char *name)
{
	const struct scripts *host = host_of(L);

	return host->config.accounts ? account_find(host->config.accounts, name)
				     : NULL;
}

static int l_find(lua_State *L)
{
	size_t size;
	const char *name = lua_tolstring(L, 1, &size);

	if (!find(L, name))
		return push_reason(L, "unknown");
	memcpy(lua_newuserdatauv(L, size + 1, 0), name, size + 1);
	luaL_setmetatable(L, type_name);
	return 1;
}

/* account:keepalive{sip, rtp, nat_session, hangup} → true, or nil, reason */
static int l_keepalive(lua_State *L)
{
	const char *name = name_check(L);
	struct session_keepalive k;

	keepalive_read(L, 2, "account:keepalive", &k);
	if (calls_account_keepalive(host_of(L)->config.calls, name, &k))
		return push_reason(L, "unknown");
	lua_pushboolean(L, 1);
	return 1;
}

static const char *const fields[] = {"name", "uri",    "state",
				     "code", "reason", NULL};

/* upvalue 1: methods. nil for one that has been removed. */
static int l_index(lua_State *L)
{
	const char *name = name_check(L);
	const struct account *account = find(L, name);
	const char *key =
		lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	if (!strcmp(key, "name"))
		lua_pushstring(L, name);
	else if (!strcmp(key, "uri"))
		lua_pushstring(L,
			       account ? account_params(account)->uri : NULL);
	else if (!strcmp(key, "state"))
		lua_pushstring(
			L, account_state_name(account ? account_state(account)
						      : ACCOUNT_CLOSED));
	else if (!strcmp(key, "code"))
		lua_pushinteger(L, account ? account_scode(account) : 0);
	else if (!strcmp(key, "reason"))
		lua_pushstring(L, account ? account_reason(account) : "");
	else
		return later_index(L, "account.", key, lua_upvalueindex(1),
				   NULL, fields);
	return 1;
}

static int l_tostring(lua_State *L)
{
	lua_pushfstring(L, "account %s", name_check(L));
	return 1;
}

void account_open(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"keepalive", l_keepalive},
					 {NULL, NULL}};

	luaL_newmetatable(L, type_name);
	luaL_newlib(L, verbs);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "account");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* moon.account(name) → account; moon.account{…} → name */
static int l_account(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		return l_find(L);
	return account_define(L, "account", "moon.account");
}

static int l_trunk(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		return trunk_push_named(L, lua_tostring(L, 1));
	return account_define(L, "trunk", "moon.trunk");
}

void account_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"account", l_account}, {"trunk", l_trunk}, {NULL, NULL}};

	luaL_setfuncs(L, functions, 0);
}
