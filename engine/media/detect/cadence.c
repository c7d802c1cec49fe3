#include <math.h>
#include <string.h>
#include "media/detect/cadence.h"

enum { PERCENT = 15, SLACK_MS = 40 };

static const float slack_hz = 9;

const char *const tone_regions[TONE_REGIONS] = {"us", "uk", "de", "fr"};

enum { US, UK, DE, FR };

/* ITU-T E.180 supplement 2, and Bell for the US */
static const struct cadence_spec specs[CADENCES] = {
	{"busy", US, {480, 620}, {500, 500}},
	{"reorder", US, {480, 620}, {250, 250}},
	{"ringback", US, {440, 480}, {2000, 4000}},
	{"busy", UK, {400, 0}, {375, 375}},
	{"reorder", UK, {400, 0}, {400, 350, 225, 525}},
	{"ringback", UK, {400, 450}, {400, 200, 400, 2000}},
	{"busy", DE, {425, 0}, {480, 480}},
	{"reorder", DE, {425, 0}, {240, 240}},
	{"ringback", DE, {425, 0}, {1000, 4000}},
	{"busy", FR, {440, 0}, {500, 500}},
	{"reorder", FR, {440, 0}, {250, 250}},
	{"ringback", FR, {440, 0}, {1500, 3500}},
};

static bool lasts(uint32_t ms, uint32_t want_ms)
{
	uint32_t slack_ms = want_ms * PERCENT / 100;

	if (slack_ms < SLACK_MS)
		slack_ms = SLACK_MS;
	return ms + slack_ms >= want_ms && ms <= want_ms + slack_ms;
}

static bool sounds(const struct cadence_spec *spec, const struct run *run)
{
	if (run->kind != RUN_TONE || run->tones != (spec->hz[1] > 0 ? 2 : 1))
		return false;
	for (int i = 0; i < run->tones; i++)
		if (fabsf(run->hz[i] - spec->hz[i]) > slack_hz)
			return false;
	return true;
}

static unsigned steps_of(const struct cadence_spec *spec)
{
	unsigned n = 0;

	while (n < CADENCE_STEPS && spec->ms[n])
		n++;
	return n;
}

static bool is_of(const struct cadence_spec *spec, uint32_t regions)
{
	return regions & 1u << spec->region;
}

/* Even steps sound, odd ones don't. */
static bool step_fits(const struct cadence_spec *spec, unsigned step,
		      const struct run *run)
{
	const uint32_t ms = spec->ms[step % steps_of(spec)];

	if (step % 2)
		return run->kind == RUN_QUIET && lasts(run->ms, ms);
	return sounds(spec, run) && lasts(run->ms, ms);
}

/* How far from the frequencies: of two that fit (425, 440 Hz) the nearer. */
static float distance(const struct cadence_spec *spec, const struct run *run)
{
	return fabsf(run->hz[0] - spec->hz[0]);
}

static bool is_nearest(const struct cadence_spec *spec, uint32_t regions,
		       const struct run *run)
{
	for (unsigned i = 0; i < CADENCES; i++)
		if (is_of(&specs[i], regions) && sounds(&specs[i], run) &&
		    distance(&specs[i], run) + 1 < distance(spec, run))
			return false;
	return true;
}

/* How long the pause after this burst of ringback is; 0: it is none. */
static uint32_t ring_pause(const struct cadence_spec *spec,
			   const struct run *run)
{
	uint32_t pause_ms = 0;

	for (unsigned s = 0; s < steps_of(spec); s += 2)
		if (step_fits(spec, s, run) && spec->ms[s + 1] > pause_ms)
			pause_ms = spec->ms[s + 1];
	return pause_ms;
}

const struct cadence_spec *cadence_run(struct cadence *cadence,
				       uint32_t regions, const struct run *done)
{
	const struct cadence_spec *found = NULL;

	if (done->kind != RUN_QUIET)
		cadence->ring_pause_ms = 0;
	for (unsigned i = 0; i < CADENCES; i++) {
		const struct cadence_spec *spec = &specs[i];
		uint8_t *step = &cadence->step[i];
		uint32_t pause_ms;

		if (!is_of(spec, regions))
			continue;
		if (step_fits(spec, *step, done) &&
		    (*step % 2 || is_nearest(spec, regions, done))) {
			if (*step < UINT8_MAX - CADENCE_STEPS)
				++*step;
			else
				*step -= CADENCE_STEPS - 1;
		} else {
			*step = step_fits(spec, 0, done) &&
				is_nearest(spec, regions, done);
			cadence->told[i] = false;
		}
		pause_ms = strcmp(spec->name, "ringback") == 0
				   ? ring_pause(spec, done)
				   : 0;
		if (pause_ms > cadence->ring_pause_ms)
			cadence->ring_pause_ms = pause_ms;
		if (*step + 1u >= 2 * steps_of(spec) && !cadence->told[i]) {
			cadence->told[i] = true;
			found = spec;
		}
	}
	return found;
}

bool cadence_rings(const struct cadence *cadence, uint32_t regions,
		   const struct run *now)
{
	if (now->kind == RUN_QUIET)
		return now->ms <=
		       cadence->ring_pause_ms +
			       cadence->ring_pause_ms * PERCENT / 100;
	for (unsigned i = 0; i < CADENCES; i++)
		if (is_of(&specs[i], regions) && sounds(&specs[i], now) &&
		    !strcmp(specs[i].name, "ringback"))
			return true;
	return false;
}

uint32_t cadence_pause(uint32_t regions, const struct run *run)
{
	uint32_t pause_ms = 0;

	for (unsigned i = 0; i < CADENCES; i++) {
		const struct cadence_spec *spec = &specs[i];

		if (!is_of(spec, regions) || spec->hz[1] > 0 ||
		    !sounds(spec, run))
			continue;
		for (unsigned s = 0; s < steps_of(spec); s += 2)
			if (lasts(run->ms, spec->ms[s]) &&
			    spec->ms[s + 1] > pause_ms)
				pause_ms = spec->ms[s + 1];
	}
	return pause_ms;
}
