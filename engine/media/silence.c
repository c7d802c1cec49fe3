/* silence.c -- mean level of 10 ms blocks, with hangover */
#include "media/codec.h"
#include "media/silence.h"

enum {
	BLOCK = 10 * AUDIO_SAMPLES_PER_MS,
	LOUD = 256, /* mean of the absolute samples */
	ONSET_BLOCKS = 3,
	HANGOVER = 200 * AUDIO_SAMPLES_PER_MS,
};

static void block_done(struct silence *s)
{
	bool loud = s->level >= LOUD * BLOCK;

	s->level = 0;
	s->filled = 0;
	s->run = loud ? s->run + 1 : 0;
	if (s->run >= ONSET_BLOCKS)
		s->sounding = true;
	if (loud && s->sounding)
		s->sound_end = s->since = s->pos;
	else if (s->pos - s->sound_end >= HANGOVER)
		s->sounding = false;
}

size_t silence_push(struct silence *s, const int16_t *pcm, size_t n,
		    uint64_t limit, bool *silent)
{
	for (size_t i = 0; i < n; i++) {
		int32_t sample = pcm ? pcm[i] : 0;

		s->level += (uint32_t)(sample < 0 ? -sample : sample);
		s->pos++;
		if (++s->filled == BLOCK)
			block_done(s);
		/* Not in what may be the beginning of a sound. */
		if (limit && s->pos - s->since >= limit && !s->run) {
			*silent = true;
			return i + 1;
		}
	}
	return n;
}

void silence_again(struct silence *s)
{
	s->since = s->pos;
}
