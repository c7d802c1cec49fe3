#include <math.h>
#include <stdlib.h>
#include "media/detect/level.h"

static uint32_t mean_of(const int16_t *pcm)
{
	int32_t sum = 0;

	if (!pcm)
		return 0;
	for (int i = 0; i < DETECT_FRAME; i++)
		sum += abs(pcm[i]);
	return (uint32_t)sum / DETECT_FRAME;
}

static uint32_t least(const struct level *level)
{
	uint32_t min = level->piece[0];

	for (int i = 1; i < LEVEL_PIECES; i++)
		if (level->piece[i] < min)
			min = level->piece[i];
	return min;
}

/* The latest piece is full: the oldest goes. */
static void next_piece(struct level *level)
{
	for (int i = 1; i < LEVEL_PIECES; i++)
		level->piece[i - 1] = level->piece[i];
	level->piece[LEVEL_PIECES - 1] = UINT32_MAX;
	level->frames = 0;
}

void level_push(struct level *level, const struct detect_settings *settings,
		const int16_t *pcm)
{
	const uint32_t last = LEVEL_PIECES - 1;
	float least_loud;

	if (!level->any) {
		level->any = true;
		for (int i = 0; i < LEVEL_PIECES; i++)
			level->piece[i] = UINT32_MAX;
	}
	level->mean = mean_of(pcm);
	if (level->frames * DETECT_FRAME_MS * (LEVEL_PIECES - 1) >=
	    settings->window_ms)
		next_piece(level);
	level->frames++;
	if (level->mean < level->piece[last])
		level->piece[last] = level->mean;
	level->floor = least(level);
	least_loud = settings->noise * (float)level->floor;
	level->loud = level->mean > settings->level &&
		      (float)level->mean > least_loud;
}

float level_noise_db(const struct level *level)
{
	/* mean |x| of a sine is 2/π of its peak */
	const float full = 32768 * 2 / (float)M_PI;

	return 20 * log10f((level->floor > 1 ? (float)level->floor : 1) / full);
}
