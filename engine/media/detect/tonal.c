/* tonal.c -- peaks of a spectrum, and runs of frames with the same ones */
#include <math.h>
#include <string.h>
#include "media/detect/tonal.h"

enum {
	BIN_FIRST = 8, /* 125 Hz: hum of the mains is below */
	BIN_LAST = 250,
	/* tones are sought from 300 to 2200 Hz */
	PEAK_FIRST = 19,
	PEAK_LAST = 142,
	WIDTH = 2, /* bins on each side that a sine fills */
	BEGIN_MS = TONAL_MIN_MS,
	HEAD_MAX_MS = 40,
	EDGE_MAX_MS = 60,
	QUIET_MIN_MS = 40,
};

/* One tone stands still to a Hz or two, also after GSM; the peaks of two that
 * are near each other beat. */
static const float same_hz = 6, pair_hz = 12, power_range = 4;

/* Two at once are tones when they are a network's; else they are two harmonics
 * of a voice, which may well stand still for a while. */
static const float pairs[][2] = {
	{350, 440}, {400, 450}, {440, 480}, {480, 620}};
static const float dtmf_low[] = {697, 770, 852, 941};
static const float dtmf_high[] = {1209, 1336, 1477, 1633};

/* ---- a spectrum ----------------------------------------------------- */

static float band(const float *power, int from, int to)
{
	float sum = 0;

	for (int k = from; k <= to; k++)
		sum += power[k];
	return sum;
}

static float whole(const float *power)
{
	float sum[4] = {0, 0, 0, 0};

	for (int k = BIN_FIRST; k + 3 <= BIN_LAST; k += 4)
		for (int i = 0; i < 4; i++)
			sum[i] += power[k + i];
	return sum[0] + sum[1] + sum[2] + sum[3];
}

static int highest(const float *power, int from, int to)
{
	int best = from;

	for (int k = from + 1; k <= to; k++)
		if (power[k] > power[best])
			best = k;
	return best;
}

/* The highest peak at a distance from the one at K1; 0: there is none. */
static int second(const float *power, int k1)
{
	int best = 0;

	for (int k = BIN_FIRST + 1; k <= BIN_LAST - 1; k++) {
		if (k >= k1 - WIDTH && k <= k1 + WIDTH)
			continue;
		if (power[k] >= power[k - 1] && power[k] >= power[k + 1] &&
		    (!best || power[k] > power[best]))
			best = k;
	}
	return best;
}

/* Where between the bins: under a Hann window the two highest tell. */
static float hz_of(const float *power, int k)
{
	const int side = power[k + 1] > power[k - 1] ? 1 : -1;
	const float a = sqrtf(power[k + side] / (power[k] + 1e-9F));

	return ((float)k + (float)side * (2 * a - 1) / (1 + a)) * SPECTRUM_HZ;
}

static bool is_dtmf(const float hz[2])
{
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 4; k++)
			if (fabsf(hz[0] - dtmf_low[i]) < pair_hz &&
			    fabsf(hz[1] - dtmf_high[k]) < 2 * pair_hz)
				return true;
	return false;
}

static bool is_pair(const float hz[2])
{
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (fabsf(hz[0] - pairs[i][0]) < pair_hz &&
		    fabsf(hz[1] - pairs[i][1]) < pair_hz)
			return true;
	return is_dtmf(hz);
}

static float ratio(float db)
{
	return powf(10, -db / 10);
}

void tonal_of(struct tonal *t, const struct detect_settings *settings,
	      const float power[SPECTRUM_BINS])
{
	const int k1 = highest(power, PEAK_FIRST, PEAK_LAST);
	const float sum = whole(power) + 1e-9F;
	float first = band(power, k1 - WIDTH, k1 + WIDTH), both;
	int k2;

	memset(t, 0, sizeof(*t));
	t->power = sum;
	/* Not even two tones of the same height have so little of it. */
	if (first < settings->beep_purity * sum * 0.4F)
		return;
	k2 = second(power, k1);
	if (!k2 || power[k2] < power[k1] * ratio(settings->beep_second)) {
		t->purity = first / sum;
		if (t->purity < settings->beep_purity)
			return;
		t->tones = 1;
		t->hz[0] = hz_of(power, k1);
		return;
	}
	both = k2 > k1 ? band(power,
			      k1 + WIDTH + 1 > k2 - WIDTH ? k1 + WIDTH + 1
							  : k2 - WIDTH,
			      k2 + WIDTH)
		       : band(power, k2 - WIDTH,
			      k1 - WIDTH - 1 < k2 + WIDTH ? k1 - WIDTH - 1
							  : k2 + WIDTH);
	t->purity = (first + both) / sum;
	if (t->purity < settings->beep_purity)
		return;
	t->hz[0] = hz_of(power, k1 < k2 ? k1 : k2);
	t->hz[1] = hz_of(power, k1 < k2 ? k2 : k1);
	t->tones = is_pair(t->hz) ? 2 : 0;
}

/* ---- runs ----------------------------------------------------------- */

static bool is_near(float a, float b, float slack)
{
	return fabsf(a - b) <= slack;
}

/* Neither frequency nor level moves: what a tone of the network does, and a
 * voice doesn't. */
static bool same(const struct run *run, const struct tonal *t)
{
	const float slack = t->tones < 2 ? same_hz : pair_hz;

	return t->power < run->power * power_range &&
	       t->power > run->power / power_range && run->tones == t->tones &&
	       is_near(run->hz[0], t->hz[0], slack) &&
	       (t->tones < 2 || is_near(run->hz[1], t->hz[1], slack));
}

static void take_mean(struct run *run, const struct tonal *t, uint32_t count)
{
	run->power += (t->power - run->power) / (float)(count < 3 ? count : 3);
	for (int i = 0; i < t->tones; i++)
		run->hz[i] += (t->hz[i] - run->hz[i]) / (float)count;
}

static void begin(struct runs *runs, enum run_kind kind, uint32_t ms,
		  uint32_t at_ms)
{
	memset(&runs->now, 0, sizeof(runs->now));
	runs->now.kind = kind;
	runs->now.ms = ms;
	runs->now.begun_ms = at_ms > ms ? at_ms - ms : 0;
	runs->edge_ms = runs->quiet_ms = 0;
}

/* A tone that may begin here. True: it has. */
static bool candidate(struct runs *runs, const struct tonal *t)
{
	if (!runs->next.ms || !same(&runs->next, t)) {
		memset(&runs->next, 0, sizeof(runs->next));
		runs->next.kind = RUN_TONE;
		runs->next.tones = t->tones;
		memcpy(runs->next.hz, t->hz, sizeof(t->hz));
		runs->next.power = t->power;
		runs->next_count = 0;
	}
	take_mean(&runs->next, t, ++runs->next_count);
	runs->next.ms += DETECT_FRAME_MS;
	return runs->next.ms >= BEGIN_MS;
}

static void take_next(struct runs *runs, const struct run *next)
{
	runs->now.tones = next->tones;
	memcpy(runs->now.hz, next->hz, sizeof(next->hz));
	runs->now.power = next->power;
	runs->now_count = runs->next_count;
	runs->next.ms = 0;
}

/* Its first frames were counted as what was there before. */
static void tone_begins(struct runs *runs, uint32_t at_ms, struct run *done)
{
	const uint32_t head = runs->head_ms <= HEAD_MAX_MS ? runs->head_ms : 0;
	const uint32_t ms = runs->next.ms + head;
	const struct run next = runs->next;

	*done = runs->now;
	done->ms -= ms < done->ms ? ms : done->ms;
	runs->after_sound = done->kind == RUN_SOUND;
	begin(runs, RUN_TONE, next.ms + head / 2, at_ms);
	take_next(runs, &next);
	runs->head_ms = 0;
}

/* In a tone, a frame that is not this tone. */
static bool tone_left(struct runs *runs, const struct tonal *t, bool loud,
		      uint32_t at_ms, struct run *done)
{
	const bool other = t->tones && candidate(runs, t);
	uint32_t edge;

	runs->edge_ms += DETECT_FRAME_MS;
	runs->quiet_ms =
		loud || t->tones ? 0 : runs->quiet_ms + DETECT_FRAME_MS;
	if (!t->tones)
		runs->next.ms = 0;
	if (other) {
		const struct run next = runs->next;

		edge = runs->edge_ms - next.ms;
		*done = runs->now;
		done->ms += edge / 2;
		begin(runs, RUN_TONE, next.ms + edge / 2, at_ms);
		take_next(runs, &next);
		return true;
	}
	if (runs->quiet_ms >= QUIET_MIN_MS) {
		*done = runs->now;
		done->ms += (runs->edge_ms - runs->quiet_ms) / 2;
		begin(runs, RUN_QUIET, runs->quiet_ms, at_ms);
		return true;
	}
	if (runs->edge_ms > EDGE_MAX_MS && !t->tones) {
		*done = runs->now;
		done->ms += DETECT_FRAME_MS / 2;
		begin(runs, RUN_SOUND, runs->edge_ms, at_ms);
		return true;
	}
	return false;
}

bool runs_push(struct runs *runs, const struct tonal *t, bool loud,
	       uint32_t at_ms, struct run *done)
{
	struct run *now = &runs->now;
	enum run_kind kind = loud || t->tones ? RUN_SOUND : RUN_QUIET;

	if (now->kind == RUN_TONE) {
		if (!t->tones || !same(now, t))
			return tone_left(runs, t, loud, at_ms, done);
		now->ms += DETECT_FRAME_MS + runs->edge_ms;
		runs->edge_ms = runs->quiet_ms = 0;
		runs->next.ms = 0;
		take_mean(now, t, ++runs->now_count);
		return false;
	}
	if (t->tones) {
		if (candidate(runs, t)) {
			now->ms += DETECT_FRAME_MS;
			tone_begins(runs, at_ms, done);
			return true;
		}
	} else {
		runs->next.ms = 0;
		runs->head_ms = loud ? runs->head_ms + DETECT_FRAME_MS : 0;
	}
	if (kind == now->kind) {
		now->ms += DETECT_FRAME_MS;
		return false;
	}
	/* A tone's first frames may make sound of the quiet before it: not
	 * before they are sure to be no tone. */
	if (kind == RUN_SOUND &&
	    (runs->next.ms || runs->head_ms <= HEAD_MAX_MS)) {
		now->ms += DETECT_FRAME_MS;
		return false;
	}
	*done = *now;
	if (kind == RUN_SOUND) {
		done->ms -= runs->head_ms - DETECT_FRAME_MS;
		begin(runs, kind, runs->head_ms, at_ms);
	} else {
		begin(runs, kind, DETECT_FRAME_MS, at_ms);
	}
	return true;
}
