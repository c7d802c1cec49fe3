/* silence.h -- since when nothing has been heard
 *
 * A value without resources, fed with samples by its owner. Blocks of 10 ms
 * are loud or not by their mean level (−42 dBFS). It takes three loud blocks in
 * a row to begin a sound, so that a click doesn't; after that single ones keep
 * it going until 200 ms have been quiet. While loud blocks come in, a silence
 * isn't declared: it may be over.
 */
#ifndef MOONDIAL_MEDIA_SILENCE_H
#define MOONDIAL_MEDIA_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct silence {
	uint64_t pos;		/* samples so far */
	uint64_t sound_end;	/* where the last sound ended; 0: none yet */
	uint64_t since;		/* where the silence began that is counted */
	uint32_t level, filled; /* of the block that isn't full yet */
	unsigned run;		/* loud blocks in a row */
	bool sounding;
};

/* N samples of PCM (NULL: silence). With LIMIT: when that many samples have
 * been silent, *SILENT is set and only what comes before is taken. Returns
 * how many samples were taken. */
size_t silence_push(struct silence *s, const int16_t *pcm, size_t n,
		    uint64_t limit, bool *silent);

/* Count silence from here on. */
void silence_again(struct silence *s);

#endif
