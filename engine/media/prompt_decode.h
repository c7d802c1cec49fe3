/* prompt_decode.h -- an audio file as AUDIO_SRATE mono PCM, piece by piece
 *
 * File thread. libsndfile reads whatever it knows, channels are averaged,
 * libsamplerate resamples. A step takes some milliseconds, so that an hour of
 * music doesn't keep recordings waiting.
 */
#ifndef MOONDIAL_MEDIA_PROMPT_DECODE_H
#define MOONDIAL_MEDIA_PROMPT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prompt_decode;

enum { PROMPT_ERROR_SIZE = 1024 };

/* Open the first of PATHS that exists; only a regular file is opened at all.
 * The first ROOTS[i] characters of a path name the folder that it must not
 * leave (open_beneath.h); ROOTS may be NULL. INDEX: which one. On failure an
 * errno value, and in ERR (PROMPT_ERROR_SIZE) which file and what is wrong, or
 * all the places looked at. */
int prompt_decode_open(struct prompt_decode **dp, const char *const *paths,
		       const size_t *roots, size_t count, size_t *index,
		       char *err);

/* Decode a piece. *DONE when it was the last one. On failure as above. */
int prompt_decode_step(struct prompt_decode *decode, bool *done, char *err);

/* After the last piece: the samples, which the caller frees. */
int16_t *prompt_decode_take(struct prompt_decode *decode, size_t *samples);

void prompt_decode_free(struct prompt_decode *decode);

#endif
