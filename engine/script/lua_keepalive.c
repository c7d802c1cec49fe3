/* call:keepalive, call:options; the options that account:keepalive shares. */
#include <ctype.h>
#include <string.h>

#include "script/args.h"
#include "script/keepalive.h"
#include "script/leg.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum { NAME_SIZE = 64 };

static const struct option keepalive_options[] = {{"sip", OPT_ANY},
						  {"rtp", OPT_ANY},
						  {"nat_session", OPT_SECONDS},
						  {"hangup", OPT_BOOLEAN},
						  {0}};

/* true: derived from the session's time; false: none; seconds. */
static uint32_t read_interval(lua_State *L, int index, const char *verb,
			      const char *name)
{
	uint32_t ms = KEEPALIVE_UNSAID;
	int type;

	if (!args_has(L, index, name))
		return ms;
	type = lua_getfield(L, index, name);
	if (type == LUA_TBOOLEAN)
		ms = lua_toboolean(L, -1) ? KEEPALIVE_DERIVED : KEEPALIVE_OFF;
	else if (type == LUA_TNUMBER)
		ms = ms_of(lua_tonumber(L, -1));
	else
		(void)raise_error(L, "usage",
				  "%s: option '%s' must be true, false or "
				  "seconds, got %s",
				  verb, name, luaL_typename(L, -1));
	if (type == LUA_TNUMBER &&
	    (ms < KEEPALIVE_MIN_MS || ms > KEEPALIVE_MAX_MS))
		(void)raise_error(L, "usage",
				  "%s: option '%s' must be from %d to %d "
				  "seconds, got %s (false: none)",
				  verb, name, KEEPALIVE_MIN_MS / 1000,
				  KEEPALIVE_MAX_MS / 1000, lua_tostring(L, -1));
	lua_pop(L, 1);
	return ms;
}

void keepalive_read(lua_State *L, int index, const char *verb,
		    struct session_keepalive *k)
{
	*k = (struct session_keepalive){0};
	luaL_checktype(L, index, LUA_TTABLE);
	args_check(L, index, verb, keepalive_options, false);
	k->sip_ms = read_interval(L, index, verb, "sip");
	k->rtp_ms = read_interval(L, index, verb, "rtp");
	if (args_has(L, index, "nat_session")) {
		k->nat_session_ms = args_ms(L, index, "nat_session", 0);
		if (k->nat_session_ms < NAT_SESSION_MIN_MS ||
		    k->nat_session_ms > NAT_SESSION_MAX_MS)
			(void)raise_error(L, "usage",
					  "%s: option 'nat_session' must be "
					  "from %d to %d seconds",
					  verb, NAT_SESSION_MIN_MS / 1000,
					  NAT_SESSION_MAX_MS / 1000);
	}
	if (args_has(L, index, "hangup"))
		k->hangup = args_boolean(L, index, "hangup", false)
				    ? KEEPALIVE_HANGUP_YES
				    : KEEPALIVE_HANGUP_NO;
}

/* call:keepalive{sip, rtp, nat_session, hangup} → true, or nil, "ended" */
static int l_keepalive(lua_State *L)
{
	const struct leg *leg = leg_check(L, 1);
	struct session_keepalive k;

	keepalive_read(L, 2, "call:keepalive", &k);
	if (leg->ended || call_keepalive(leg->call, &k))
		return push_reason(L, "ended");
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- call:options ------------------------------------------------------ */

struct ask {
	struct waiter w;
	struct watch watch;
	struct leg *leg;
	uint32_t op;
	uint16_t scode;
	uint32_t rtt_us;
	struct sip_msg *msg;
};

static void ask_disarm(struct waiter *w)
{
	list_unlink(&((struct ask *)w)->watch.le);
}

static void ask_free(void *arg)
{
	struct ask *op = arg;

	ask_disarm(&op->w);
	op->leg = mem_deref(op->leg);
	op->msg = mem_deref(op->msg);
}

static void ask_event(struct watch *watch, const struct call_event *event)
{
	struct ask *op = container(watch, struct ask, watch);

	if (event->type == CALL_EV_ENDED) {
		waiter_wake(&op->w, WAKE_HANGUP);
	} else if (event->type == CALL_EV_OPTIONS_DONE && event->op == op->op) {
		op->scode = event->scode;
		op->rtt_us = event->rtt_us;
		op->msg = mem_ref((void *)event->msg);
		waiter_wake(&op->w, WAKE_DONE);
	}
}

/* Into the table at the top: names in lower case, several of one name joined
 * by commas (RFC 3261 7.3.1). */
static void push_header(lua_State *L, const struct sip_hdr *hdr)
{
	char name[NAME_SIZE];

	if (hdr->name.l >= sizeof(name))
		return;
	for (size_t i = 0; i < hdr->name.l; i++)
		name[i] = (char)tolower((unsigned char)hdr->name.p[i]);
	lua_pushlstring(L, name, hdr->name.l);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TSTRING) {
		lua_pushliteral(L, ", ");
		lua_pushlstring(L, hdr->val.p, hdr->val.l);
		lua_concat(L, 3);
	} else {
		lua_pop(L, 1);
		lua_pushlstring(L, hdr->val.p, hdr->val.l);
	}
	lua_rawset(L, -3);
}

static int ask_push(lua_State *L, struct waiter *w)
{
	const struct ask *op = (const struct ask *)w;
	struct le *le;

	if (!op->scode)
		return push_reason(L, "timeout");
	luaL_checkstack(L, 8, "call:options");
	lua_pushinteger(L, op->scode);
	lua_newtable(L);
	LIST_FOREACH(&op->msg->hdrl, le)
	push_header(L, le->data);
	lua_pushnumber(L, op->rtt_us / 1e6);
	return 3;
}

/* call:options() → code, headers, round trip, or nil, "timeout" */
static int l_options(lua_State *L)
{
	struct leg *leg;
	struct ask *op;
	int err;

	script_can_wait(L, "call:options");
	leg = leg_live(L, 1);
	op = op_new(L, sizeof(*op), ask_free);
	op->leg = mem_ref(leg);
	waiter_init(L, &op->w, ask_disarm, NULL, ask_push);
	op->watch.fire = ask_event;
	watch_add(&leg->watches, &op->watch);
	err = call_options(leg->call, &op->op);
	if (err) {
		ask_disarm(&op->w);
		return raise_errno(L, "call:options", err);
	}
	return script_wait(L, &op->w);
}

void keepalive_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"keepalive", l_keepalive},
					 {"options", l_options},
					 {NULL, NULL}};

	luaL_setfuncs(L, verbs, 0);
}
