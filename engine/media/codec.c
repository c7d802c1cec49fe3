/* codec.c -- the table of codecs, and what they share */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include "media/codec.h"

static const struct codec *const table[] = {&codec_pcmu, &codec_pcma};

enum { TABLE_COUNT = sizeof(table) / sizeof(table[0]) };
static_assert((int)TABLE_COUNT <= (int)CODEC_MAX, "prompts have a slot each");

/* What SDP reads is an array of media_codec; the table holds whole codecs. */
static struct media_codec infos[TABLE_COUNT];

__attribute__((constructor)) static void infos_fill(void)
{
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		infos[i] = table[i]->info;
}

const struct media_codec *media_codecs(size_t *count)
{
	*count = TABLE_COUNT;
	return infos;
}

const struct media_codec *media_codec_find(const char *name)
{
	if (!name)
		return NULL;
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		if (!strcasecmp(infos[i].name, name))
			return &infos[i];
	return NULL;
}

const struct codec *codec_of(const struct media_codec *info)
{
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		if (info == &infos[i] || info == &table[i]->info)
			return table[i];
	return NULL;
}

unsigned codec_index(const struct codec *codec)
{
	unsigned i = 0;

	while (table[i] != codec) {
		i++;
		assert(i < TABLE_COUNT);
	}
	return i;
}

const struct codec *codec_at(unsigned index)
{
	return index < TABLE_COUNT ? table[index] : NULL;
}

/* ---- concealment ---------------------------------------------------- */

enum {
	PITCH_MIN = AUDIO_SAMPLES_PER_MS * 5 / 2, /* 400 Hz */
	PITCH_MAX = AUDIO_SAMPLES_PER_MS * 15,	  /* 66 Hz */
	PITCH_WINDOW = AUDIO_SAMPLES_PER_MS * 10,
	HOLD = AUDIO_SAMPLES_PER_MS * 10, /* at full level … */
	FADE = AUDIO_SAMPLES_PER_MS * 50, /* … and then down to nothing */
};

/* How well the window at the end agrees with the one LAG before it: the
 * squared correlation over the energy, sign kept. */
static double likeness(const int16_t *end, size_t window, size_t lag)
{
	int64_t cross = 0, energy = 1;

	for (size_t i = 1; i <= window; i++) {
		int32_t a = end[-(ptrdiff_t)i], b = end[-(ptrdiff_t)(i + lag)];

		cross += (int64_t)a * b;
		energy += (int64_t)b * b;
	}
	return cross <= 0 ? 0 : (double)cross * (double)cross / (double)energy;
}

/* The period of what was heard last, in samples. */
static size_t pitch(const int16_t *history, size_t count)
{
	size_t window = PITCH_WINDOW, best = 0;
	double most = 0;

	if (count < (size_t)PITCH_MIN * 2)
		return count;
	if (window > count - PITCH_MIN)
		window = count - PITCH_MIN;
	for (size_t lag = PITCH_MIN; lag <= PITCH_MAX; lag++) {
		double like;

		if (lag + window > count)
			break;
		like = likeness(history + count, window, lag);
		/* A multiple of the period fits as well: keep the first. */
		if (like > most * 1.02) {
			most = like;
			best = lag;
		}
	}
	return best ? best : (size_t)PITCH_MIN * 2;
}

void codec_conceal_pitch(int16_t *pcm, size_t samples, const int16_t *history,
			 size_t history_samples, size_t since)
{
	size_t period;

	if (!history_samples || since >= HOLD + FADE) {
		memset(pcm, 0, samples * sizeof(*pcm));
		return;
	}
	period = pitch(history, history_samples);
	for (size_t i = 0; i < samples; i++) {
		size_t at = since + i;
		int32_t s = history[history_samples - period + at % period];

		if (at >= HOLD + FADE)
			s = 0;
		else if (at > HOLD)
			s = s * (int32_t)(HOLD + FADE - at) / FADE;
		pcm[i] = (int16_t)s;
	}
}
