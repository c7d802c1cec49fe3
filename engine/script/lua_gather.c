/* call:gather: a prompt, digits, a check, and again. All of it is a small state
 * machine in C; Lua sees the outcome only.
 *
 *   prompt ──(end)──► first digit ──► next digit ──► complete? ─► valid? ─►
 * done └──(digit, barge-in)──────────────┘               └─ no: a try less
 */
#include <string.h>

#include "script/args.h"
#include "script/leg.h"
#include "script/pattern.h"
#include "script/play.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct gather {
	struct waiter w;
	struct leg *leg;
	struct watch call_watch, play_watch;
	struct reader reader;
	struct tmr tmr;
	struct playlist prompt, invalid;
	struct playback *pb;
	char digits[LEG_DIGITS_MAX + 1];
	size_t count, min, max;
	char terminator[20];
	char *valid;
	uint32_t timeout_ms, inter_ms;
	unsigned tries;
	bool barge_in, failed;
	const char *reason; /* NULL: digits */
	char text[256];	    /* of a prompt that failed */
};

static void start_try(struct gather *g, bool after_invalid);

static void quiet(struct gather *g)
{
	tmr_cancel(&g->tmr);
	list_unlink(&g->reader.le);
	list_unlink(&g->play_watch.le);
	if (g->pb) {
		playback_stop(g->pb);
		g->pb = mem_deref(g->pb);
	}
}

static void gather_disarm(struct waiter *w)
{
	struct gather *g = (struct gather *)w;

	if (!g->leg)
		return;
	quiet(g);
	list_unlink(&g->call_watch.le);
	if (g->leg->output == g)
		g->leg->output = NULL;
}

static void gather_free(void *arg)
{
	struct gather *g = arg;

	gather_disarm(&g->w);
	playlist_clear(&g->prompt);
	playlist_clear(&g->invalid);
	mem_deref(g->valid);
	g->valid = NULL;
	g->leg = mem_deref(g->leg);
}

static void finish(struct gather *g, const char *reason)
{
	g->reason = reason;
	waiter_wake(&g->w, WAKE_DONE);
}

/* A try is over without digits that can be used. */
static void failed(struct gather *g, const char *reason)
{
	if (--g->tries == 0)
		finish(g, reason);
	else
		start_try(g, !strcmp(reason, "invalid"));
}

static void complete(struct gather *g)
{
	const uint64_t steps = g->leg->host->config.pattern_steps;

	quiet(g);
	g->digits[g->count] = '\0';
	if (g->count < g->min ||
	    (g->valid && !pattern_whole(g->valid, g->digits, g->count, steps)))
		failed(g, "invalid");
	else
		finish(g, NULL);
}

static void timed_out(void *arg)
{
	struct gather *g = arg;

	if (g->count >= g->min && g->count > 0) {
		complete(g);
		return;
	}
	quiet(g);
	failed(g, "timeout");
}

static void got_digit(struct reader *reader, const struct digit *digit)
{
	struct gather *g = container(reader, struct gather, reader);

	quiet(g);
	if (g->terminator[0] && strchr(g->terminator, digit->digit)) {
		complete(g);
		return;
	}
	g->digits[g->count++] = digit->digit;
	if (g->count >= g->max) {
		complete(g);
		return;
	}
	tmr_start(&g->tmr, g->inter_ms, timed_out, g);
	(void)leg_read(g->leg, &g->reader); /* unread ones come at once */
}

static void on_call(struct watch *watch, const struct call_event *event)
{
	struct gather *g = container(watch, struct gather, call_watch);

	if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		waiter_wake(&g->w, WAKE_HANGUP);
}

static void on_played(struct watch *watch, const struct call_event *event)
{
	struct gather *g = container(watch, struct gather, play_watch);

	(void)event;
	list_unlink(&g->play_watch.le);
	if (g->pb->result == MEDIA_FAILED) {
		g->failed = true;
		(void)re_snprintf(g->text, sizeof(g->text), "%s",
				  g->pb->text ? g->pb->text : "");
		waiter_wake(&g->w, WAKE_DONE);
		return;
	}
	g->pb = mem_deref(g->pb);
	tmr_start(&g->tmr, g->timeout_ms, timed_out, g);
	if (!g->reader.le.list)
		(void)leg_read(g->leg, &g->reader);
}

static int play_prompt(struct gather *g, bool after_invalid)
{
	struct media_source sources[2 * PLAYLIST_MAX];
	const size_t before = after_invalid ? g->invalid.count : 0;
	struct media_play play = {.sources = sources,
				  .source_count = before + g->prompt.count};

	if (before)
		memcpy(sources, g->invalid.sources, before * sizeof(*sources));
	if (g->prompt.count)
		memcpy(sources + before, g->prompt.sources,
		       g->prompt.count * sizeof(*sources));
	return playback_start(&g->pb, g->leg, &play, true);
}

static void start_try(struct gather *g, bool after_invalid)
{
	const bool typed = g->barge_in && leg_peek(g->leg, NULL);
	const size_t prompts =
		g->prompt.count + (after_invalid ? g->invalid.count : 0);

	g->count = 0;
	if (prompts > 0 && !typed) {
		if (play_prompt(g, after_invalid)) {
			finish(g, "failed");
			return;
		}
		g->play_watch.fire = on_played;
		watch_add(&g->pb->watches, &g->play_watch);
		if (g->barge_in)
			(void)leg_read(g->leg, &g->reader);
		return;
	}
	tmr_start(&g->tmr, g->timeout_ms, timed_out, g);
	(void)leg_read(g->leg, &g->reader);
}

static int gather_push(lua_State *L, struct waiter *w)
{
	const struct gather *g = (const struct gather *)w;

	if (g->failed)
		return raise_error(L, "prompt", "call:gather: %s",
				   g->text[0] ? g->text : "no prompt");
	if (g->reason)
		return push_reason(L, g->reason);
	lua_pushlstring(L, g->digits, g->count);
	return 1;
}

static const struct option gather_options[] = {
	{"prompt", OPT_ANY},
	{"min_digits", OPT_COUNT},
	{"max_digits", OPT_COUNT},
	{"terminator", OPT_STRING},
	{"timeout", OPT_SECONDS},
	{"inter_digit_timeout", OPT_SECONDS},
	{"tries", OPT_COUNT},
	{"valid", OPT_STRING},
	{"invalid_prompt", OPT_ANY},
	{"barge_in", OPT_BOOLEAN},
	{0},
};

static void read_limits(lua_State *L, struct gather *g)
{
	static const char verb[] = "call:gather";
	const char *terminator = args_string(L, 2, "terminator", "#");
	const double max = args_number(L, 2, "max_digits", LEG_DIGITS_MAX);
	const double min = args_number(L, 2, "min_digits", 1);
	const double tries = args_number(L, 2, "tries", 1);

	if (max < 1 || max > LEG_DIGITS_MAX)
		(void)raise_error(L, "usage", "%s: max_digits must be 1 to %d",
				  verb, LEG_DIGITS_MAX);
	if (min > max)
		(void)raise_error(L, "usage",
				  "%s: min_digits is above max_digits", verb);
	if (tries < 1 || tries > 1000)
		(void)raise_error(L, "usage", "%s: tries must be 1 to 1000",
				  verb);
	if (strlen(terminator) >= sizeof(g->terminator) ||
	    strspn(terminator, "0123456789*#ABCD") != strlen(terminator))
		(void)raise_error(L, "usage",
				  "%s: terminator is digits, got '%.40s'", verb,
				  terminator);
	g->min = (size_t)min;
	g->max = (size_t)max;
	g->tries = (unsigned)tries;
	memcpy(g->terminator, terminator, strlen(terminator) + 1);
	g->timeout_ms = args_ms(L, 2, "timeout", 5);
	g->inter_ms = args_ms(L, 2, "inter_digit_timeout", 3);
	g->barge_in = args_boolean(L, 2, "barge_in", true);
}

static void read_valid(lua_State *L, struct gather *g)
{
	const char *valid = args_string(L, 2, "valid", NULL);
	char err[128];

	if (!valid)
		return;
	if (!pattern_valid(valid, err, sizeof(err)))
		(void)raise_error(L, "usage", "call:gather: valid: %s", err);
	g->valid = mem_alloc(strlen(valid) + 1, NULL);
	if (!g->valid)
		(void)raise_memory(L);
	memcpy(g->valid, valid, strlen(valid) + 1);
}

static void read_prompt(lua_State *L, const char *name, struct playlist *list)
{
	if (!args_has(L, 2, name))
		return;
	lua_getfield(L, 2, name);
	playlist_read(L, list, -1, "call:gather");
	lua_pop(L, 1);
}

/* call:gather{…} → digits, or nil, "timeout"|"invalid" */
static int l_gather(lua_State *L)
{
	struct gather *g;
	struct leg *leg;

	script_can_wait(L, "call:gather");
	leg = leg_live(L, 1);
	args_check(L, 2, "call:gather", gather_options, false);
	leg_need_output(L, leg, "call:gather");
	lua_settop(L, 2);
	g = op_new(L, sizeof(*g), gather_free);
	read_limits(L, g);
	read_valid(L, g);
	read_prompt(L, "prompt", &g->prompt);
	read_prompt(L, "invalid_prompt", &g->invalid);
	if (g->prompt.count && !call_has_media(leg->call))
		return raise_error(L, "state",
				   "call:gather: the call has no audio yet: "
				   "answer it first");
	g->leg = mem_ref(leg);
	g->reader.read = got_digit;
	leg->output = g;
	waiter_init(L, &g->w, gather_disarm, NULL, gather_push);
	g->call_watch.fire = on_call;
	watch_add(&leg->watches, &g->call_watch);
	start_try(g, false);
	return script_wait(L, &g->w);
}

void gather_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"gather", l_gather},
		/* The same under names known elsewhere. */
		{"read", l_gather},
		{"play_and_get_digits", l_gather},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
