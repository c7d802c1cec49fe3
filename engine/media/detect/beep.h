/* beep.h -- the tone after which a machine records
 *
 * One tone of 150 to 2000 ms that does not move, then quiet. The bursts of
 * call-progress tones of one frequency (UK, DE, FR) are none, nor are parts of
 * a SIT, nor is the first CNG. A value without resources.
 */
#ifndef MOONDIAL_MEDIA_DETECT_BEEP_H
#define MOONDIAL_MEDIA_DETECT_BEEP_H

#include "media/detect/tonal.h"

struct beep {
	bool waits;	   /* for the quiet after TONE */
	uint32_t quiet_ms; /* that it takes */
	struct run tone;
};

/* A run is over. VOICED: somebody has spoken before. */
void beep_run(struct beep *beep, const struct detect_settings *settings,
	      const struct run *done, bool voiced);

/* The run that goes on now. True, once: the tone was a beep. */
bool beep_now(struct beep *beep, const struct run *now);

#endif
