/* audio_fixture.h -- audio files to test with, and what is heard in them */
#ifndef MOONDIAL_TESTS_AUDIO_FIXTURE_H
#define MOONDIAL_TESTS_AUDIO_FIXTURE_H

#include <ftw.h>
#include <math.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* A folder for this test, removed by fixture_end(). */
static char fixture_dir[64];

__attribute__((unused)) static int fixture_begin(void **state)
{
	(void)state;
	strcpy(fixture_dir, "/tmp/moondial-test-XXXXXX");
	return mkdtemp(fixture_dir) ? 0 : -1;
}

static inline int fixture_remove(const char *path, const struct stat *st,
				 int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

__attribute__((unused)) static int fixture_end(void **state)
{
	(void)state;
	return nftw(fixture_dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* DIR/NAME; each call of a test gets its own buffer, 16 of them in turn. */
__attribute__((format(printf, 1, 2), unused)) static const char *
fixture_path(const char *fmt, ...)
{
	static char buf[16][256];
	static unsigned turn;
	char *path = buf[turn++ % 16];
	int n = snprintf(path, 256, "%s/", fixture_dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

/* A file of this content. */
__attribute__((unused)) static const char *
fixture_file(const char *name, const void *content, size_t size)
{
	const char *path = fixture_path("%s", name);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* A sine on every channel; PEAK 1.0 is full scale. */
__attribute__((unused)) static const char *
fixture_sine(const char *name, int format, int srate, int channels, double hz,
	     double peak, double seconds)
{
	const char *path = fixture_path("%s", name);
	SF_INFO info = {
		.samplerate = srate, .channels = channels, .format = format};
	sf_count_t frames = (sf_count_t)(seconds * srate);
	float *pcm = calloc((size_t)(frames * channels) + 1, sizeof(*pcm));
	SNDFILE *file = sf_open(path, SFM_WRITE, &info);

	assert_non_null(pcm);
	if (!file)
		fail_msg("%s: %s", path, sf_strerror(NULL));
	for (sf_count_t i = 0; i < frames; i++)
		for (int c = 0; c < channels; c++)
			pcm[i * channels + c] =
				(float)(peak *
					sin(2 * M_PI * hz * (double)i / srate));
	assert_int_equal(sf_writef_float(file, pcm, frames), frames);
	sf_close(file);
	free(pcm);
	return path;
}

/* A WAV of these 16-bit samples at 8 kHz. */
__attribute__((unused)) static const char *
fixture_pcm(const char *name, const int16_t *pcm, size_t count)
{
	const char *path = fixture_path("%s", name);
	SF_INFO info = {.samplerate = 8000,
			.channels = 1,
			.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *file = sf_open(path, SFM_WRITE, &info);

	assert_non_null(file);
	assert_int_equal(sf_write_short(file, pcm, (sf_count_t)count), count);
	sf_close(file);
	return path;
}

/* All samples of a 16-bit file; the caller frees them. */
__attribute__((unused)) static int16_t *fixture_read(const char *path,
						     SF_INFO *info)
{
	SNDFILE *file;
	int16_t *pcm;

	memset(info, 0, sizeof(*info));
	file = sf_open(path, SFM_READ, info);
	if (!file)
		fail_msg("%s: %s", path, sf_strerror(NULL));
	pcm = calloc((size_t)(info->frames * info->channels) + 1, sizeof(*pcm));
	assert_non_null(pcm);
	assert_int_equal(sf_readf_short(file, pcm, info->frames), info->frames);
	sf_close(file);
	return pcm;
}

/* Peak of the sine of HZ in COUNT samples at 8 kHz, 1.0: full scale
 * (Goertzel). Best over whole periods. */
__attribute__((unused)) static double goertzel(const int16_t *pcm, size_t count,
					       size_t stride, double hz)
{
	double w = 2 * M_PI * hz / 8000, c = 2 * cos(w), s1 = 0, s2 = 0;

	for (size_t i = 0; i < count; i++) {
		double s = pcm[i * stride] / 32768.0 + c * s1 - s2;

		s2 = s1;
		s1 = s;
	}
	return 2 * sqrt(s1 * s1 + s2 * s2 - c * s1 * s2) / (double)count;
}

/* Wait until COND holds: 10 s at most. */
#define wait_until(cond)                                                  \
	do {                                                              \
		for (int left_ = 10000; !(cond); left_--) {               \
			if (!left_)                                       \
				fail_msg("waited in vain for %s", #cond); \
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, \
				  NULL);                                  \
		}                                                         \
	} while (0)

#endif
