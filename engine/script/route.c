/* The handler of a new call is found at once, in C: a 404 can't wait. */
#include "script/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call/cdr.h"
#include "script/event.h"
#include "script/leg.h"
#include "script/pattern.h"

struct route {
	struct le le;
	struct scripts *host;
	char *pattern; /* NULL: any */
	int ref;
};

static void route_destroy(void *data)
{
	struct route *route = data;

	list_unlink(&route->le);
	luaL_unref(route->host->L, LUA_REGISTRYINDEX, route->ref);
	free(route->pattern);
}

void routes_flush(struct list *routes)
{
	list_flush(routes);
}

/* moon.on_call([pattern,] handler) */
static int l_on_call(lua_State *L)
{
	struct generation *gen = generation_current(L);
	const bool has_pattern = lua_type(L, 1) == LUA_TSTRING;
	const int function = has_pattern ? 2 : 1;
	struct route *route;
	char err[128];

	if (!lua_isfunction(L, function))
		return raise_error(L, "usage",
				   "moon.on_call: a function is expected, got "
				   "%s",
				   luaL_typename(L, function));
	if (has_pattern && !pattern_valid(lua_tostring(L, 1), err, sizeof(err)))
		return raise_error(L, "usage", "moon.on_call: %s", err);
	route = mem_zalloc(sizeof(*route), route_destroy);
	if (!route)
		return raise_memory(L);
	route->host = gen->host;
	route->ref = LUA_NOREF;
	list_append(&gen->routes, &route->le, route);
	if (has_pattern) {
		route->pattern = strdup(lua_tostring(L, 1));
		if (!route->pattern) {
			mem_deref(route);
			return raise_memory(L);
		}
	}
	lua_pushvalue(L, function);
	route->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

void route_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_on_call);
	lua_setfield(L, -2, "on_call");
}

/* The first whose pattern matches the whole user; else one without. */
static struct route *find(const struct generation *gen, const char *user)
{
	struct route *any = NULL;
	struct le *le;

	LIST_FOREACH(&gen->routes, le)
	{
		struct route *route = le->data;

		if (!route->pattern) {
			if (!any)
				any = route;
		} else if (pattern_whole(route->pattern, user, strlen(user),
					 gen->host->config.pattern_steps)) {
			return route;
		}
	}
	return any;
}

struct incoming {
	struct job job;
	struct leg *leg;
	struct route *route;
	bool started;
};

static void incoming_destroy(void *data)
{
	struct incoming *in = data;

	list_unlink(&in->job.le);
	mem_deref(in->route);
	if (!in->leg->host->freeing) {
		/* Not even a coroutine could be made: nobody else ends it. */
		if (!in->started)
			leg_no_flow(in->leg);
		leg_release(in->leg);
	}
	mem_deref(in->leg);
}

static void start_flow(lua_State *L, struct job *job)
{
	struct incoming *in = (struct incoming *)job;

	lua_rawgeti(L, LUA_REGISTRYINDEX, in->route->ref);
	leg_push(L, in->leg);
	(void)script_new(L, 1, in->leg->gen, in->leg, SCRIPT_FLOW);
	in->started = true;
	event_new_call(L, in->leg);
}

bool scripts_incoming(struct call *call, void *arg)
{
	struct scripts *host = arg;
	const char *user = call_dialed_user(call);
	struct incoming *in;
	struct route *route;
	struct leg *leg;

	route = host->gen ? find(host->gen, user ? user : "") : NULL;
	if (!route) {
		log_info(call_id(call), "no handler for '%s'",
			 user ? user : "");
		return false;
	}
	if (leg_alloc(&leg, host, host->gen))
		return false;
	in = mem_zalloc(sizeof(*in), incoming_destroy);
	if (!in) {
		leg_abandon(leg);
		return false;
	}
	leg_set_call(leg, mem_ref(call));
	call_set_handler(call, leg_event, leg);
	in->job.fn = start_flow;
	in->leg = mem_ref(leg);
	in->route = mem_ref(route);
	leg_hold(leg);
	host_post(host, &in->job);
	return true;
}
