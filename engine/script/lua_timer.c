/* moon.sleep, moon.after, moon.every, moon.now. */
#include "script/timer.h"

#include <string.h>

#include "base/clock.h"
#include "script/args.h"
#include "script/leg.h"

enum { RETRY_MS = 100 };

struct timer {
	struct le le; /* host->timers */
	struct tmr tmr;
	struct scripts *host;
	struct generation *gen;
	struct leg *leg;  /* its maker's call, or NULL */
	struct le leg_le; /* leg->timers: `every` */
	int ref;
	uint32_t every_ms; /* 0: once */
	uint64_t due_ms;   /* monotonic */
	bool busy;	   /* its coroutine runs */
};

static void timer_destroy(void *data)
{
	struct timer *timer = data;

	tmr_cancel(&timer->tmr);
	list_unlink(&timer->le);
	list_unlink(&timer->leg_le);
	if (timer->ref)
		luaL_unref(timer->host->L, LUA_REGISTRYINDEX, timer->ref);
	mem_deref(timer->gen);
	mem_deref(timer->leg);
}

void timer_stop(struct timer *timer)
{
	tmr_cancel(&timer->tmr);
	list_unlink(&timer->leg_le);
	timer->every_ms = 0;
	if (timer->ref) {
		luaL_unref(timer->host->L, LUA_REGISTRYINDEX, timer->ref);
		timer->ref = 0;
	}
	if (timer->le.list) {
		list_unlink(&timer->le);
		mem_deref(timer);
	}
}

void timers_retire(struct scripts *host, const struct generation *gen)
{
	struct le *le = list_head(&host->timers);

	while (le) {
		struct timer *timer = le->data;

		le = le->next;
		if (timer->gen == gen && (!timer->leg || timer->leg->ended))
			timer_stop(timer);
	}
}

void timers_leg_ended(struct leg *leg)
{
	struct le *le;

	while ((le = list_head(&leg->timers)))
		timer_stop(le->data);
}

struct timer_job {
	struct job job;
	struct timer *timer;
	bool fired;
};

static void due(void *arg);

static void timer_job_destroy(void *data)
{
	struct timer_job *job = data;

	list_unlink(&job->job.le);
	/* No memory for its coroutine: a timer must not be lost. */
	if (!job->fired && job->timer->ref && !job->timer->host->freeing)
		tmr_start(&job->timer->tmr, RETRY_MS, due, job->timer);
	mem_deref(job->timer);
}

static void fire(lua_State *L, struct job *j)
{
	struct timer_job *job = (struct timer_job *)j;
	struct timer *timer = job->timer;
	struct leg *leg = timer->leg && !timer->leg->ended ? timer->leg : NULL;
	struct script *s;

	if (!timer->ref)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, timer->ref);
	s = script_new(L, 0, timer->gen, leg, SCRIPT_HANDLER);
	s->timer = mem_ref(timer);
	job->fired = true;
	timer->busy = true;
	if (!timer->every_ms)
		timer_stop(timer);
}

static void due(void *arg)
{
	struct timer *timer = arg;
	struct timer_job *job = mem_zalloc(sizeof(*job), timer_job_destroy);

	if (!job) {
		tmr_start(&timer->tmr, RETRY_MS, due, timer);
		return;
	}
	job->job.fn = fire;
	job->timer = mem_ref(timer);
	host_post(timer->host, &job->job);
}

/* The next time of its grid that is still to come. */
void timer_script_ended(struct timer *timer, struct script *s)
{
	const uint64_t now = clock_mono_ms();

	(void)s;
	timer->busy = false;
	if (!timer->every_ms)
		return;
	timer->due_ms += timer->every_ms;
	if (timer->due_ms < now)
		timer->due_ms += (now - timer->due_ms + timer->every_ms - 1) /
				 timer->every_ms * timer->every_ms;
	tmr_start(&timer->tmr, timer->due_ms - now, due, timer);
}

static int make(lua_State *L, const char *verb, bool every)
{
	struct scripts *host = host_of(L);
	const uint32_t ms = args_seconds(L, 1, verb, UINT32_MAX);
	struct timer **box, *timer;

	if (ms == UINT32_MAX || (every && !ms))
		return raise_error(L, "usage", "%s: %s expected", verb,
				   every ? "seconds above 0 are"
					 : "seconds are");
	if (!lua_isfunction(L, 2))
		return raise_error(L, "usage",
				   "%s: a function is expected, got %s", verb,
				   luaL_typename(L, 2));
	box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, "moondial.timer");
	timer = *box = mem_zalloc(sizeof(*timer), timer_destroy);
	if (!timer)
		return raise_memory(L);
	timer->host = host;
	lua_pushvalue(L, 2);
	timer->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	timer->gen = mem_ref(generation_current(L));
	timer->leg = mem_ref(host->running->leg);
	timer->every_ms = every ? ms : 0;
	if (timer->leg && every)
		list_append(&timer->leg->timers, &timer->leg_le, timer);
	timer->due_ms = clock_mono_ms() + ms;
	list_append(&host->timers, &timer->le, mem_ref(timer));
	tmr_start(&timer->tmr, ms, due, timer);
	return 1;
}

/* moon.after(s, fn) → timer */
static int l_after(lua_State *L)
{
	return make(L, "moon.after", false);
}

/* moon.every(s, fn) → timer: the first time in s seconds; not again before the
 * last one has ended. */
static int l_every(lua_State *L)
{
	return make(L, "moon.every", true);
}

static int l_cancel(lua_State *L)
{
	struct timer **box = luaL_checkudata(L, 1, "moondial.timer");

	if (*box)
		timer_stop(*box);
	return 0;
}

static int l_gc(lua_State *L)
{
	struct timer **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void timer_open(lua_State *L)
{
	static const luaL_Reg methods[] = {{"cancel", l_cancel}, {NULL, NULL}};

	luaL_newmetatable(L, "moondial.timer");
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_cancel);
	lua_setfield(L, -2, "__close");
	lua_pushliteral(L, "timer");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* ---- sleep
 * ---------------------------------------------------------------------- */

struct sleep {
	struct waiter w;
	struct tmr tmr;
};

static void sleep_disarm(struct waiter *w)
{
	tmr_cancel(&((struct sleep *)w)->tmr);
}

static void sleep_free(void *op)
{
	tmr_cancel(&((struct sleep *)op)->tmr);
}

static void sleep_over(void *arg)
{
	waiter_wake(arg, WAKE_DONE);
}

static int sleep_push(lua_State *L, struct waiter *w)
{
	(void)w;
	lua_pushboolean(L, 1);
	return 1;
}

static int l_sleep(lua_State *L)
{
	struct sleep *op;
	uint32_t ms;

	script_can_wait(L, "moon.sleep");
	luaL_checkany(L, 1);
	ms = args_seconds(L, 1, "moon.sleep", 0);
	op = op_new(L, sizeof(*op), sleep_free);
	waiter_init(L, &op->w, sleep_disarm, NULL, sleep_push);
	tmr_start(&op->tmr, ms, sleep_over, &op->w);
	return script_wait(L, &op->w);
}

/* moon.now(): seconds since the epoch, wall clock */
static int l_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_wall_ms() / 1000);
	return 1;
}

void timer_add_moon(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"after", l_after}, {"every", l_every}, {"sleep", l_sleep},
		{"now", l_now},	    {NULL, NULL},
	};

	luaL_setfuncs(L, functions, 0);
}
