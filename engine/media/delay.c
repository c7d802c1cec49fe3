/* delay.c -- the cheapest delay by the counts of lateness */
#include <string.h>
#include "media/delay.h"

enum {
	JUDGE_EACH = 16, /* packets */
	SHRINK_FROM = 50,
	/* Faster than the fastest by so much: the sender's clock has jumped,
	 * or what was before stood in a queue. It says nothing of now. */
	NEW_SCALE = 40 * AUDIO_SAMPLES_PER_MS,
	/* In thousandths of R: a step of delay; all packets lost. */
	COST_STEP = 24 * DELAY_STEP / AUDIO_SAMPLES_PER_MS,
	COST_ALL = 378500,
};

static uint16_t within(const struct delay *delay, uint32_t samples)
{
	uint32_t min = delay->min ? delay->min : (uint32_t)DELAY_MIN;
	uint32_t max = delay->max ? delay->max : (uint32_t)DELAY_MAX;

	return (uint16_t)(samples > max ? max : samples < min ? min : samples);
}

void delay_bounds(struct delay *delay, uint32_t min, uint32_t max)
{
	min = min ? min : DELAY_MIN;
	max = max ? max : DELAY_MAX;
	max = max > DELAY_LIMIT ? DELAY_LIMIT : max;
	max = max < DELAY_TICK ? DELAY_TICK : max;
	min = min < DELAY_TICK ? DELAY_TICK : min;
	delay->max = (uint16_t)max;
	delay->min = (uint16_t)(min > max ? max : min);
	delay->target =
		within(delay, delay->target ? delay->target : DELAY_BEGIN);
}

void delay_restart(struct delay *delay, uint32_t ts, uint32_t arrival)
{
	if (!delay->target)
		delay->target = within(delay, DELAY_BEGIN);
	delay->any = true;
	delay->ref = ts - arrival;
}

static uint8_t sum_of(const uint8_t *counts, int32_t n)
{
	uint32_t sum = 0;

	for (int32_t i = 0; i < n; i++)
		sum += counts[i];
	return (uint8_t)(sum > UINT8_MAX ? UINT8_MAX : sum);
}

/* The reference moves by N steps (positive: forward), and the counts with it;
 * what leaves the scale stands at its end. */
static void shift(struct delay *delay, int32_t n)
{
	int32_t k = n < 0 ? -n : n;

	delay->ref += (uint32_t)(n * DELAY_STEP);
	if (k > DELAY_STEPS - 1)
		k = DELAY_STEPS - 1;
	for (int w = 0; w < 2; w++) {
		uint8_t *counts = delay->counts[w];
		size_t kept = (size_t)(DELAY_STEPS - k);

		if (n < 0) {
			uint8_t first = sum_of(counts, k + 1);

			memmove(counts, counts + k, kept);
			memset(counts + kept, 0, (size_t)k);
			counts[0] = first;
		} else {
			uint8_t last = sum_of(counts + kept - 1, k + 1);

			memmove(counts + k, counts, kept);
			memset(counts, 0, (size_t)k);
			counts[DELAY_STEPS - 1] = last;
		}
	}
}

static void window_next(struct delay *delay)
{
	int32_t first = 0;

	memcpy(delay->counts[1], delay->counts[0], DELAY_STEPS);
	memset(delay->counts[0], 0, DELAY_STEPS);
	delay->before = delay->fill;
	delay->fill = 0;
	while (first < DELAY_STEPS - 1 && !delay->counts[1][first])
		first++;
	if (first)
		shift(delay, -first);
}

static void judge(struct delay *delay)
{
	uint32_t total = (uint32_t)delay->fill + delay->before, left = total;
	uint32_t least = UINT32_MAX, best = 0, target;

	delay->unjudged = 0;
	for (uint32_t i = 0; i < DELAY_STEPS; i++) {
		uint32_t cost;

		left -= (uint32_t)delay->counts[0][i] + delay->counts[1][i];
		cost = (i + 1) * COST_STEP * total + COST_ALL * left;
		if (cost < least) {
			least = cost;
			best = i;
		}
		if (!left)
			break;
	}
	target = within(delay, (best + 1) * DELAY_STEP + DELAY_TICK);
	if (target > delay->target || total >= SHRINK_FROM)
		delay->target = (uint16_t)target;
}

void delay_packet(struct delay *delay, uint32_t ts, uint32_t arrival)
{
	int32_t late = delay_lateness(delay, ts, arrival);

	if (!delay->any || late < -NEW_SCALE) {
		delay_restart(delay, ts, arrival);
		late = 0;
	} else if (late < 0) {
		int32_t n = (-late + DELAY_STEP - 1) / DELAY_STEP;

		shift(delay, n);
		late += n * DELAY_STEP;
	}
	if (late >= DELAY_STEPS * DELAY_STEP)
		late = DELAY_STEPS * DELAY_STEP - 1;
	delay->counts[0][late / DELAY_STEP]++;
	delay->fill++;
	if (++delay->unjudged >= JUDGE_EACH ||
	    late + DELAY_TICK > delay->target)
		judge(delay);
	if (delay->fill >= DELAY_WINDOW)
		window_next(delay);
}
