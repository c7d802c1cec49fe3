/* moon.account{…}, moon.trunk{…}: checked and applied by the
 * configuration. */
#include "script/host.h"

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
	if (!host->handlers.define(kind, d->json, err, sizeof(err), host->arg))
		return raise_error(L, "usage", "%s: %s", verb, err);
	lua_getfield(L, 1, "name");
	return 1;
}

static int l_account(lua_State *L)
{
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
