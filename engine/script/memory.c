/* The counting allocator: a hard ceiling, and a mark that refuses calls. */
#include "script/host.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call.h"

enum { SMALL = 4096, RESERVE = 8 << 20 };

bool memory_is_reserved(const void *ptr, size_t osize, size_t nsize)
{
	/* Without a block, OSIZE is the type of a new object, 0: of none. */
	return nsize <= SMALL && (ptr || osize == 0);
}

void *memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
	struct scripts *host = ud;
	const size_t had = ptr ? osize : 0;
	uint64_t limit = host->config.memory_hard;
	void *p;

	if (nsize == 0) {
		free(ptr);
		host->bytes -= had;
		return NULL;
	}
	if (memory_is_reserved(ptr, osize, nsize))
		limit += RESERVE;
	/* Lua frees by shrinking too, so what is not larger never fails. */
	if (nsize > had && host->bytes + (nsize - had) > limit) {
		/* Lua tries again after a collection; the line is noted each
		 * time, so that it is there when the second try fails. */
		host->out_of_memory = true;
		if (host->innermost)
			budget_here(host->innermost, host->oom_where);
		return NULL;
	}
	p = realloc(ptr, nsize);
	if (!p)
		return nsize <= had ? ptr : NULL;
	host->bytes = host->bytes - had + nsize;
	return p;
}

enum { COLLECT_MS = 100 };

/* Without new calls perhaps no script runs that would bring us back here. */
static void collect(void *arg)
{
	memory_watch(arg);
}

void memory_watch(struct scripts *host)
{
	const uint64_t soft = host->config.memory_soft;

	if (!host->refusing && host->bytes > soft) {
		/* Most of it may be garbage. */
		(void)lua_gc(host->L, LUA_GCCOLLECT);
		if (host->bytes <= soft)
			return;
		host->refusing = true;
		log_warn(NULL, "scripts use %llu MiB: new calls are refused",
			 (unsigned long long)(host->bytes >> 20));
		if (host->config.calls)
			calls_refuse(host->config.calls, "memory of scripts");
		tmr_start(&host->memory_tmr, COLLECT_MS, collect, host);
	} else if (host->refusing) {
		if (host->bytes > soft / 10 * 9)
			(void)lua_gc(host->L, LUA_GCSTEP, 200);
		if (host->bytes > soft / 10 * 9) {
			tmr_start(&host->memory_tmr, COLLECT_MS, collect, host);
			return;
		}
		tmr_cancel(&host->memory_tmr);
		host->refusing = false;
		log_info(NULL, "scripts use %llu MiB: new calls are taken",
			 (unsigned long long)(host->bytes >> 20));
		if (host->config.calls)
			calls_refuse(host->config.calls, NULL);
	}
}

enum {
	SLICE_NS = 1000000,
	SLICE_EACH_MS = 5,
	STEP_KB = 16,
	CYCLES = 2, /* the first may have begun before all was garbage */
};

static void collect_slice(void *arg)
{
	struct scripts *host = arg;
	uint64_t end_ns = clock_mono_ns() + SLICE_NS;

	while (host->collect_cycles < CYCLES && clock_mono_ns() < end_ns)
		host->collect_cycles +=
			lua_gc(host->L, LUA_GCSTEP, STEP_KB) != 0;
	if (host->collect_cycles < CYCLES)
		tmr_start(&host->collect_tmr, SLICE_EACH_MS, collect_slice,
			  host);
	else
		host->collected(host->collected_arg);
}

void scripts_collect(struct scripts *host, scripts_collected_h *done, void *arg)
{
	host->collected = done;
	host->collected_arg = arg;
	host->collect_cycles = 0;
	tmr_start(&host->collect_tmr, SLICE_EACH_MS, collect_slice, host);
}
