/* stretch.c -- overlap and add at the lag of least difference */
#include <assert.h>
#include <string.h>
#include "media/stretch.h"

enum {
	BLEND = 5 * AUDIO_SAMPLES_PER_MS,
	WINDOW = 10 * AUDIO_SAMPLES_PER_MS,
	QUIET = 32, /* mean of the absolute samples: any cut will do */
};

static uint32_t difference(const int16_t *a, const int16_t *b, size_t n)
{
	uint32_t sum = 0;

	assert(n);
	for (size_t i = 0; i < n; i++) {
		int32_t d = a[i] - b[i];

		sum += (uint32_t)(d < 0 ? -d : d);
	}
	return sum / (uint32_t)n;
}

static uint32_t level(const int16_t *pcm, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)(pcm[i] < 0 ? -pcm[i] : pcm[i]);
	return sum / (uint32_t)n;
}

size_t stretch_lag(const int16_t *in, size_t max, bool shorter, bool force)
{
	uint32_t loud = level(in, STRETCH_FRAME), least = UINT32_MAX;
	size_t best = 0;

	if (max > STRETCH_LAG_MAX)
		max = STRETCH_LAG_MAX;
	if (loud < QUIET)
		return max;
	/* From the longest: of multiples of a period the first one counts,
	 * unless a shorter one is clearly better. */
	for (size_t lag = max; lag >= STRETCH_LAG_MIN; lag--) {
		size_t n = shorter ? WINDOW : STRETCH_FRAME - lag;
		uint32_t d = difference(in, in + lag, n < WINDOW ? n : WINDOW);

		if (d < least - least / 8) {
			least = d;
			best = lag;
		}
	}
	return force || least <= loud / 3 ? best : 0;
}

static void blend(int16_t *out, const int16_t *from, const int16_t *to)
{
	for (int32_t i = 0; i < BLEND; i++)
		out[i] = (int16_t)((from[i] * (BLEND - i) + to[i] * i) / BLEND);
}

void stretch_shorter(int16_t *out, const int16_t *in, size_t lag)
{
	blend(out, in, in + lag);
	memcpy(out + BLEND, in + lag + BLEND,
	       (STRETCH_FRAME - BLEND) * sizeof(*out));
}

void stretch_longer(int16_t *out, const int16_t *in, size_t lag)
{
	memcpy(out, in, lag * sizeof(*out));
	blend(out + lag, in + lag, in);
	memcpy(out + lag + BLEND, in + BLEND,
	       (STRETCH_FRAME - BLEND - lag) * sizeof(*out));
}
