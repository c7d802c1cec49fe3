/* fuzz_wav.c -- any bytes as a prompt's file, through the whole decode path
 *
 * The path that opens real files is the one under test, so the bytes go to a
 * file in memory. What decodes must be within bounds; what doesn't must say so.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "media/codec.h"
#include "media/prompt_cache.h"
#include "media/prompt_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
	/* Some compressed bytes hold hours: a step is 16,384 samples. */
	STEPS_MAX = 200,
};

static void decode(struct prompt_decode *d)
{
	char err[PROMPT_ERROR_SIZE] = "";
	bool done = false;
	int steps = 0;

	while (!done && steps++ < STEPS_MAX)
		if (prompt_decode_step(d, &done, err)) {
			if (!*err)
				abort();
			return;
		}
	if (done) {
		size_t samples;
		int16_t *pcm = prompt_decode_take(d, &samples);

		if (!pcm || !samples ||
		    samples > (size_t)(PROMPT_MAX_S + 1) * AUDIO_SRATE)
			abort();
		free(pcm);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct prompt_decode *d = NULL;
	char path[64], err[PROMPT_ERROR_SIZE] = "";
	const char *paths[] = {"/nowhere/at/all.wav", path};
	size_t index = 0;
	int fd = memfd_create("prompt", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!prompt_decode_open(&d, paths, NULL, 2, &index, err)) {
		if (index != 1)
			abort();
		decode(d);
		prompt_decode_free(d);
	} else if (!*err) {
		abort();
	}
	close(fd);
	return 0;
}
