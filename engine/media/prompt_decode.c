/* prompt_decode.c -- libsndfile → mean of the channels → libsamplerate */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/open_beneath.h"
#include "media/codec.h"
#include "media/prompt_cache.h"
#include "media/prompt_decode.h"

enum {
	STEP_SAMPLES = 16384, /* of the file, all channels */
	RESAMPLED_MAX = 65536,
	CHANNELS_MAX = 64,
	HZ_MIN = 1000,
	HZ_MAX = 768000,
};

struct prompt_decode {
	SNDFILE *file;
	SF_INFO info;
	SRC_STATE *src; /* NULL: it has our rate already */
	char *path;
	float *frames, *mono, *resampled;
	sf_count_t mono_max;
	int16_t *pcm;
	size_t count, size;
};

__attribute__((format(printf, 2, 3))) static int fail(char *err,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err, PROMPT_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return EINVAL;
}

/* ---- finding and opening -------------------------------------------- */

static void look_note(char *err, size_t *len, const char *path,
		      const char *what)
{
	int n = snprintf(err + *len, PROMPT_ERROR_SIZE - *len, "%s%s%s",
			 *len ? ", " : "", path, what);

	if (n > 0)
		*len += (size_t)n;
	if (*len >= PROMPT_ERROR_SIZE)
		*len = PROMPT_ERROR_SIZE - 1;
}

/* stat(), without leaving the folder. -1 with errno. */
static int look_at(const char *path, size_t root, struct stat *st)
{
	const int fd = open_beneath(path, root, O_PATH, 0);
	int err;

	if (fd < 0)
		return -1;
	err = fstat(fd, st);
	(void)close(fd);
	return err;
}

/* The first regular file of PATHS. */
static int find(int *fdp, const char *const *paths, const size_t *roots,
		size_t count, size_t *index, char *err)
{
	char looked[PROMPT_ERROR_SIZE] = "";
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		const size_t root = roots ? roots[i] : 0;
		struct stat st;
		int fd;

		/* Looked at before it is opened: to open a device may do
		 * things, a FIFO would wait. */
		if (look_at(paths[i], root, &st)) {
			int e = errno;

			if (e == EXDEV) {
				(void)fail(err, "%s: it leads out of %.*s",
					   paths[i], (int)root, paths[i]);
				return e;
			}
			if (e != ENOENT && e != ENOTDIR) {
				(void)fail(err, "%s: %s", paths[i],
					   strerror(e));
				return e;
			}
			look_note(looked, &len, paths[i], "");
			continue;
		}
		if (!S_ISREG(st.st_mode)) {
			look_note(looked, &len, paths[i],
				  S_ISDIR(st.st_mode) ? " (a folder)"
						      : " (no regular file)");
			continue;
		}
		fd = open_beneath(paths[i], root, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0)
			return fail(err, "%s: %s", paths[i], strerror(errno));
		if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
			close(fd);
			return fail(err, "%s: it changed while it was opened",
				    paths[i]);
		}
		if (!st.st_size) {
			close(fd);
			return fail(err, "%s: the file is empty", paths[i]);
		}
		*fdp = fd;
		*index = i;
		return 0;
	}
	(void)fail(err, "no such audio file; looked at %s", looked);
	return ENOENT;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* libsndfile plays what there is of a WAV that was cut short; a prompt that
 * stops in the middle of a word is better refused. A size near 2^31 or 2^32
 * is what programs write that didn't know the length (a pipe). */
static int check_whole(int fd, const char *path, char *err)
{
	enum { UNKNOWN_SIZE = 0x7fff0000 };
	uint8_t h[12];
	struct stat st;
	off_t pos = sizeof(h);

	if (fstat(fd, &st) || pread(fd, h, 12, 0) != 12 ||
	    memcmp(h, "RIFF", 4) != 0 || memcmp(h + 8, "WAVE", 4) != 0)
		return 0;
	while (pread(fd, h, 8, pos) == 8) {
		uint32_t size = get32(h + 4);

		pos += 8;
		if (!memcmp(h, "data", 4)) {
			if (size < UNKNOWN_SIZE && size > st.st_size - pos)
				return fail(
					err,
					"%s: cut short: its header promises "
					"%u bytes of audio, %lld are there",
					path, size,
					(long long)(st.st_size - pos));
			return 0;
		}
		pos += (off_t)size + (size & 1);
	}
	return 0;
}

static int check_info(const SF_INFO *info, const char *path, char *err)
{
	if (info->channels < 1 || info->channels > CHANNELS_MAX)
		return fail(err, "%s: %d channels (1 to %d can be played)",
			    path, info->channels, CHANNELS_MAX);
	if (info->samplerate < HZ_MIN || info->samplerate > HZ_MAX)
		return fail(err,
			    "%s: %d samples a second (%d to %d can be played)",
			    path, info->samplerate, HZ_MIN, HZ_MAX);
	if (info->frames < 1)
		return fail(err, "%s: holds no audio", path);
	if (info->frames / info->samplerate >= PROMPT_MAX_S &&
	    info->frames > (sf_count_t)info->samplerate * PROMPT_MAX_S)
		return fail(err, "%s: too long (%lld s; at most %d)", path,
			    (long long)(info->frames / info->samplerate),
			    PROMPT_MAX_S);
	return 0;
}

/* Buffers, and the resampler when the rate isn't ours. */
static int set_up(struct prompt_decode *d, char *err)
{
	int e = 0;

	d->mono_max = STEP_SAMPLES / d->info.channels;
	d->frames = calloc(STEP_SAMPLES, sizeof(float));
	d->mono = calloc((size_t)d->mono_max, sizeof(float));
	if (!d->frames || !d->mono)
		goto oom;
	if (d->info.samplerate == AUDIO_SRATE)
		return 0;
	d->resampled = calloc(RESAMPLED_MAX, sizeof(float));
	if (!d->resampled)
		goto oom;
	d->src = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &e);
	if (!d->src)
		return fail(err, "%s: %s", d->path, src_strerror(e));
	return 0;
oom:
	(void)fail(err, "%s: out of memory", d->path);
	return ENOMEM;
}

int prompt_decode_open(struct prompt_decode **dp, const char *const *paths,
		       const size_t *roots, size_t count, size_t *index,
		       char *err)
{
	struct prompt_decode *d;
	int fd = -1, e;

	e = find(&fd, paths, roots, count, index, err);
	if (e || fd < 0)
		return e;
	d = calloc(1, sizeof(*d));
	if (d)
		d->path = strdup(paths[*index]);
	if (!d || !d->path) {
		free(d);
		close(fd);
		(void)fail(err, "%s: out of memory", paths[*index]);
		return ENOMEM;
	}
	e = check_whole(fd, d->path, err);
	if (e) {
		close(fd);
		goto out;
	}
	/* Closes the descriptor, also when it fails. */
	d->file = sf_open_fd(fd, SFM_READ, &d->info, SF_TRUE);
	if (!d->file) {
		e = fail(err, "%s: not a usable audio file: %s", d->path,
			 sf_strerror(NULL));
		goto out;
	}
	e = check_info(&d->info, d->path, err);
	if (!e)
		e = set_up(d, err);
	if (!e)
		*dp = d;
out:
	if (e)
		prompt_decode_free(d);
	return e;
}

/* ---- decoding ------------------------------------------------------- */

/* libsndfile's scale: 1.0 is 2^15, so that 16-bit files come out as they are.
 */
static int16_t sample(float f)
{
	if (f >= 32767.0F / 32768)
		return INT16_MAX;
	if (f <= -1)
		return INT16_MIN;
	return isnan(f) ? 0 : (int16_t)lrintf(f * 32768);
}

static int keep(struct prompt_decode *d, const float *mono, size_t n, char *err)
{
	if (d->count + n > (size_t)(PROMPT_MAX_S + 1) * AUDIO_SRATE)
		return fail(err, "%s: too long (at most %d s)", d->path,
			    PROMPT_MAX_S);
	if (d->count + n > d->size) {
		size_t size = d->size ? d->size * 2 : AUDIO_SRATE;
		int16_t *pcm;

		if (size < d->count + n)
			size = d->count + n;
		pcm = realloc(d->pcm, size * sizeof(*pcm));
		if (!pcm) {
			(void)fail(err, "%s: out of memory", d->path);
			return ENOMEM;
		}
		d->pcm = pcm;
		d->size = size;
	}
	for (size_t i = 0; i < n; i++)
		d->pcm[d->count++] = sample(mono[i]);
	return 0;
}

/* N samples of d->mono through the resampler; LAST drains it. */
static int resample(struct prompt_decode *d, size_t n, bool last, char *err)
{
	SRC_DATA data = {
		.data_in = d->mono,
		.input_frames = (long)n,
		.end_of_input = last,
		.src_ratio = (double)AUDIO_SRATE / d->info.samplerate,
	};

	for (;;) {
		int e;

		data.data_out = d->resampled;
		data.output_frames = RESAMPLED_MAX;
		e = src_process(d->src, &data);
		if (e)
			return fail(err, "%s: %s", d->path, src_strerror(e));
		e = keep(d, d->resampled, (size_t)data.output_frames_gen, err);
		if (e)
			return e;
		data.data_in += data.input_frames_used;
		data.input_frames -= data.input_frames_used;
		if (!data.output_frames_gen && !data.input_frames_used)
			return 0;
		if (!data.input_frames && !last)
			return 0;
	}
}

int prompt_decode_step(struct prompt_decode *d, bool *done, char *err)
{
	int channels = d->info.channels, e;
	sf_count_t n = sf_readf_float(d->file, d->frames, d->mono_max);
	bool last = n < d->mono_max;

	if (n < 0 || (last && sf_error(d->file)))
		return fail(err, "%s: %s", d->path, sf_strerror(d->file));
	for (sf_count_t i = 0; i < n; i++) {
		float sum = 0;

		for (int c = 0; c < channels; c++) {
			float f = d->frames[i * channels + c];

			/* Floats of a file may be anything. */
			sum += isfinite(f) ? fminf(fmaxf(f, -4), 4) : 0;
		}
		d->mono[i] = sum / (float)channels;
	}
	e = d->src ? resample(d, (size_t)n, last, err)
		   : keep(d, d->mono, (size_t)n, err);
	if (e)
		return e;
	if (last && !d->count)
		return fail(err, "%s: holds no audio", d->path);
	*done = last;
	return 0;
}

int16_t *prompt_decode_take(struct prompt_decode *d, size_t *samples)
{
	int16_t *pcm = realloc(d->pcm, d->count * sizeof(*pcm));

	if (!pcm)
		pcm = d->pcm;
	d->pcm = NULL;
	*samples = d->count;
	return pcm;
}

void prompt_decode_free(struct prompt_decode *d)
{
	if (!d)
		return;
	if (d->file)
		sf_close(d->file);
	if (d->src)
		src_delete(d->src);
	free(d->frames);
	free(d->mono);
	free(d->resampled);
	free(d->pcm);
	free(d->path);
	free(d);
}
