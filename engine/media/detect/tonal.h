/* tonal.h -- is this frame one tone, two, or none; and runs of such frames
 *
 * tonal_of() looks at one spectrum. A run is what lasts: tone, quiet, or sound
 * that is no tone. At the edges of a tone a frame or two are neither, and
 * belong to it; a tone of less than TONAL_MIN_MS is sound like any other (a
 * vowel can look like one for a moment).
 */
#ifndef MOONDIAL_MEDIA_DETECT_TONAL_H
#define MOONDIAL_MEDIA_DETECT_TONAL_H

#include "media/detect/detect.h"
#include "media/detect/spectrum.h"

enum {
	/* Frames quieter than this have no tone: about −44 dBFS. */
	TONAL_LEVEL = 128,
	TONAL_MIN_MS = 80,
};

struct tonal {
	uint8_t tones; /* 0, 1, 2 */
	float hz[2];   /* the lower first */
	float purity;  /* share of them in the power */
	float power;   /* of all */
};

void tonal_of(struct tonal *tonal, const struct detect_settings *settings,
	      const float power[SPECTRUM_BINS]);

enum run_kind {
	RUN_QUIET,
	RUN_TONE,
	RUN_SOUND,
};

struct run {
	enum run_kind kind;
	uint8_t tones;
	float hz[2]; /* mean */
	float power; /* of late */
	uint32_t ms;
	uint32_t begun_ms; /* detector's time */
};

struct runs {
	struct run now;
	struct run next; /* a tone that may be beginning; ms 0: none */
	uint32_t now_count, next_count; /* frames in the mean of their hz */
	uint32_t head_ms;		/* sound just before it */
	uint32_t edge_ms;  /* since the last frame of the tone NOW … */
	uint32_t quiet_ms; /* … of these quiet, to here */
	bool after_sound;  /* the tone NOW came without a pause */
};

/* The next frame, that ends at AT_MS. True: a run is over, in *DONE; the one
 * that it is in now is in runs->now. */
bool runs_push(struct runs *runs, const struct tonal *tonal, bool loud,
	       uint32_t at_ms, struct run *done);

#endif
