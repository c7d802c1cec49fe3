/* tone.c -- sines from a table, phase as a 32-bit fraction of a turn */
#include <math.h>
#include <string.h>
#include "media/codec.h"
#include "media/tone.h"

enum {
	TABLE_BITS = 10, /* linear between its points: 100 dB of purity */
	TABLE_SIZE = 1 << TABLE_BITS,
	PEAK_BITS = 15,
	LEVEL_MIN_DB = -90,
};

/* One point more, so that the last one has a neighbour. Full scale 2^15 − 1. */
static int16_t table[TABLE_SIZE + 1];

__attribute__((constructor)) static void table_fill(void)
{
	for (unsigned i = 0; i <= TABLE_SIZE; i++)
		table[i] = (int16_t)lrint(INT16_MAX *
					  sin(2 * M_PI * i / TABLE_SIZE));
}

void tone_init(struct tone *tone, const float hz[TONE_SINES], float level_db,
	       uint32_t on_ms, uint32_t off_ms)
{
	memset(tone, 0, sizeof(*tone));
	for (unsigned i = 0; i < TONE_SINES; i++) {
		/* Written so that NaN is left out too. */
		if (!(hz[i] > 0 && hz[i] <= AUDIO_SRATE / 2.0F))
			continue;
		tone->step[tone->sines++] = (uint32_t)llrint(
			(double)hz[i] / AUDIO_SRATE * 4294967296.0);
	}
	if (!(level_db <= 0))
		level_db = 0;
	if (level_db > LEVEL_MIN_DB)
		tone->peak = (int32_t)lrint((1 << PEAK_BITS) *
					    pow(10, level_db / 20.0));
	tone->on = (uint64_t)on_ms * AUDIO_SAMPLES_PER_MS;
	tone->off = on_ms ? (uint64_t)off_ms * AUDIO_SAMPLES_PER_MS : 0;
}

static int32_t sine(uint32_t phase)
{
	uint32_t at = phase >> (32 - TABLE_BITS);
	/* 15 bits of the way to the next point */
	int32_t part = (int32_t)((phase >> (32 - TABLE_BITS - 15)) & 0x7fff);

	return table[at] + (((table[at + 1] - table[at]) * part) >> 15);
}

void tone_read(struct tone *tone, int16_t *pcm, size_t n)
{
	uint64_t period = tone->on + tone->off;

	for (size_t i = 0; i < n; i++, tone->pos++) {
		int32_t sum = 0;

		if (tone->off && tone->pos % period >= tone->on) {
			pcm[i] = 0;
			continue;
		}
		for (unsigned k = 0; k < tone->sines; k++) {
			uint32_t phase = tone->step[k] * (uint32_t)tone->pos;

			sum += (sine(phase) * tone->peak) >> PEAK_BITS;
		}
		pcm[i] = (int16_t)(sum > INT16_MAX   ? INT16_MAX
				   : sum < INT16_MIN ? INT16_MIN
						     : sum);
	}
}

void tone_seek(struct tone *tone, uint64_t pos)
{
	tone->pos = pos;
}
