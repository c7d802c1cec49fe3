/* tone.h -- sine(s) with cadence: ring back, busy, the beep of a recorder
 *
 * A value without resources; belongs to whoever embeds it. The phase is a
 * function of the sample's number alone, so that it is continuous over frames,
 * pauses of the cadence and seeks. Integer arithmetic once it is set up.
 */
#ifndef MOONDIAL_MEDIA_TONE_H
#define MOONDIAL_MEDIA_TONE_H

#include <stddef.h>
#include <stdint.h>

enum { TONE_SINES = 4 };

struct tone {
	uint32_t step[TONE_SINES]; /* 2^32 is a whole turn */
	unsigned sines;
	int32_t peak;	  /* of each sine */
	uint64_t on, off; /* samples; off 0: continuous */
	uint64_t pos;
};

/* HZ: 0 is no sine; above 4000 and below 0 neither. LEVEL_DB: of each sine,
 * 0 dBFS is a sine that just fills 16 bits; their sum is saturated.
 * OFF_MS 0: continuous. */
void tone_init(struct tone *tone, const float hz[TONE_SINES], float level_db,
	       uint32_t on_ms, uint32_t off_ms);

/* The next N samples. */
void tone_read(struct tone *tone, int16_t *pcm, size_t n);

/* Go to sample POS from its start. */
void tone_seek(struct tone *tone, uint64_t pos);

#endif
