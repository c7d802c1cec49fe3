/* call:play_async → playback: pause, resume, seek, volume, stop, wait. */
#include "script/play.h"

#include <string.h>

#include "script/args.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

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

/* ---- play_async --------------------------------------------------------- */

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
	play_need_audio(L, leg, verb);
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
	(*box)->async = true;
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

	play_read_options(L, 3, verb, true, &o);
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
		play_read_options(L, 3, verb, true, &o);
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

void playback_open(lua_State *L)
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

void playback_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_play_async);
	lua_setfield(L, -2, "play_async");
}
