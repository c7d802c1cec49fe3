/* detect_fixture.h -- sounds made of tones, voice and noise, and what the
 * detector says of them */
#ifndef MOONDIAL_TESTS_DETECT_FIXTURE_H
#define MOONDIAL_TESTS_DETECT_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include "media/codec.h"
#include "media/detect/detect.h"

enum { SOUND_MAX = 8000 * 40, HEARD_MAX = 64 };

static struct {
	int16_t pcm[SOUND_MAX];
	size_t count;
	uint32_t seed;
} sound;

static struct {
	struct detect_event events[HEARD_MAX];
	size_t count;
} heard;

static inline void sound_begin(void)
{
	sound.count = 0;
	sound.seed = 1;
}

static inline uint32_t sound_ms(void)
{
	return (uint32_t)(sound.count / 8);
}

static inline double sound_random(void)
{
	sound.seed = sound.seed * 1664525 + 1013904223;
	return (double)(int32_t)sound.seed / 2147483648.0;
}

/* COUNT samples of FN(i), full scale 1. */
static inline void sound_put(double value)
{
	assert_true(sound.count < SOUND_MAX);
	value *= 32768;
	sound.pcm[sound.count++] = (int16_t)(value > 32767    ? 32767
					     : value < -32768 ? -32768
							      : value);
}

static inline void quiet(uint32_t ms)
{
	for (uint32_t i = 0; i < ms * 8; i++)
		sound_put(0);
}

/* Up to two sines of that level each (dBFS). */
static inline void tone2(double a, double b, uint32_t ms, double db)
{
	const double peak = pow(10, db / 20);

	for (uint32_t i = 0; i < ms * 8; i++)
		sound_put(peak * (sin(2 * M_PI * a * i / 8000) +
				  (b > 0 ? sin(2 * M_PI * b * i / 8000) : 0)));
}

static inline void tone(double hz, uint32_t ms, double db)
{
	tone2(hz, 0, ms, db);
}

/* Something like a vowel: harmonics of a pitch that moves, formants, a
 * syllable's rise and fall. */
static inline void word(uint32_t ms, double db)
{
	const double peak = pow(10, db / 20), n = ms * 8.0;
	double phase = 0;

	for (uint32_t i = 0; i < ms * 8; i++) {
		const double at = i / n;
		const double f0 = 130 + 40 * sin(3 * at) + 8 * sin(25 * at);
		double x = 0;

		phase += 2 * M_PI * f0 / 8000;
		for (int k = 1; k <= 20; k++) {
			const double hz = k * f0;
			const double formant =
				1 / (1 + pow((hz - 600) / 150, 2)) +
				0.5 / (1 + pow((hz - 1300) / 200, 2)) +
				0.25 / (1 + pow((hz - 2500) / 250, 2)) + 0.05;

			x += formant * sin(k * phase);
		}
		sound_put(peak * 0.6 * x * sqrt(sin(M_PI * at)));
	}
}

/* White noise over all that is there, of that level (dBFS). */
static inline void add_noise(double db)
{
	const double peak = pow(10, db / 20) * sqrt(1.5);

	for (size_t i = 0; i < sound.count; i++) {
		const double x = sound.pcm[i] + 32768 * peak * sound_random();

		sound.pcm[i] = (int16_t)(x > 32767    ? 32767
					 : x < -32768 ? -32768
						      : x);
	}
}

/* As it is after a line. */
static inline void coded(const struct codec *codec)
{
	static uint8_t bytes[SOUND_MAX];

	codec->encode(bytes, sound.pcm, sound.count);
	codec->decode(sound.pcm, sound.count, bytes, sound.count);
}

static inline void on_heard(const struct detect_event *event, void *arg)
{
	(void)arg;
	assert_true(heard.count < HEARD_MAX);
	heard.events[heard.count++] = *event;
}

/* All of the sound through a detector; the verdict is wanted from FROM_MS on,
 * or never (UINT32_MAX; answered all the same). */
static inline void hear_from(const struct detect_settings *settings,
			     uint32_t from_ms)
{
	struct detector *d;

	heard.count = 0;
	assert_int_equal(detector_alloc(&d, settings, on_heard, NULL), 0);
	if (from_ms == UINT32_MAX)
		detector_answered(d);
	for (size_t i = 0; i + DETECT_FRAME <= sound.count; i += DETECT_FRAME) {
		if (i == (size_t)from_ms * 8)
			detector_judge(d, settings);
		detector_push(d, sound.pcm + i);
	}
	detector_free(d);
}

static inline void hear(void)
{
	struct detect_settings settings;

	detect_defaults(&settings);
	hear_from(&settings, 0);
}

static inline unsigned count_of(enum detect_event_type type)
{
	unsigned n = 0;

	for (size_t i = 0; i < heard.count; i++)
		n += heard.events[i].type == type;
	return n;
}

static inline const struct detect_event *first(enum detect_event_type type)
{
	for (size_t i = 0; i < heard.count; i++)
		if (heard.events[i].type == type)
			return &heard.events[i];
	return NULL;
}

/* The only tone that was told, by region and name. */
static inline void assert_tone(const char *region, const char *name)
{
	const struct detect_event *e = first(DETECT_EV_TONE);

	if (!e)
		fail_msg("%s %s is not heard", region, name);
	assert_string_equal(e->tone, name);
	assert_string_equal(e->region, region);
	assert_int_equal(count_of(DETECT_EV_TONE), 1);
}

static inline const struct detect_verdict *verdict(void)
{
	const struct detect_event *e = first(DETECT_EV_VERDICT);

	if (!e)
		fail_msg("no verdict in %u ms", sound_ms());
	assert_int_equal(count_of(DETECT_EV_VERDICT), 1);
	return &e->verdict;
}

static inline void assert_verdict(const char *kind, const char *cause)
{
	const struct detect_verdict *v = verdict();

	assert_string_equal(detect_kind_name(v->kind), kind);
	assert_string_equal(v->cause, cause);
}

#endif
