/* The state and its one event: jobs, then scripts that are ready. */
#include "script/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call/call.h"
#include "script/event.h"
#include "script/leg.h"
#include "script/timer.h"

enum { MIB = 1 << 20, BATCH = 256, ID_BUCKETS = 4096 };

/* A collection begins when memory has grown to GC_PAUSE percent of what the
 * last one has left. Lua's own GC_STEP_MUL, 100, does the whole of it while
 * 16 calls begin: with 2,000 calls the loop stood still for 0.2 s. With 4 it
 * is spread over a quarter of the time from one to the next. */
enum { GC_PAUSE = 225, GC_STEP_MUL = 4 };

void host_kick(struct scripts *host)
{
	if (!host->freeing)
		soon_queue(&host->soon, scripts_drain, host);
}

void host_post(struct scripts *host, struct job *job)
{
	list_append(&host->jobs, &job->le, job);
	host_kick(host);
}

struct protected
{
	host_h *fn;
	void *arg;
};

static int l_protected(lua_State *L)
{
	const struct protected *p = lua_touserdata(L, 1);

	lua_settop(L, 0);
	p->fn(L, p->arg);
	return 0;
}

bool host_protect(struct scripts *host, host_h *fn, void *arg)
{
	struct protected p = {.fn = fn, .arg = arg};
	lua_State *L = host->L;
	bool ok;

	lua_pushcfunction(L, l_protected);
	lua_pushlightuserdata(L, &p);
	ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
	if (!ok) {
		log_error(NULL, "script: %s",
			  lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
							 : "error");
		host->errors++;
		lua_pop(L, 1);
	}
	return ok;
}

static void run_job(lua_State *L, void *arg)
{
	struct job *job = arg;

	if (host_of(L)->collects)
		(void)lua_gc(L, LUA_GCCOLLECT);
	job->fn(L, job);
}

void scripts_drain(void *arg)
{
	struct scripts *host = arg;
	struct list ready = LIST_INIT;
	unsigned n = 0;

	while (!list_isempty(&host->jobs) && n++ < BATCH) {
		struct job *job = list_ledata(list_head(&host->jobs));

		list_unlink(&job->le);
		(void)host_protect(host, run_job, job);
		mem_deref(job);
	}
	/* Those that become ready meanwhile wait for the next turn, so that
	 * the loop gets to its sockets. */
	n = 0;
	while (!list_isempty(&host->ready) && n++ < BATCH) {
		struct script *s = list_ledata(list_head(&host->ready));

		list_unlink(&s->ready_le);
		list_append(&ready, &s->ready_le, s);
	}
	while (!list_isempty(&ready)) {
		struct script *s = list_ledata(list_head(&ready));

		list_unlink(&s->ready_le);
		if (s->state == SCRIPT_CLOSING)
			script_kill(s);
		else if (s->state == SCRIPT_NEW ||
			 (s->state == SCRIPT_WAITING && s->woken))
			script_step(s, host_slice_ns(host));
	}
	if (host->collects)
		(void)lua_gc(host->L, LUA_GCCOLLECT);
	memory_watch(host);
	if (!list_isempty(&host->jobs) || !list_isempty(&host->ready))
		host_kick(host);
}

static int panic(lua_State *L)
{
	log_error(NULL, "script: unprotected error: %s", lua_tostring(L, -1));
	return 0; /* Lua aborts */
}

static void open_state(lua_State *L, void *arg)
{
	(void)arg;
	error_open(L);
	json_open(L);
	timer_open(L);
	task_open(L);
	event_open(L);
	call_open(L);
	playback_open(L);
	record_open(L);
	csv_open(L);
	zone_open(L);
	numbers_open_type(L);
	leads_open(L);
	trunk_open(L);
	qualify_open(L);
	account_open(L);
}

static void host_free(struct scripts *host)
{
	budget_close(host);
	mem_deref(host->ids);
	free(host->own_queries);
	free(host);
}

int scripts_alloc(struct scripts **sp, const struct scripts_config *config,
		  const struct scripts_handlers *handlers, void *arg)
{
	struct scripts *host = calloc(1, sizeof(*host));

	if (!host)
		return ENOMEM;
	host->config = *config;
	if (handlers)
		host->handlers = *handlers;
	host->arg = arg;
	budget_open(host);
	if (!host->config.slice_ms)
		host->config.slice_ms = 20;
	if (!host->config.memory_soft)
		host->config.memory_soft = 256ULL * MIB;
	if (!host->config.memory_hard)
		host->config.memory_hard = 512ULL * MIB;
	if (!host->config.pattern_steps)
		host->config.pattern_steps = 1000000;
	if (hash_alloc(&host->ids, ID_BUCKETS)) {
		host_free(host);
		return ENOMEM;
	}
	host->L = lua_newstate(memory_alloc, host);
	if (!host->L) {
		host_free(host);
		return ENOMEM;
	}
	(void)lua_atpanic(host->L, panic);
	*(void **)lua_getextraspace(host->L) = NULL;
	(void)lua_gc(host->L, LUA_GCINC, GC_PAUSE, GC_STEP_MUL, 0);
	/* For tests: what is not anchored is found out soon. */
	host->collects = getenv("MOONDIAL_GC") != NULL;
	if (!host_protect(host, open_state, NULL)) {
		lua_close(host->L);
		host_free(host);
		return ENOMEM;
	}
	*sp = host;
	return 0;
}

void scripts_free(struct scripts *host)
{
	struct le *le;

	if (!host)
		return;
	soon_cancel(&host->soon);
	/* A closing script may make others. */
	while ((le = list_head(&host->scripts)))
		script_kill(le->data);
	host->freeing = true;
	soon_cancel(&host->soon);
	list_flush(&host->jobs);
	while ((le = list_head(&host->timers)))
		timer_stop(le->data);
	subscriptions_retire(host, NULL);
	qualifies_retire(host, NULL);
	while ((le = list_head(&host->legs)))
		leg_abandon(le->data);
	if (host->gen)
		generation_retire(host->gen);
	host->gen = mem_deref(host->gen);
	lua_close(host->L);
	tmr_cancel(&host->memory_tmr);
	tmr_cancel(&host->collect_tmr);
	host_free(host);
}

/* Values in the registry under a number of luaL_ref(); what it keeps for free
 * ones are numbers themselves. */
static unsigned references(lua_State *L)
{
	unsigned n = 0;

	if (!lua_checkstack(L, 3))
		return 0;
	lua_pushnil(L);
	while (lua_next(L, LUA_REGISTRYINDEX)) {
		if (lua_isinteger(L, -2) &&
		    lua_tointeger(L, -2) > LUA_RIDX_LAST &&
		    lua_type(L, -1) != LUA_TNUMBER)
			n++;
		lua_pop(L, 1);
	}
	return n;
}

void scripts_count(const struct scripts *host, struct scripts_count *count)
{
	memset(count, 0, sizeof(*count));
	count->coroutines = list_count(&host->scripts);
	count->generations = list_count(&host->generations);
	count->references = references(host->L);
	count->memory_bytes = host->bytes;
	count->errors = host->errors;
}

bool scripts_idle(const struct scripts *host)
{
	return list_isempty(&host->scripts) && list_isempty(&host->jobs) &&
	       list_isempty(&host->legs) && list_isempty(&host->timers) &&
	       list_isempty(&host->subscriptions) && !scripts_registers(host) &&
	       (!host->gen || list_isempty(&host->gen->routes));
}
