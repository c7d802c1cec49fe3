/* call:play, and the options that it shares with call:play_async. */
#include "script/play.h"

#include <string.h>

#include "script/args.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* ---- options ----------------------------------------------------------- */

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

void play_read_options(lua_State *L, int index, const char *verb, bool async,
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

void play_need_audio(lua_State *L, const struct leg *leg, const char *verb)
{
	if (!call_has_media(leg->call))
		(void)raise_error(L, "state",
				  "%s: the call has no audio yet: answer it "
				  "first",
				  verb);
}

/* ---- play -------------------------------------------------------------- */

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
	play_need_audio(L, leg, "call:play");
	lua_settop(L, 3);
	op = op_new(L, sizeof(*op), play_free);
	play_read_options(L, 3, "call:play", false, &op->options);
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

void play_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"play", l_play}, {NULL, NULL}};

	luaL_setfuncs(L, verbs, 0);
}
