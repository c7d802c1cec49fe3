/* stretch.h -- a pitch period more or less, without being heard
 *
 * The sound is compared with itself one lag later; where it is most alike, a
 * lag is left out or said twice, blended over 5 ms. A frame is 20 ms. Pure,
 * integers only: any thread.
 */
#ifndef MOONDIAL_MEDIA_STRETCH_H
#define MOONDIAL_MEDIA_STRETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/codec.h"

enum {
	STRETCH_FRAME = 20 * AUDIO_SAMPLES_PER_MS,
	STRETCH_LAG_MIN = 20,  /* 400 Hz */
	STRETCH_LAG_MAX = 120, /* 66 Hz */
};

/* The best lag up to MAX for a frame of IN; 0: none fits well (with FORCE: the
 * best there is). To shorten, IN has STRETCH_FRAME + MAX samples. */
size_t stretch_lag(const int16_t *in, size_t max, bool shorter, bool force);

/* OUT: STRETCH_FRAME samples that use up LAG more of IN. */
void stretch_shorter(int16_t *out, const int16_t *in, size_t lag);

/* OUT: STRETCH_FRAME samples that use up LAG less. */
void stretch_longer(int16_t *out, const int16_t *in, size_t lag);

#endif
