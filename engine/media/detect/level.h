/* level.h -- how loud, and is it sound?
 *
 * Mean of the absolute samples of each frame; the noise floor is the least of
 * them over the last 1.5 s (minimum statistics, in pieces); sound is what
 * is above 256 and 2.8 times the floor. A value without resources.
 */
#ifndef MOONDIAL_MEDIA_DETECT_LEVEL_H
#define MOONDIAL_MEDIA_DETECT_LEVEL_H

#include "media/detect/detect.h"

/* One more than fill the window, since the latest is still filling. */
enum { LEVEL_PIECES = 6 };

struct level {
	uint32_t mean; /* of the latest frame */
	bool loud;     /* … which is sound */
	uint32_t floor;
	uint32_t piece[LEVEL_PIECES]; /* the least in each, the latest last */
	uint32_t frames;	      /* in the latest piece */
	bool any;
};

/* PCM of DETECT_FRAME samples, NULL: silence. */
void level_push(struct level *level, const struct detect_settings *settings,
		const int16_t *pcm);

/* The floor in dBFS (0 dBFS: a sine that just fills 16 bits). */
float level_noise_db(const struct level *level);

#endif
