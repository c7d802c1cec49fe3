/* call:play, call:play_async → playback, call:dtmf. */
#include "script/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "script/args.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- a playback
 * -------------------------------------------------------------- */

static void playback_destroy(void *data)
{
	struct playback *pb = data;

	list_unlink(&pb->watch.le);
	mem_deref(pb->leg);
	free(pb->text);
}

static void playback_done(struct playback *pb, enum media_result result,
			  const char *text)
{
	if (pb->done)
		return;
	pb->done = true;
	pb->result = result;
	if (text)
		pb->text = strdup(text);
	pb->stamp = ++pb->leg->host->stamp;
	playback_release(pb);
	list_unlink(&pb->watch.le);
	watch_fire(&pb->watches, NULL);
	mem_deref(pb);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct playback *pb = container(watch, struct playback, watch);

	if (event->type == CALL_EV_PLAY_DONE && event->op == pb->op)
		playback_done(pb, event->result, event->text);
	else if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		playback_done(pb, MEDIA_HANGUP, NULL);
}

int playback_start(struct playback **pp, struct leg *leg,
		   const struct media_play *play, bool quiet)
{
	struct playback *pb = mem_zalloc(sizeof(*pb), playback_destroy);
	int err;

	if (!pb)
		return ENOMEM;
	pb->leg = mem_ref(leg);
	pb->quiet = quiet;
	err = call_play(leg->call, play, &pb->op);
	if (err) {
		mem_deref(pb);
		return err;
	}
	pb->watch.fire = on_event;
	watch_add(&leg->watches, &pb->watch);
	if (!quiet)
		leg->output = pb;
	*pp = mem_ref(pb);
	return 0;
}

void playback_stop(struct playback *pb)
{
	if (!pb->done)
		call_op_stop(pb->leg->call, pb->op);
}

void playback_release(struct playback *pb)
{
	if (pb->leg->output == pb)
		pb->leg->output = NULL;
}

struct playback *playback_test(lua_State *L, int index)
{
	struct playback **box = luaL_testudata(L, index, "moondial.playback");

	return box ? *box : NULL;
}

int playback_push_result(lua_State *L, const struct playback *pb)
{
	switch (pb->result) {
	case MEDIA_STOPPED:
		lua_pushliteral(L, "stopped");
		return 1;
	case MEDIA_HANGUP:
		return raise_hangup(L);
	case MEDIA_FAILED:
		return raise_error(L, "prompt", "%s",
				   pb->text ? pb->text : "can't be played");
	default:
		lua_pushliteral(L, "done");
		return 1;
	}
}

/* ---- options
 * ---------------------------------------------------------------------- */

struct play_options {
	struct media_play play;
	char stop_on[24];
	bool stops;
};

static void read_stop_on(lua_State *L, int index, const char *verb,
			 struct play_options *o)
{
	const char *digits = args_string(L, index, "stop_on", "");

	if (!strcmp(digits, "any"))
		digits = "0123456789*#ABCD";
	if (strlen(digits) >= sizeof(o->stop_on) ||
	    strspn(digits, "0123456789*#ABCD") != strlen(digits))
		(void)raise_error(L, "usage",
				  "%s: stop_on is digits or \"any\", got "
				  "'%.40s'",
				  verb, digits);
	memcpy(o->stop_on, digits, strlen(digits) + 1);
	o->stops = *digits != '\0';
}

static void read_loop(lua_State *L, int index, const char *verb,
		      struct media_play *play)
{
	double n;

	if (!args_has(L, index, "loop"))
		return;
	lua_getfield(L, index, "loop");
	n = lua_tonumber(L, -1);
	if (lua_isboolean(L, -1))
		play->loops = lua_toboolean(L, -1) ? UINT32_MAX : 1;
	else if (lua_type(L, -1) == LUA_TNUMBER && n >= 1 && n <= 1e9)
		play->loops = (uint32_t)n;
	else
		(void)raise_error(L, "usage",
				  "%s: option 'loop' must be true or how "
				  "often, got %s",
				  verb, luaL_tolstring(L, -1, NULL));
	lua_pop(L, 1);
}

static void read_options(lua_State *L, int index, const char *verb, bool async,
			 struct play_options *o)
{
	static const struct option sync_options[] = {{"loop", OPT_ANY},
						     {"volume", OPT_NUMBER},
						     {"start", OPT_SECONDS},
						     {"stop_on", OPT_STRING},
						     {0}};
	static const struct option async_options[] = {{"loop", OPT_ANY},
						      {"volume", OPT_NUMBER},
						      {"start", OPT_SECONDS},
						      {"mix", OPT_BOOLEAN},
						      {0}};

	memset(o, 0, sizeof(*o));
	args_check(L, index, verb, async ? async_options : sync_options, true);
	read_loop(L, index, verb, &o->play);
	o->play.volume_db = (float)args_number(L, index, "volume", 0);
	o->play.start_ms = args_ms(L, index, "start", 0);
	o->play.mix = args_boolean(L, index, "mix", false);
	if (!async)
		read_stop_on(L, index, verb, o);
}

static void need_audio(lua_State *L, const struct leg *leg, const char *verb)
{
	if (!call_has_media(leg->call))
		(void)raise_error(L, "state",
				  "%s: the call has no audio yet: answer it "
				  "first",
				  verb);
}

/* ---- play
 * ------------------------------------------------------------------------ */

struct play {
	struct waiter w;
	struct watch watch;
	struct reader reader;
	struct play_options options;
	struct playlist playlist;
	struct playback *pb;
	char digit;
};

static void play_disarm(struct waiter *w)
{
	struct play *op = (struct play *)w;

	list_unlink(&op->watch.le);
	list_unlink(&op->reader.le);
}

static void play_abort(struct waiter *w)
{
	struct play *op = (struct play *)w;

	play_disarm(w);
	playback_stop(op->pb);
	playback_release(op->pb);
}

static void play_free(void *arg)
{
	struct play *op = arg;

	play_disarm(&op->w);
	playlist_clear(&op->playlist);
	op->pb = mem_deref(op->pb);
}

static void play_ended(struct watch *watch, const struct call_event *event)
{
	struct play *op = container(watch, struct play, watch);

	(void)event;
	waiter_wake(&op->w, WAKE_DONE);
}

static void play_digit(struct reader *reader, const struct digit *digit)
{
	struct play *op = container(reader, struct play, reader);

	op->digit = digit->digit;
	playback_stop(op->pb);
}

static int play_push(lua_State *L, struct waiter *w)
{
	const struct play *op = (const struct play *)w;
	const int n = playback_push_result(L, op->pb);

	if (!op->digit || op->pb->result == MEDIA_DONE)
		return n;
	lua_pushlstring(L, &op->digit, 1);
	return n + 1;
}

/* call:play(what[, opts]) → "done", or "stopped", digit */
static int l_play(lua_State *L)
{
	struct leg *leg;
	struct play *op;
	int err;

	script_can_wait(L, "call:play");
	leg = leg_live(L, 1);
	leg_need_output(L, leg, "call:play");
	need_audio(L, leg, "call:play");
	lua_settop(L, 3);
	op = op_new(L, sizeof(*op), play_free);
	read_options(L, 3, "call:play", false, &op->options);
	playlist_read(L, &op->playlist, 2, "call:play");
	op->options.play.sources = op->playlist.sources;
	op->options.play.source_count = op->playlist.count;
	err = playback_start(&op->pb, leg, &op->options.play, false);
	playlist_clear(&op->playlist);
	if (err)
		return raise_errno(L, "call:play", err);
	waiter_init(L, &op->w, play_disarm, play_abort, play_push);
	op->watch.fire = play_ended;
	watch_add(&op->pb->watches, &op->watch);
	if (op->options.stops) {
		op->reader.accept = op->options.stop_on;
		op->reader.read = play_digit;
		(void)leg_read(leg, &op->reader);
	}
	return script_wait(L, &op->w);
}

/* ---- play_async
 * ------------------------------------------------------------------ */

struct list_holder {
	struct playlist playlist;
};

static void holder_free(void *op)
{
	playlist_clear(&((struct list_holder *)op)->playlist);
}

static int start(lua_State *L, struct leg *leg, int index, const char *verb,
		 struct play_options *o)
{
	struct list_holder *holder;
	struct playback **box;
	int err;

	if (!o->play.mix)
		leg_need_output(L, leg, verb);
	need_audio(L, leg, verb);
	index = lua_absindex(L, index);
	holder = op_new(L, sizeof(*holder), holder_free);
	playlist_read(L, &holder->playlist, index, verb);
	o->play.sources = holder->playlist.sources;
	o->play.source_count = holder->playlist.count;
	box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, "moondial.playback");
	err = playback_start(box, leg, &o->play, o->play.mix);
	playlist_clear(&holder->playlist);
	if (err)
		return raise_errno(L, verb, err);
	return 1;
}

int play_start(lua_State *L, struct leg *leg, int index, const char *verb)
{
	struct play_options o = {.stops = false};

	return start(L, leg, index, verb, &o);
}

/* call:play_async(what[, opts]) → playback. Options may stand in the one
 * table: play_async{"music", loop = true}. */
static int l_play_async(lua_State *L)
{
	static const char verb[] = "call:play_async";
	struct leg *leg = leg_live(L, 1);
	struct play_options o;

	read_options(L, 3, verb, true, &o);
	if (lua_isnoneornil(L, 3) && lua_istable(L, 2)) {
		static const char *const names[] = {"loop", "volume", "start",
						    "mix"};

		/* Options out of the list into a table of their own. */
		lua_settop(L, 2);
		lua_newtable(L);
		lua_newtable(L);
		for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
			bool option = false;

			for (int i = 0; i < 4; i++)
				option |=
					lua_type(L, -2) == LUA_TSTRING &&
					!strcmp(lua_tostring(L, -2), names[i]);
			lua_pushvalue(L, -2);
			lua_pushvalue(L, -2);
			lua_rawset(L, option ? 3 : 4);
		}
		lua_replace(L, 2);
		read_options(L, 3, verb, true, &o);
	}
	return start(L, leg, 2, verb, &o);
}

static struct playback *check(lua_State *L)
{
	struct playback *pb = playback_test(L, 1);

	if (!pb)
		(void)raise_error(L, "usage", "a playback is expected, got %s",
				  luaL_typename(L, 1));
	return pb;
}

static int control(lua_State *L, enum media_play_control what, double value)
{
	const struct playback *pb = check(L);

	if (!pb->done)
		call_play_control(pb->leg->call, pb->op, what, value);
	lua_pushboolean(L, !pb->done);
	return 1;
}

static int l_pause(lua_State *L)
{
	return control(L, MEDIA_PAUSE, 0);
}

static int l_resume(lua_State *L)
{
	return control(L, MEDIA_RESUME, 0);
}

/* playback:seek(s) from its start */
static int l_seek(lua_State *L)
{
	return control(L, MEDIA_SEEK, args_seconds(L, 2, "playback:seek", 0));
}

/* playback:volume(dB) */
static int l_volume(lua_State *L)
{
	return control(L, MEDIA_VOLUME, luaL_checknumber(L, 2));
}

static int l_stop(lua_State *L)
{
	struct playback *pb = check(L);

	playback_stop(pb);
	playback_release(pb);
	return 0;
}

struct playback_wait {
	struct waiter w;
	struct watch watch;
	struct tmr tmr;
	struct playback *pb;
};

static void pw_disarm(struct waiter *w)
{
	struct playback_wait *op = (struct playback_wait *)w;

	tmr_cancel(&op->tmr);
	list_unlink(&op->watch.le);
}

static void pw_free(void *arg)
{
	struct playback_wait *op = arg;

	pw_disarm(&op->w);
	op->pb = mem_deref(op->pb);
}

static void pw_ended(struct watch *watch, const struct call_event *event)
{
	(void)event;
	waiter_wake(&container(watch, struct playback_wait, watch)->w,
		    WAKE_DONE);
}

static void pw_timeout(void *arg)
{
	waiter_wake(arg, WAKE_TIMEOUT);
}

static int pw_push(lua_State *L, struct waiter *w)
{
	if (w->wake == WAKE_TIMEOUT)
		return push_reason(L, "timeout");
	return playback_push_result(L, ((struct playback_wait *)w)->pb);
}

/* playback:wait([s]) → "done", "stopped", or nil, "timeout" */
static int l_wait(lua_State *L)
{
	struct playback *pb = check(L);
	const uint32_t ms = args_seconds(L, 2, "playback:wait", UINT32_MAX);
	struct playback_wait *op;

	if (pb->done)
		return playback_push_result(L, pb);
	script_can_wait(L, "playback:wait");
	op = op_new(L, sizeof(*op), pw_free);
	op->pb = mem_ref(pb);
	waiter_init(L, &op->w, pw_disarm, NULL, pw_push);
	op->watch.fire = pw_ended;
	watch_add(&pb->watches, &op->watch);
	if (ms != UINT32_MAX)
		tmr_start(&op->tmr, ms, pw_timeout, &op->w);
	return script_wait(L, &op->w);
}

static int l_gc(lua_State *L)
{
	struct playback **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void play_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"pause", l_pause},   {"resume", l_resume}, {"seek", l_seek},
		{"volume", l_volume}, {"stop", l_stop},	    {"wait", l_wait},
		{NULL, NULL},
	};

	luaL_newmetatable(L, "moondial.playback");
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_stop);
	lua_setfield(L, -2, "__close");
	lua_pushliteral(L, "playback");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* ---- dtmf
 * ------------------------------------------------------------------------ */

struct dtmf {
	struct waiter w;
	struct watch watch;
	struct leg *leg;
	uint32_t op;
	enum media_result result;
	char reason[128];
};

static void dtmf_disarm(struct waiter *w)
{
	list_unlink(&((struct dtmf *)w)->watch.le);
}

static void dtmf_abort(struct waiter *w)
{
	struct dtmf *op = (struct dtmf *)w;

	dtmf_disarm(w);
	call_op_stop(op->leg->call, op->op);
}

static void dtmf_free(void *arg)
{
	struct dtmf *op = arg;

	dtmf_disarm(&op->w);
	op->leg = mem_deref(op->leg);
}

static void dtmf_event(struct watch *watch, const struct call_event *event)
{
	struct dtmf *op = container(watch, struct dtmf, watch);

	if (event->type == CALL_EV_ENDED) {
		waiter_wake(&op->w, WAKE_HANGUP);
	} else if (event->type == CALL_EV_DTMF_DONE && event->op == op->op) {
		op->result = event->result;
		if (event->text)
			(void)re_snprintf(op->reason, sizeof(op->reason), "%s",
					  event->text);
		waiter_wake(&op->w, event->result == MEDIA_HANGUP ? WAKE_HANGUP
								  : WAKE_DONE);
	}
}

static int dtmf_push(lua_State *L, struct waiter *w)
{
	const struct dtmf *op = (const struct dtmf *)w;

	if (op->result == MEDIA_FAILED) {
		lua_pushnil(L);
		lua_pushliteral(L, "failed");
		lua_pushstring(L, op->reason);
		return 3;
	}
	lua_pushboolean(L, 1);
	return 1;
}

static enum call_dtmf_mode read_mode(lua_State *L, int index)
{
	const char *mode = args_string(L, index, "mode", "auto");

	if (!strcmp(mode, "rfc4733"))
		return CALL_DTMF_RFC4733;
	if (!strcmp(mode, "info"))
		return CALL_DTMF_INFO;
	if (!strcmp(mode, "inband"))
		(void)raise_error(L, "not_available",
				  "call:dtmf: mode \"inband\" is not available "
				  "yet");
	if (strcmp(mode, "auto") != 0)
		(void)raise_error(L, "usage",
				  "call:dtmf: mode is \"auto\", \"rfc4733\" or "
				  "\"info\", got '%.40s'",
				  mode);
	return CALL_DTMF_AUTO;
}

/* call:dtmf(digits[, {mode, duration, gap}]) → true, or nil, reason */
static int l_dtmf(lua_State *L)
{
	static const struct option options[] = {{"mode", OPT_STRING},
						{"duration", OPT_SECONDS},
						{"gap", OPT_SECONDS},
						{0}};
	struct leg *leg;
	struct dtmf *op;
	const char *digits;
	int err;

	script_can_wait(L, "call:dtmf");
	leg = leg_live(L, 1);
	digits = luaL_checkstring(L, 2);
	args_check(L, 3, "call:dtmf", options, false);
	op = op_new(L, sizeof(*op), dtmf_free);
	op->leg = mem_ref(leg);
	waiter_init(L, &op->w, dtmf_disarm, dtmf_abort, dtmf_push);
	op->watch.fire = dtmf_event;
	watch_add(&leg->watches, &op->watch);
	err = call_send_digits(leg->call, digits, read_mode(L, 3),
			       args_ms(L, 3, "duration", 0.1),
			       args_ms(L, 3, "gap", 0.1), &op->op);
	if (err) {
		dtmf_disarm(&op->w);
		if (err == EINVAL)
			return raise_error(L, "usage",
					   "call:dtmf: '%.40s' is not digits "
					   "(0-9 * # A-D, w pauses)",
					   digits);
		if (err == ENOTSUP)
			return push_reason(L, "not_supported");
		return raise_errno(L, "call:dtmf", err);
	}
	return script_wait(L, &op->w);
}

void play_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"play", l_play},
					 {"play_async", l_play_async},
					 {"dtmf", l_dtmf},
					 {NULL, NULL}};

	luaL_setfuncs(L, verbs, 0);
}
