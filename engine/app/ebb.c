#include "app/ebb.h"

#include <errno.h>
#include <stdlib.h>

#include <re.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/metrics.h"
#include "call/call.h"
#include "script/script.h"
#include "sip/registrar/registrar.h"

METRIC(memory_given_back, "times that memory was given back after a peak");

enum {
	LOOK_MS = 1000,
	/* So many REGISTERs leave as much as a call. */
	REGISTERS = 8,
};

bool ebb_due(struct ebb *ebb, uint64_t active, uint64_t total)
{
	uint64_t now = total - ebb->totals[ebb->at];

	ebb->totals[ebb->at] = total;
	ebb->actives[ebb->at] = active;
	ebb->at = (ebb->at + 1) % EBB_SECONDS;
	for (unsigned i = 0; i < EBB_SECONDS; i++)
		if (ebb->actives[i] > now)
			now = ebb->actives[i];
	if (now > ebb->high)
		ebb->high = now;
	if (ebb->high < EBB_CALLS || now > ebb->high / 2)
		return false;
	ebb->high = now;
	return true;
}

struct ebb_watch {
	struct ebb ebb;
	struct calls *calls;
	const struct registrar *registrar;
	struct scripts *scripts;
	struct background *background;
	struct tmr tmr;
	bool busy, stopped;
	uint64_t trim_us;
};

/* Background thread. */
static void trim(void *arg)
{
	struct ebb_watch *watch = arg;
	uint64_t begin_ns = clock_mono_ns();

	heap_trim();
	watch->trim_us = (clock_mono_ns() - begin_ns) / 1000;
}

static void trimmed(void *arg)
{
	struct ebb_watch *watch = arg;

	watch->busy = false;
	metric_add(&memory_given_back, 1);
	log_debug(NULL, "memory given back in %llu µs",
		  (unsigned long long)watch->trim_us);
}

static void collected(void *arg)
{
	struct ebb_watch *watch = arg;

	/* ENOMEM, or the end: as well another time. */
	if (watch->stopped ||
	    background_run(watch->background, trim, trimmed, watch))
		watch->busy = false;
}

static void look(void *arg)
{
	struct ebb_watch *watch = arg;
	struct calls_count count;

	calls_count(watch->calls, &count);
	count.total += registrar_accepted(watch->registrar) / REGISTERS;
	if (ebb_due(&watch->ebb, count.active, count.total) && !watch->busy) {
		watch->busy = true;
		scripts_collect(watch->scripts, collected, watch);
	}
	tmr_start(&watch->tmr, LOOK_MS, look, watch);
}

int ebb_watch_alloc(struct ebb_watch **wp, struct calls *calls,
		    const struct registrar *registrar, struct scripts *scripts,
		    struct background *background)
{
	struct ebb_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return ENOMEM;
	watch->calls = calls;
	watch->registrar = registrar;
	watch->scripts = scripts;
	watch->background = background;
	tmr_start(&watch->tmr, LOOK_MS, look, watch);
	*wp = watch;
	return 0;
}

void ebb_watch_stop(struct ebb_watch *watch)
{
	if (!watch)
		return;
	tmr_cancel(&watch->tmr);
	watch->stopped = true;
}

void ebb_watch_free(struct ebb_watch *watch)
{
	free(watch);
}
