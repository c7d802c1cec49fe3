/* dial_options.c -- whom moon.dial and moon.originate call, and how */
#include "script/dial_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/target.h"
#include "script/args.h"

static const struct option dial_options[] = {
	{"timeout", OPT_SECONDS},
	{"trunk", OPT_ANY},
	{"account", OPT_STRING},
	{"from", OPT_STRING},
	{"display_name", OPT_STRING},
	{"headers", OPT_TABLE},
	{"max_duration", OPT_SECONDS},
	{"media_timeout", OPT_SECONDS},
	{"media_timeout_hangup", OPT_SECONDS},
	{"campaign", OPT_STRING},
	{"lead", OPT_ANY},
	{"attempt", OPT_COUNT},
	{"in_turn", OPT_BOOLEAN},
	{"user", OPT_TABLE},
	{"caller", OPT_ANY},
	{"early_media", OPT_BOOLEAN},
	{"detect", OPT_ANY},
	{0},
};

/* ---- checking ------------------------------------------------------- */

static void check_target(lua_State *L, int index, const char *verb)
{
	struct target target;
	char err[128];

	if (lua_type(L, index) != LUA_TSTRING)
		(void)raise_error(L, "usage",
				  "%s: a target (a URI, a number, "
				  "\"trunk:NAME/NUMBER\", "
				  "\"endpoint:NAME\") is expected, got %s",
				  verb, luaL_typename(L, index));
	if (target_parse(&target, lua_tostring(L, index), err, sizeof(err)))
		(void)raise_error(L, "usage", "%s: %s", verb, err);
}

static unsigned check_targets(lua_State *L, int index, const char *verb)
{
	lua_Unsigned n;

	if (!lua_istable(L, index)) {
		check_target(L, index, verb);
		return 1;
	}
	n = lua_rawlen(L, index);
	if (n == 0 || n > TARGETS_MAX)
		(void)raise_error(L, "usage", "%s: a list of 1 to %d targets",
				  verb, TARGETS_MAX);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, index, (lua_Integer)i);
		check_target(L, -1, verb);
		lua_pop(L, 1);
	}
	return (unsigned)n;
}

static void check_trunk(lua_State *L, const char *verb)
{
	if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
		(void)raise_error(L, "usage",
				  "%s: option 'trunk' must be a trunk's name, "
				  "or a list of names, got %s",
				  verb, luaL_typename(L, -1));
}

/* A name, or a list of them. */
static void check_trunks(lua_State *L, const char *verb)
{
	lua_Unsigned n;

	if (!args_has(L, 2, "trunk"))
		return;
	if (lua_getfield(L, 2, "trunk") != LUA_TTABLE) {
		check_trunk(L, verb);
		lua_pop(L, 1);
		return;
	}
	n = lua_rawlen(L, -1);
	if (n == 0 || n > TRUNKS_MAX)
		(void)raise_error(L, "usage",
				  "%s: option 'trunk' is a list of 1 to %d "
				  "names",
				  verb, TRUNKS_MAX);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i);
		check_trunk(L, verb);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* detect = true, or settings; false is none. */
static bool read_detect(lua_State *L, const char *verb,
			struct detect_options *o)
{
	bool wanted = false;

	if (!args_has(L, 2, "detect"))
		return false;
	lua_getfield(L, 2, "detect");
	if (lua_toboolean(L, -1)) {
		detect_read(L, lua_gettop(L), verb, o);
		wanted = true;
	}
	lua_pop(L, 1);
	return wanted;
}

void dial_options_check(lua_State *L, const char *verb)
{
	struct detect_options detect;

	(void)check_targets(L, 1, verb);
	args_check(L, 2, verb, dial_options, false);
	check_trunks(L, verb);
	(void)read_detect(L, verb, &detect);
}

/* ---- reading -------------------------------------------------------- */

static bool clean(const char *s)
{
	return !s[strcspn(s, "\r\n")];
}

static void read_headers(lua_State *L, struct dial_options *o, const char *verb)
{
	size_t used = 0;

	if (!args_has(L, 2, "headers"))
		return;
	lua_getfield(L, 2, "headers");
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		int n;

		if (lua_type(L, -2) != LUA_TSTRING ||
		    lua_type(L, -1) != LUA_TSTRING ||
		    !clean(lua_tostring(L, -1)) || !clean(lua_tostring(L, -2)))
			(void)raise_error(L, "usage",
					  "%s: headers are names and texts of "
					  "one line",
					  verb);
		n = snprintf(o->headers + used, sizeof(o->headers) - used,
			     "%s: %s\r\n", lua_tostring(L, -2),
			     lua_tostring(L, -1));
		used += (size_t)n;
		if (used >= sizeof(o->headers))
			(void)raise_error(L, "usage",
					  "%s: more than %d bytes of headers",
					  verb, HEADERS_MAX);
	}
	lua_pop(L, 1);
	o->params.headers = used ? o->headers : NULL;
}

/* A lead is a table with an id, or the id. */
static const char *lead_id(lua_State *L)
{
	const char *id = NULL;

	if (!args_has(L, 2, "lead"))
		return NULL;
	lua_getfield(L, 2, "lead");
	if (lua_istable(L, -1)) {
		id = args_string(L, -1, "id", NULL);
	} else {
		id = args_string(L, 2, "lead", NULL);
	}
	lua_pop(L, 1);
	return id;
}

static void read_trunks(lua_State *L, struct dial_options *o)
{
	lua_Unsigned n;

	if (!args_has(L, 2, "trunk"))
		return;
	if (lua_getfield(L, 2, "trunk") != LUA_TTABLE) {
		lua_pop(L, 1);
		o->params.trunk = args_string(L, 2, "trunk", NULL);
		return;
	}
	n = lua_rawlen(L, -1);
	for (lua_Unsigned i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		o->trunks[i] = strdup(luaL_tolstring(L, -1, NULL));
		lua_pop(L, 2);
		if (!o->trunks[i])
			(void)raise_memory(L);
	}
	lua_pop(L, 1);
	o->params.trunks = (const char *const *)o->trunks;
}

static void read_params(lua_State *L, struct dial_options *o, const char *verb)
{
	struct call_dial *p = &o->params;

	read_trunks(L, o);
	p->account = args_string(L, 2, "account", NULL);
	p->from = args_string(L, 2, "from", NULL);
	p->display_name = args_string(L, 2, "display_name", NULL);
	p->timeout_ms = args_ms(L, 2, "timeout", 0);
	p->max_duration_ms = args_ms(L, 2, "max_duration", 0);
	args_media_timeout(L, 2, &p->media_timeout_ms, &p->media_hangup_ms);
	p->campaign = args_string(L, 2, "campaign", NULL);
	p->lead_id = lead_id(L);
	p->attempt = (unsigned)args_number(L, 2, "attempt", 0);
	if (read_detect(L, verb, &o->detect))
		p->detect = &o->detect.settings;
	o->in_turn = args_boolean(L, 2, "in_turn", false);
	o->early_media = args_boolean(L, 2, "early_media", false);
}

static void read_targets(lua_State *L, struct dial_options *o, const char *verb)
{
	const unsigned n = check_targets(L, 1, verb);

	for (; o->targets_count < n; o->targets_count++) {
		char **target = &o->targets[o->targets_count];

		if (lua_istable(L, 1))
			lua_rawgeti(L, 1, (lua_Integer)o->targets_count + 1);
		else
			lua_pushvalue(L, 1);
		*target = strdup(lua_tostring(L, -1));
		lua_pop(L, 1);
		if (!*target)
			(void)raise_memory(L);
	}
}

void dial_options_read(lua_State *L, const char *verb, struct dial_options *o)
{
	read_params(L, o, verb);
	read_headers(L, o, verb);
	read_targets(L, o, verb);
}

void dial_options_free(struct dial_options *o)
{
	for (unsigned i = 0; i < o->targets_count; i++) {
		free(o->targets[i]);
		o->targets[i] = NULL;
	}
	for (unsigned i = 0; o->trunks[i]; i++) {
		free(o->trunks[i]);
		o->trunks[i] = NULL;
	}
}
