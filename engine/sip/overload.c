/* overload.c -- as many new calls as there is time for, and no more */
#include <string.h>
#include "base/log.h"
#include "base/metrics.h"
#include "sip/overload.h"

METRIC(overload_refused, "new calls refused because the engine was late")
METRIC(overload_times, "times that the engine began to refuse calls as late")

enum {
	INTERVAL_MS = 100,
	BURST_MS = 20,
	/* Between the question for room and the call a lead is noted. */
	OWN_BURST_MS = 100,
	WAITS_MIN = 4,
	CALM_MS = 2000, /* without a refusal: it is over */
	RETRY_AFTER_S = 2,
};

#define RATE_MIN 10.0
#define DRAIN_S	 0.5

void overload_init(struct overload *o, uint32_t target_ms)
{
	memset(o, 0, sizeof(*o));
	o->target_us = target_ms * 1000;
}

static void begin(struct overload *o, uint64_t now_ms, uint64_t ms)
{
	static struct log_limit limit = LOG_LIMIT(6, 60000);
	const double now = o->admitted * 1e3 / (double)ms;

	o->active = true;
	o->rate = now > o->smooth ? now : o->smooth;
	if (o->rate < RATE_MIN)
		o->rate = RATE_MIN;
	o->capacity = o->rate;
	o->usual = o->smooth / 4;
	o->tokens = 0;
	o->filled_ms = o->calm_ms = o->since_ms = now_ms;
	o->times++;
	metric_add(&overload_times, 1);
	log_limited(&limit, LOG_WARN, NULL,
		    "overload: requests wait for %.0f ms; new calls are held "
		    "to %.0f a second",
		    o->standing_us / 1e3, o->rate);
}

static void end(struct overload *o, uint64_t now_ms)
{
	static struct log_limit limit = LOG_LIMIT(6, 60000);

	o->active = false;
	log_limited(&limit, LOG_WARN, NULL,
		    "overload is over after %.1f s; %llu calls were refused "
		    "so far",
		    (double)(now_ms - o->since_ms) / 1e3,
		    (unsigned long long)o->total_turned_away);
}

static double between(double low, double value, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* While calls wait, what was admitted and by how much the wait has changed
 * tell what can be done: the rate is that, less what brings the wait back to
 * its target within DRAIN_S. When none waits, there is room for more. */
static void adapt(struct overload *o, double seconds)
{
	const double wait = o->standing_us / 1e6, target = o->target_us / 1e6;
	const double change = (wait - o->before_us / 1e6) / seconds;
	const double admitted = o->admitted / seconds;

	if (wait > target / 2) {
		const double can = admitted / between(0.7, 1 + change, 4);

		o->capacity += 0.3 * (can - o->capacity);
		o->rate = o->capacity *
			  between(0.3, 1 - (wait - target) / DRAIN_S, 1);
	} else if (o->turned_away) {
		o->rate += 0.05 * (o->rate > o->usual ? o->rate : o->usual);
		if (o->capacity < admitted)
			o->capacity = admitted;
	}
	if (o->rate < RATE_MIN)
		o->rate = RATE_MIN;
}

static void turn(struct overload *o, uint64_t now_ms)
{
	const uint64_t ms = now_ms - o->interval_ms;

	if (ms < INTERVAL_MS)
		return;
	/* One that has waited is an accident. */
	o->standing_us = o->waited >= WAITS_MIN ? o->shortest_us : o->late_us;
	/* A long pause between calls is no low rate. */
	if (o->admitted)
		o->smooth += 0.3 * (o->admitted * 1e3 / (double)ms - o->smooth);
	if (o->interval_ms && !o->active && o->standing_us > o->target_us)
		begin(o, now_ms, ms);
	else if (o->active)
		adapt(o, (double)ms / 1e3);
	if (o->turned_away || o->standing_us > o->target_us)
		o->calm_ms = now_ms;
	if (o->active && now_ms - o->calm_ms >= CALM_MS)
		end(o, now_ms);
	o->interval_ms = now_ms;
	o->before_us = o->standing_us;
	o->waited = o->late_us = o->admitted = o->turned_away = 0;
}

static uint32_t clamp(uint64_t us)
{
	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void overload_waited(struct overload *o, uint64_t now_ms, uint64_t wait_us)
{
	if (!o->target_us)
		return;
	if (!o->waited || wait_us < o->shortest_us)
		o->shortest_us = clamp(wait_us);
	o->waited++;
	turn(o, now_ms);
}

void overload_late(struct overload *o, uint64_t now_ms, uint64_t late_us)
{
	if (!o->target_us)
		return;
	if (!o->late_us || late_us < o->late_us)
		o->late_us = clamp(late_us);
	turn(o, now_ms);
}

/* The calls of MS milliseconds at the rate. */
static double calls_of(const struct overload *o, unsigned ms)
{
	const double calls = o->rate * ms / 1e3;

	return calls > 1 ? calls : 1;
}

static void fill(struct overload *o, uint64_t now_ms, unsigned depth_ms)
{
	const double depth = calls_of(o, depth_ms);

	o->tokens += o->rate * (double)(now_ms - o->filled_ms) / 1e3;
	o->filled_ms = now_ms;
	if (o->tokens > depth)
		o->tokens = depth;
}

static bool take(struct overload *o, uint64_t now_ms)
{
	fill(o, now_ms, BURST_MS);
	if (o->tokens < 1)
		return false;
	o->tokens -= 1;
	return true;
}

bool overload_admits(struct overload *o, uint64_t now_ms)
{
	if (!o->target_us)
		return true;
	turn(o, now_ms);
	if (!o->active || take(o, now_ms)) {
		o->admitted++;
		return true;
	}
	o->turned_away++;
	o->total_turned_away++;
	metric_add(&overload_refused, 1);
	return false;
}

void overload_began(struct overload *o, uint64_t now_ms)
{
	if (!o->target_us)
		return;
	turn(o, now_ms);
	o->admitted++;
	if (!o->active)
		return;
	fill(o, now_ms, OWN_BURST_MS);
	if (o->tokens > -calls_of(o, BURST_MS))
		o->tokens -= 1;
}

unsigned overload_room(struct overload *o, uint64_t now_ms, unsigned wanted)
{
	unsigned room = wanted;

	if (!o->target_us)
		return room;
	turn(o, now_ms);
	if (!o->active)
		return room;
	fill(o, now_ms, OWN_BURST_MS);
	if (o->tokens < wanted)
		room = o->tokens < 1 ? 0 : (unsigned)o->tokens;
	o->turned_away += wanted - room;
	return room;
}

unsigned overload_retry_after(const struct overload *o)
{
	(void)o;
	return RETRY_AFTER_S;
}
