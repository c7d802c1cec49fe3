/* moon.qualify(uri[, options]): whether any URI answers, as of trunks. */
#include <errno.h>
#include <string.h>

#include "call/call.h"
#include "script/args.h"
#include "script/later.h"
#include "script/reach_fields.h"
#include "sip/reach/qualify.h"

static const char type_name[] = "moondial.qualify";

/* Held by host->asked until it is cancelled or its generation goes, and by its
 * object. */
struct asked {
	struct le le;
	struct scripts *host;
	struct generation *gen;
	struct qualify *qualify; /* NULL: cancelled */
	enum reach was;
	char uri[256];
};

static const struct option qualify_options[] = {{"every", OPT_SECONDS},
						{"timeout", OPT_SECONDS},
						{"tries", OPT_COUNT},
						{"answer", OPT_STRING},
						{0}};

static void asked_destroy(void *data)
{
	struct asked *asked = data;

	list_unlink(&asked->le);
	mem_deref(asked->qualify);
	mem_deref(asked->gen);
}

static void stop(struct asked *asked)
{
	asked->qualify = mem_deref(asked->qualify);
	if (!asked->le.list)
		return;
	list_unlink(&asked->le);
	mem_deref(asked);
}

void qualifies_retire(struct scripts *host, const struct generation *gen)
{
	struct le *le = list_head(&host->asked);

	while (le) {
		struct asked *asked = le->data;

		le = le->next;
		if (!gen || asked->gen == gen)
			stop(asked);
	}
}

static void on_change(struct qualify *qualify, void *arg)
{
	struct asked *asked = arg;
	struct scripts *host = asked->host;
	const enum reach was = asked->was;

	asked->was = qualify_state(qualify);
	if (host->handlers.qualified)
		host->handlers.qualified(qualify, was, host->arg);
}

/* ---- the object ------------------------------------------------------------
 */

static struct asked *check(lua_State *L)
{
	struct asked **box = luaL_testudata(L, 1, type_name);

	if (!box || !*box)
		(void)raise_error(L, "usage",
				  "what moon.qualify returned is expected, got "
				  "%s (q:verb(), with a colon)",
				  luaL_typename(L, 1));
	return *box;
}

static void read_asked(const struct asked *asked, struct trunk_reading *r)
{
	const struct qualify *q = asked->qualify;

	*r = (struct trunk_reading){.reason = "cancelled", .availability = -1};
	if (!q)
		return;
	r->state = qualify_state(q);
	r->since_ms = qualify_since(q);
	r->rtt_us = r->state == REACH_UNREACHABLE ? 0 : qualify_rtt_us(q);
	r->srtt_us = r->rtt_us ? qualify_srtt_us(q) : 0;
	r->availability = qualify_availability(q);
	r->reason = qualify_reason(q);
}

static int l_cancel(lua_State *L)
{
	stop(check(L));
	return 0;
}

/* q:now(): ask now */
static int l_now(lua_State *L)
{
	struct asked *asked = check(L);

	if (asked->qualify)
		qualify_now(asked->qualify);
	return 0;
}

/* upvalue 1: methods */
static int l_index(lua_State *L)
{
	static const char *const names[] = {"uri", "code", REACH_FIELDS, NULL};
	const struct asked *asked = check(L);
	const char *key =
		lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	struct trunk_reading reading;

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	read_asked(asked, &reading);
	if (reach_push_field(L, &reading, key))
		return 1;
	if (!strcmp(key, "uri"))
		lua_pushstring(L, asked->uri);
	else if (!strcmp(key, "code") && asked->qualify &&
		 qualify_scode(asked->qualify))
		lua_pushinteger(L, qualify_scode(asked->qualify));
	else if (!strcmp(key, "code"))
		lua_pushnil(L);
	else
		return later_index(L, "qualify.", key, lua_upvalueindex(1),
				   NULL, names);
	return 1;
}

static int l_gc(lua_State *L)
{
	struct asked **box = luaL_testudata(L, 1, type_name);

	if (box)
		*box = mem_deref(*box);
	return 0;
}

void qualify_open(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"cancel", l_cancel}, {"now", l_now}, {NULL, NULL}};

	luaL_newmetatable(L, type_name);
	luaL_newlib(L, verbs);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "qualify");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* ---- moon.qualify ----------------------------------------------------------
 */

static void read_params(lua_State *L, struct qualify_params *p)
{
	static const char verb[] = "moon.qualify";
	const char *answer;

	args_check(L, 2, verb, qualify_options, false);
	answer = args_string(L, 2, "answer", "any");
	if (strcmp(answer, "any") != 0 && strcmp(answer, "2xx") != 0)
		(void)raise_error(L, "usage",
				  "%s: option 'answer' is \"any\" or \"2xx\", "
				  "not '%.40s'",
				  verb, answer);
	p->success = !strcmp(answer, "2xx");
	p->every_ms = args_ms(L, 2, "every", QUALIFY_EVERY_MS / 1000.0);
	p->timeout_ms = args_ms(L, 2, "timeout", QUALIFY_TIMEOUT_MS / 1000.0);
	p->tries = (unsigned)args_number(L, 2, "tries", QUALIFY_TRIES);
	if (p->every_ms < 1000)
		(void)raise_error(L, "usage",
				  "%s: option 'every' is at least 1 second",
				  verb);
	if (!p->timeout_ms || !p->tries || p->tries > QUALIFY_TRIES_MAX)
		(void)raise_error(L, "usage", "%s: option '%s' is out of range",
				  verb, p->timeout_ms ? "tries" : "timeout");
}

/* moon.qualify(uri[, {every, timeout, tries, answer}]) → object, or nil,
 * "forbidden" */
static int l_qualify(lua_State *L)
{
	struct scripts *host = host_of(L);
	struct qualify_params params = {0};
	struct asked **box, *asked;
	char err[256] = "", uri[256];
	int e;

	if (!host->config.calls || !host->config.qualifier)
		return raise_error(L, "state",
				   "moon.qualify: no telephony "
				   "here");
	if (lua_type(L, 1) != LUA_TSTRING)
		return raise_error(L, "usage",
				   "moon.qualify: a SIP URI is expected, got "
				   "%s",
				   luaL_typename(L, 1));
	lua_settop(L, 2);
	read_params(L, &params);
	e = calls_may_ask(host->config.calls, lua_tostring(L, 1), uri,
			  sizeof(uri), err, sizeof(err));
	if (e == EPERM) {
		(void)push_reason(L, "forbidden");
		lua_pushstring(L, err);
		return 3;
	}
	if (e)
		return raise_error(L, "usage", "moon.qualify: %s", err);
	params.uri = uri;
	box = lua_newuserdatauv(L, sizeof(struct asked *), 0);
	*box = NULL;
	luaL_setmetatable(L, type_name);
	asked = *box = mem_zalloc(sizeof(*asked), asked_destroy);
	if (!asked)
		return raise_memory(L);
	asked->host = host;
	asked->gen = mem_ref(generation_current(L));
	(void)snprintf(asked->uri, sizeof(asked->uri), "%s", uri);
	e = qualify_alloc(&asked->qualify, host->config.qualifier, &params,
			  on_change, asked);
	if (e == ENOMEM)
		return raise_memory(L);
	if (e)
		return raise_error(L, "usage",
				   "moon.qualify: %s can't be asked", uri);
	list_append(&host->asked, &asked->le, mem_ref(asked));
	return 1;
}

void qualify_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {{"qualify", l_qualify},
					     {NULL, NULL}};

	luaL_setfuncs(L, functions, 0);
}
