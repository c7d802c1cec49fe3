/* signals.h -- SIT, CNG and CED: single tones known by what they are
 *
 * SIT: three tones without a pause, the higher after the lower. Bellcore's
 * four differ in the first two tones' frequency and length; the ITU's one
 * (E.180: 950, 1400, 1800 Hz, 330 ms each) tells nothing more. CNG (T.30): 1100
 * Hz, 500 ms on, 3 s off; CED: 2100 Hz, 2.6 to 4 s, its phase perhaps turned
 * each 450 ms (V.25). A value without resources.
 */
#ifndef MOONDIAL_MEDIA_DETECT_SIGNALS_H
#define MOONDIAL_MEDIA_DETECT_SIGNALS_H

#include "media/detect/tonal.h"

struct signals {
	struct run sit[2];  /* the tones before */
	unsigned sit_count; /* of them; the run that is over not counted */
	uint32_t cng_ms;    /* where the last burst of 1100 Hz began; 0: none */
	bool ced_told;
};

/* A run is over: "sit_…", "sit", "cng", or NULL. VOICED: somebody has spoken
 * before, and one burst of 1100 Hz is not enough. *REGION: "us", "itu" or "".
 * *PART: it may be a tone of a SIT that is not the first. */
const char *signals_run(struct signals *signals, const struct run *done,
			bool voiced, const char **region, bool *part);

/* The run that goes on now: "ced", once, or NULL. */
const char *signals_now(struct signals *signals, const struct run *now);

#endif
