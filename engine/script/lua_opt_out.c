/* call:opt_out(): what lua/moondial/compliance/dnc.lua does. */
#include "script/leg.h"

static int done_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 1;
}

/* call, module */
static int required_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	lua_getfield(L, 2, "opt_out");
	lua_pushvalue(L, 1);
	lua_callk(L, 1, 1, 0, done_k);
	return done_k(L, LUA_OK, 0);
}

/* call:opt_out() → true; waits, until it is durable. Also when the call has
 * ended: what was asked holds. */
static int l_opt_out(lua_State *L)
{
	script_can_wait(L, "call:opt_out");
	(void)leg_check(L, 1);
	lua_settop(L, 1);
	require_push(L, generation_current(L));
	lua_pushliteral(L, "moondial.compliance.dnc");
	lua_callk(L, 1, 1, 0, required_k);
	return required_k(L, LUA_OK, 0);
}

void opt_out_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_opt_out);
	lua_setfield(L, -2, "opt_out");
}
