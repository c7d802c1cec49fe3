/* The call's object: fields, and the verbs that don't wait. */
#include <string.h>

#include "call/bridge.h"
#include "call/cdr.h"
#include "script/args.h"
#include "script/detect.h"
#include "script/event.h"
#include "script/later.h"
#include "script/leg.h"
#include "script/play.h"

enum {
	USER_VALUE = 1,
	LEAD_VALUE = 2,
	AGENT_VALUE = 3,
	VALUES = 3,
	HEADER_MAX = 2048,
};

static const char type_name[] = "moondial.call";

void leg_push(lua_State *L, struct leg *leg)
{
	struct leg **box;

	luaL_checkstack(L, 4, "a call");
	if (leg->ref) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, leg->ref);
		return;
	}
	box = lua_newuserdatauv(L, sizeof(void *), VALUES);
	*box = NULL;
	luaL_setmetatable(L, type_name);
	*box = mem_ref(leg);
	if (!leg->le.list)
		return; /* over: the object lives by itself */
	lua_pushvalue(L, -1);
	leg->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

struct leg *leg_check(lua_State *L, int index)
{
	struct leg **box = luaL_testudata(L, index, type_name);

	if (!box || !*box)
		(void)raise_error(L, "usage",
				  "a call is expected, got %s (call:verb(…), "
				  "with a colon)",
				  luaL_typename(L, index));
	return *box;
}

struct leg *leg_live(lua_State *L, int index)
{
	struct leg *leg = leg_check(L, index);

	if (leg->ended)
		(void)raise_hangup(L);
	return leg;
}

void leg_need_output(lua_State *L, const struct leg *leg, const char *verb)
{
	if (leg->output)
		(void)raise_error(L, "busy",
				  "%s: another play, gather or record runs on "
				  "this call",
				  verb);
}

/* ---- fields
 * ------------------------------------------------------------------ */

static void push_text(lua_State *L, const char *text)
{
	if (text && *text)
		lua_pushstring(L, text);
	else
		lua_pushnil(L);
}

static void push_time(lua_State *L, int64_t ms)
{
	if (ms)
		lua_pushnumber(L, (lua_Number)ms / 1000);
	else
		lua_pushnil(L);
}

static void push_code(lua_State *L, unsigned n)
{
	if (n)
		lua_pushinteger(L, n);
	else
		lua_pushnil(L);
}

static void set_count(lua_State *L, const char *name, uint64_t n)
{
	lua_pushinteger(L, (lua_Integer)n);
	lua_setfield(L, -2, name);
}

static void set_us(lua_State *L, const char *name, uint32_t us)
{
	lua_pushnumber(L, us / 1e6);
	lua_setfield(L, -2, name);
}

/* Hundredths; 0: nil. */
static void set_judged(lua_State *L, const char *name, uint16_t value)
{
	if (!value)
		return;
	lua_pushnumber(L, value / 100.0);
	lua_setfield(L, -2, name);
}

static void push_stats(lua_State *L, const struct media_stats *s)
{
	lua_createtable(L, 0, 16);
	set_count(L, "rx_packets", s->rx_packets);
	set_count(L, "tx_packets", s->tx_packets);
	set_count(L, "rx_lost", s->rx_lost);
	set_count(L, "rx_duplicate", s->rx_duplicate);
	set_count(L, "rx_late", s->rx_late);
	set_count(L, "rx_reordered", s->rx_reordered);
	set_count(L, "rx_rejected", s->rx_rejected);
	set_count(L, "remote_lost", s->remote_lost);
	set_us(L, "rx_jitter", s->rx_jitter_us);
	set_us(L, "remote_jitter", s->remote_jitter_us);
	if (s->rtt_us)
		set_us(L, "rtt", s->rtt_us);
	set_us(L, "rx_delay", s->rx_delay_ms * 1000);
	set_us(L, "rx_concealed", s->rx_concealed_ms * 1000);
	set_judged(L, "rx_burst", s->rx_burst);
	set_judged(L, "rx_mos", s->rx_mos);
	set_judged(L, "remote_mos", s->remote_mos);
}

static int l_header(lua_State *L)
{
	const struct leg *leg = leg_check(L, lua_upvalueindex(1));
	char value[HEADER_MAX];

	if (call_header(leg->call, luaL_checkstring(L, 2), value,
			sizeof(value)))
		lua_pushnil(L);
	else
		lua_pushstring(L, value);
	return 1;
}

static int l_set_header(lua_State *L)
{
	const struct leg *leg = leg_check(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 2);
	const char *value = luaL_checkstring(L, 3);
	const int err = call_set_header(leg->call, name, value);

	if (err)
		return raise_error(L, "usage",
				   "call.headers: '%.60s' can't be set%s", name,
				   err == EINVAL ? "" : " in this state");
	return 0;
}

static void push_headers(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, l_header, 1);
	lua_setfield(L, -2, "__index");
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, l_set_header, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushliteral(L, "headers");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

static void push_user(lua_State *L)
{
	if (lua_getiuservalue(L, 1, USER_VALUE) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, 1, USER_VALUE);
}

static const char *const fields[] = {
	"id",	      "direction",    "state",	   "from",
	"to",	      "from_uri",     "to_uri",	   "from_user",
	"to_user",    "display_name", "account",   "trunk",
	"headers",    "codec",	      "user",	   "disposition",
	"started_at", "answered_at",  "ended_at",  "sip_code",
	"reason",     "q850",	      "hangup_by", "hangup_cause",
	"stats",      "lead",	      "digits",	   "recording",
	"held",	      "agent",	      "endpoint",  "bridged",
	"tried",      "detection",    "tones",	   NULL};

static bool push_times(lua_State *L, const struct cdr *cdr, const char *key)
{
	if (!strcmp(key, "started_at"))
		push_time(L, cdr->started_at_ms);
	else if (!strcmp(key, "answered_at"))
		push_time(L, cdr->answered_at_ms);
	else if (!strcmp(key, "ended_at"))
		push_time(L, cdr->ended_at_ms);
	else if (!strcmp(key, "sip_code"))
		push_code(L, cdr->sip_code);
	else if (!strcmp(key, "q850"))
		push_code(L, cdr->q850);
	else
		return false;
	return true;
}

static bool push_record(lua_State *L, const struct cdr *cdr, const char *key)
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{"id", cdr->id},
		{"direction", cdr->direction},
		{"from_uri", cdr->from_uri},
		{"to_uri", cdr->to_uri},
		{"display_name", cdr->display_name},
		{"account", cdr->account},
		{"trunk", cdr->trunk},
		{"tried", cdr->tried},
		{"tones", cdr->tones},
		{"endpoint", cdr->endpoint},
		{"codec", cdr->codec},
		{"disposition", cdr->disposition},
		{"reason", cdr->reason},
		{"hangup_by", cdr->hangup_by},
		{"hangup_cause", cdr->hangup_cause},
		{"digits", cdr->digits},
		{"from_user", cdr->from_user},
		{"to_user", cdr->to_user},
		{"recording", cdr->recording},
		{"from", cdr->from_user && *cdr->from_user ? cdr->from_user
							   : cdr->from_uri},
		{"to",
		 cdr->to_user && *cdr->to_user ? cdr->to_user : cdr->to_uri},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!strcmp(texts[i].name, key)) {
			push_text(L, texts[i].value);
			return true;
		}
	}
	return push_times(L, cdr, key);
}

/* Verbs that are written in Lua: lua/moondial/… has a function of that name. */
static bool push_runtime_verb(lua_State *L, const char *key)
{
	static const struct {
		const char *verb, *module;
	} verbs[] = {
		{"dial", "moondial.dial"},
		{"connect_agent", "moondial.agents"},
		{"enqueue", "moondial.agents"},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].verb, key) != 0)
			continue;
		require_push(L, generation_current(L));
		lua_pushstring(L, verbs[i].module);
		lua_call(L, 1, 1);
		lua_getfield(L, -1, key);
		return true;
	}
	return false;
}

/* What isn't a method. upvalue 1: methods. */
static int l_index(lua_State *L)
{
	static const char *const later[] = {
		"say",	     "say_number",   "say_digits", "say_date",
		"say_time",  "say_money",    "transfer",   "stream",
		"send_info", "send_message", NULL};
	const struct leg *leg = leg_check(L, 1);
	const struct cdr *cdr = call_cdr(leg->call);
	const char *key =
		lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	if (push_record(L, cdr, key))
		return 1;
	if (!strcmp(key, "state"))
		lua_pushstring(L, call_state_name(call_state(leg->call)));
	else if (!strcmp(key, "user"))
		push_user(L);
	else if (!strcmp(key, "headers"))
		push_headers(L);
	else if (!strcmp(key, "stats"))
		push_stats(L, &cdr->stats);
	else if (!strcmp(key, "lead"))
		(void)lua_getiuservalue(L, 1, LEAD_VALUE);
	else if (!strcmp(key, "detection"))
		detect_push(L, leg);
	else if (!strcmp(key, "held"))
		lua_pushboolean(L, call_held(leg->call));
	else if (!strcmp(key, "agent"))
		(void)lua_getiuservalue(L, 1, AGENT_VALUE);
	else if (!strcmp(key, "bridged"))
		lua_pushboolean(L, call_bridge(leg->call) != NULL);
	else if (push_runtime_verb(L, key))
		return 1;
	else
		return later_index(L, "call:", key, lua_upvalueindex(1), later,
				   fields);
	return 1;
}

/* call.agent = an object with a name; nil: nobody. */
static void set_agent(lua_State *L, const struct leg *leg)
{
	lua_settop(L, 3);
	if (!lua_isnil(L, 3)) {
		luaL_checktype(L, 3, LUA_TTABLE);
		if (lua_getfield(L, 3, "name") == LUA_TSTRING)
			call_set_agent(leg->call, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_setiuservalue(L, 1, AGENT_VALUE);
}

static int l_newindex(lua_State *L)
{
	const struct leg *leg = leg_check(L, 1);
	const char *key = luaL_checkstring(L, 2);

	if (!strcmp(key, "disposition")) {
		call_set_disposition(leg->call, luaL_checkstring(L, 3));
	} else if (!strcmp(key, "user")) {
		luaL_checktype(L, 3, LUA_TTABLE);
		lua_settop(L, 3);
		lua_setiuservalue(L, 1, USER_VALUE);
	} else if (!strcmp(key, "detection")) {
		detect_assign(L, leg, 3);
	} else if (!strcmp(key, "lead")) {
		lua_settop(L, 3);
		lua_setiuservalue(L, 1, LEAD_VALUE);
	} else if (!strcmp(key, "agent")) {
		set_agent(L, leg);
	} else {
		return raise_error(L, "usage",
				   "call.%.40s can't be set: only disposition, "
				   "detection, user, lead and agent",
				   key);
	}
	return 0;
}

/* ---- verbs
 * ------------------------------------------------------------------- */

static int ok(lua_State *L, const char *verb, int err)
{
	if (err)
		return raise_errno(L, verb, err);
	lua_pushboolean(L, 1);
	return 1;
}

/* The line that ends the call, for its record. */
static void note_line(lua_State *L, const struct leg *leg)
{
	char where[WHERE_SIZE];

	budget_here(L, where);
	if (where[0])
		call_set_hangup_line(leg->call, where);
}

static void set_headers(lua_State *L, const struct leg *leg, int options,
			const char *verb)
{
	if (!args_has(L, options, "headers"))
		return;
	lua_getfield(L, options, "headers");
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING
					   ? lua_tostring(L, -2)
					   : NULL;
		const char *value = lua_type(L, -1) == LUA_TSTRING
					    ? lua_tostring(L, -1)
					    : NULL;

		if (!name || !value || call_set_header(leg->call, name, value))
			(void)raise_error(L, "usage",
					  "%s: header '%.60s' can't be set",
					  verb, name ? name : "?");
	}
	lua_pop(L, 1);
}

/* call:answer{headers, media_timeout, media_timeout_hangup} */
static int l_answer(lua_State *L)
{
	static const struct option options[] = {
		{"headers", OPT_TABLE},
		{"media_timeout", OPT_SECONDS},
		{"media_timeout_hangup", OPT_SECONDS},
		{0}};
	struct leg *leg = leg_live(L, 1);
	uint32_t timeout_ms, hangup_ms;

	args_check(L, 2, "call:answer", options, false);
	args_media_timeout(L, 2, &timeout_ms, &hangup_ms);
	call_set_media_timeout(leg->call, timeout_ms, hangup_ms);
	if (call_state(leg->call) == CALL_ANSWERED) {
		lua_pushboolean(L, 1);
		return 1;
	}
	set_headers(L, leg, 2, "call:answer");
	return ok(L, "call:answer", call_answer(leg->call));
}

static int l_ring(lua_State *L)
{
	return ok(L, "call:ring", call_ring(leg_live(L, 1)->call));
}

/* call:progress{prompt}: 183, and the prompt as early media */
static int l_progress(lua_State *L)
{
	static const struct option options[] = {
		{"prompt", OPT_ANY}, {"headers", OPT_TABLE}, {0}};
	struct leg *leg = leg_live(L, 1);
	int err;

	args_check(L, 2, "call:progress", options, false);
	set_headers(L, leg, 2, "call:progress");
	err = call_progress(leg->call);
	if (!err && args_has(L, 2, "prompt")) {
		lua_getfield(L, 2, "prompt");
		return play_start(L, leg, lua_gettop(L), "call:progress");
	}
	return ok(L, "call:progress", err);
}

/* call:reject([code[, reason]]) */
static int l_reject(lua_State *L)
{
	struct leg *leg = leg_live(L, 1);
	const lua_Integer code = luaL_optinteger(L, 2, 603);
	const char *reason = luaL_optstring(L, 3, NULL);

	if (code < 400 || code > 699)
		return raise_error(L, "usage",
				   "call:reject: a code from 400 to 699 is "
				   "expected, got %d (302: call:redirect)",
				   (int)code);
	note_line(L, leg);
	return ok(L, "call:reject",
		  call_reject(leg->call, (uint16_t)code, reason));
}

static int l_redirect(lua_State *L)
{
	struct leg *leg = leg_live(L, 1);
	const char *uri = luaL_checkstring(L, 2);
	const int err = call_redirect(leg->call, uri);

	if (err == EINVAL)
		return raise_error(L, "usage",
				   "call:redirect: '%.80s' is not a SIP URI",
				   uri);
	return ok(L, "call:redirect", err);
}

/* call:hangup([reason]): also of a call that is over already. */
static int l_hangup(lua_State *L)
{
	struct leg *leg = leg_check(L, 1);
	const char *reason = luaL_optstring(L, 2, "normal");

	if (!leg->ended) {
		note_line(L, leg);
		call_hangup(leg->call, CALL_LOCAL, reason);
	}
	lua_pushboolean(L, 1);
	return 1;
}

static int mute(lua_State *L, const char *verb, bool on)
{
	static const struct option options[] = {{"direction", OPT_STRING}, {0}};
	struct leg *leg = leg_live(L, 1);
	const char *direction;
	bool rx, tx;

	args_check(L, 2, verb, options, false);
	direction = args_string(L, 2, "direction", "both");
	rx = !strcmp(direction, "both") || !strcmp(direction, "in");
	tx = !strcmp(direction, "both") || !strcmp(direction, "out");
	if (!rx && !tx)
		return raise_error(L, "usage",
				   "%s: direction is \"in\", \"out\" or "
				   "\"both\"",
				   verb);
	if (rx)
		leg->muted_rx = on;
	if (tx)
		leg->muted_tx = on;
	call_mute(leg->call, leg->muted_rx, leg->muted_tx);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_mute(lua_State *L)
{
	return mute(L, "call:mute", true);
}

static int l_unmute(lua_State *L)
{
	return mute(L, "call:unmute", false);
}

/* call:detach(): it goes on when the script that owns it ends. */
static int l_detach(lua_State *L)
{
	leg_set_owner(leg_live(L, 1), NULL);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_flush(lua_State *L)
{
	leg_check(L, 1)->digit_count = 0;
	lua_pushboolean(L, 1);
	return 1;
}

static int l_tostring(lua_State *L)
{
	lua_pushfstring(L, "call %s", leg_id(leg_check(L, 1)));
	return 1;
}

static int l_gc(lua_State *L)
{
	struct leg **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void call_open(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"answer", l_answer},
		{"ring", l_ring},
		{"progress", l_progress},
		{"reject", l_reject},
		{"redirect", l_redirect},
		{"hangup", l_hangup},
		{"mute", l_mute},
		{"unmute", l_unmute},
		{"detach", l_detach},
		{"flush", l_flush},
		{NULL, NULL},
	};

	luaL_newmetatable(L, type_name);
	luaL_newlib(L, verbs);
	event_add_call(L);
	wait_add_call(L);
	play_add_call(L);
	playback_add_call(L);
	dtmf_add_call(L);
	gather_add_call(L);
	record_add_call(L);
	keepalive_add_call(L);
	bridge_add_call(L);
	opt_out_add_call(L);
	detect_add_call(L);
	message_add_call(L);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "call");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
