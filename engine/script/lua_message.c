/* call:leave_message: when the machine has beeped, the message from its start.
 *
 *   wait ──(beep, or it is quiet for long enough)──► play ──► done
 *    ▲ └──(timeout)──► nil, "timeout"                 │
 *    └────(it speaks again, once)─────────────────────┤
 *                 play, again, once ◄──(a beep)───────┘
 */
#include <string.h>

#include "script/args.h"
#include "script/leg.h"
#include "script/play.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum {
	/* So long it must speak into the message, or it was no greeting. */
	GREETING_MS = 1000,
};

struct message {
	struct waiter w;
	struct leg *leg;
	struct watch call_watch, play_watch;
	struct playlist playlist;
	struct playback *pb; /* NULL: it waits */
	struct tmr limit, quiet, greeting;
	uint64_t begun_ms, played_ms;
	uint32_t silence_ms;
	unsigned restarts, restarted;
	bool listens, by_beep;
	const char *reason; /* NULL: it was left */
	char text[256];	    /* of a prompt that failed */
};

static void hush(struct message *m)
{
	list_unlink(&m->play_watch.le);
	if (m->pb) {
		playback_stop(m->pb);
		m->pb = mem_deref(m->pb);
	}
}

static void message_disarm(struct waiter *w)
{
	struct message *m = (struct message *)w;

	tmr_cancel(&m->limit);
	tmr_cancel(&m->quiet);
	tmr_cancel(&m->greeting);
	if (!m->leg)
		return;
	hush(m);
	list_unlink(&m->call_watch.le);
	if (m->listens)
		call_unlisten(m->leg->call);
	m->listens = false;
	if (m->leg->output == m)
		m->leg->output = NULL;
}

static void message_free(void *arg)
{
	struct message *m = arg;

	message_disarm(&m->w);
	playlist_clear(&m->playlist);
	m->leg = mem_deref(m->leg);
}

static void finish(struct message *m, const char *reason)
{
	m->reason = reason;
	waiter_wake(&m->w, WAKE_DONE);
}

static void on_played(struct watch *watch, const struct call_event *event)
{
	struct message *m = container(watch, struct message, play_watch);
	(void)event;

	list_unlink(&m->play_watch.le);
	if (m->pb->result == MEDIA_FAILED)
		(void)re_snprintf(m->text, sizeof(m->text), "%s",
				  m->pb->text && *m->pb->text ? m->pb->text
							      : "no prompt");
	finish(m, m->text[0] ? "failed" : NULL);
}

/* The moment has come. */
static void say(struct message *m, bool by_beep)
{
	const struct media_play play = {.sources = m->playlist.sources,
					.source_count = m->playlist.count};

	tmr_cancel(&m->limit);
	tmr_cancel(&m->quiet);
	tmr_cancel(&m->greeting);
	hush(m);
	m->by_beep = by_beep;
	m->played_ms = tmr_jiffies();
	if (!m->playlist.count) {
		finish(m, NULL);
		return;
	}
	if (playback_start(&m->pb, m->leg, &play, true)) {
		finish(m, "failed");
		return;
	}
	m->play_watch.fire = on_played;
	watch_add(&m->pb->watches, &m->play_watch);
}

static void is_quiet(void *arg)
{
	say(arg, false);
}

static void too_late(void *arg)
{
	finish(arg, "timeout");
}

/* It goes on to greet: what was said is said to nobody. */
static void greets(void *arg)
{
	struct message *m = arg;

	m->restarted++;
	hush(m);
}

static void beeped(struct message *m)
{
	if (m->pb) {
		if (m->restarted >= m->restarts)
			return;
		m->restarted++;
	}
	say(m, true);
}

static void spoken(struct message *m, bool speaks, uint32_t pause_ms)
{
	if (speaks) {
		tmr_cancel(&m->quiet);
		if (m->pb && m->restarted < m->restarts)
			tmr_start(&m->greeting, GREETING_MS, greets, m);
		return;
	}
	tmr_cancel(&m->greeting);
	if (!m->pb)
		tmr_start(&m->quiet,
			  m->silence_ms > pause_ms ? m->silence_ms - pause_ms
						   : 0,
			  is_quiet, m);
}

static void on_call(struct watch *watch, const struct call_event *event)
{
	struct message *m = container(watch, struct message, call_watch);

	if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED) {
		waiter_wake(&m->w, WAKE_HANGUP);
		return;
	}
	if (event->type != CALL_EV_DETECTED)
		return;
	if (event->detect.type == DETECT_EV_BEEP)
		beeped(m);
	else if (event->detect.type == DETECT_EV_SPEECH)
		spoken(m, true, 0);
	else if (event->detect.type == DETECT_EV_SILENCE)
		spoken(m, false, event->detect.duration_ms);
}

static int message_push(lua_State *L, struct waiter *w)
{
	const struct message *m = (const struct message *)w;

	if (m->text[0])
		return raise_error(L, "prompt", "call:leave_message: %s",
				   m->text);
	if (m->reason)
		return push_reason(L, m->reason);
	lua_createtable(L, 0, 3);
	lua_pushstring(L, m->by_beep ? "beep" : "silence");
	lua_setfield(L, -2, "after");
	lua_pushnumber(L, (double)(m->played_ms - m->begun_ms) / 1000);
	lua_setfield(L, -2, "waited");
	lua_pushinteger(L, m->restarted);
	lua_setfield(L, -2, "restarts");
	return 1;
}

static const struct option message_options[] = {
	{"silence", OPT_SECONDS},
	{"timeout", OPT_SECONDS},
	{"restarts", OPT_COUNT},
	{0},
};

static void arm(struct message *m)
{
	struct leg *leg = m->leg;

	leg->output = m;
	m->call_watch.fire = on_call;
	watch_add(&leg->watches, &m->call_watch);
	call_listen(leg->call);
	m->listens = true;
	m->begun_ms = m->played_ms = tmr_jiffies();
	if (call_beeped(leg->call)) {
		say(m, true);
		return;
	}
	if (!call_speaks(leg->call))
		tmr_start(&m->quiet, m->silence_ms, is_quiet, m);
}

/* call:leave_message([what[, {silence, timeout, restarts}]]) → {after, waited,
 * restarts}, or nil, "timeout" */
static int l_leave_message(lua_State *L)
{
	static const char verb[] = "call:leave_message";
	uint32_t limit_ms;
	struct message *m;
	struct leg *leg;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	args_check(L, 3, verb, message_options, false);
	leg_need_output(L, leg, verb);
	play_need_audio(L, leg, verb);
	lua_settop(L, 3);
	m = op_new(L, sizeof(*m), message_free);
	if (!lua_isnil(L, 2))
		playlist_read(L, &m->playlist, 2, verb);
	m->silence_ms = args_ms(L, 3, "silence", 2);
	limit_ms = args_ms(L, 3, "timeout", 30);
	m->restarts = (unsigned)args_number(L, 3, "restarts", 1);
	m->leg = mem_ref(leg);
	waiter_init(L, &m->w, message_disarm, NULL, message_push);
	tmr_start(&m->limit, limit_ms, too_late, m);
	arm(m);
	return script_wait(L, &m->w);
}

void message_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_leave_message);
	lua_setfield(L, -2, "leave_message");
}
