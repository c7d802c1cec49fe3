/* cadence.h -- busy, reorder, ringback: known by frequencies and cadence
 *
 * Two cycles are asked for. A value without resources.
 */
#ifndef MOONDIAL_MEDIA_DETECT_CADENCE_H
#define MOONDIAL_MEDIA_DETECT_CADENCE_H

#include "media/detect/tonal.h"

enum { CADENCES = 12, CADENCE_STEPS = 4, TONE_REGIONS = 4 };

/* Bits of detect_settings' regions, in the order of their names. */
extern const char *const tone_regions[TONE_REGIONS];

struct cadence_spec {
	const char *name; /* "busy", … */
	uint8_t region;
	float hz[2];		    /* 0: one tone */
	uint16_t ms[CADENCE_STEPS]; /* on, off, …; 0: no more */
};

struct cadence {
	uint8_t step[CADENCES]; /* that have fitted so far */
	bool told[CADENCES];
	/* The latest burst was one of ringback: so long its pause may be. */
	uint32_t ring_pause_ms;
};

/* A run is over. The tone that has come to two cycles with it, or NULL. */
const struct cadence_spec *
cadence_run(struct cadence *cadence, uint32_t regions, const struct run *done);

/* Does it ring, as far as can be told from the run that goes on NOW? */
bool cadence_rings(const struct cadence *cadence, uint32_t regions,
		   const struct run *now);

/* If RUN could be a burst of one of these that are one tone: the pause that
 * follows then (ms); else 0. */
uint32_t cadence_pause(uint32_t regions, const struct run *run);

#endif
