/* player.c -- the position, and what sounds there */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "media/codec.h"
#include "media/media.h"
#include "media/player.h"
#include "media/prompt_cache.h"
#include "media/tone.h"

enum {
	GAIN_BITS = 16,
	GAIN_UNITY = 1 << GAIN_BITS,
	VOLUME_MIN_DB = -60,
	VOLUME_MAX_DB = 24,
};

static const uint64_t forever = UINT64_MAX;

struct item {
	enum media_source_type type;
	struct prompt *prompt; /* MEDIA_FILE */
	uint64_t len;	       /* samples; prompts: once they are there */
	struct tone tone;
};

struct player {
	bool loaded, paused;
	const char *error; /* the failed prompt's, which we hold */
	uint32_t loops;
	int32_t gain, gain_to;
	uint64_t pass; /* samples of the list, and of the whole */
	uint64_t total;
	uint64_t pos; /* in the whole */
	size_t item;  /* that pos lies in … */
	uint64_t off; /* … and how far */
	size_t count;
	struct item items[];
};

/* a + b and a × b, where forever stays forever. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return b > forever - a ? forever : a + b;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t p;

	return __builtin_mul_overflow(a, b, &p) ? forever : p;
}

static int32_t gain_of(float db)
{
	/* NaN is as it was. */
	if (isnan(db))
		return GAIN_UNITY;
	if (db <= VOLUME_MIN_DB)
		return 0;
	return (int32_t)lrint(GAIN_UNITY *
			      pow(10, fmin(db, VOLUME_MAX_DB) / 20));
}

static int item_init(struct item *item, struct prompt_cache *cache,
		     const struct media_source *source)
{
	item->type = source->type;
	item->len = (uint64_t)source->duration_ms * AUDIO_SAMPLES_PER_MS;
	switch (source->type) {
	case MEDIA_FILE:
		item->len = 0;
		return prompt_get_beneath(&item->prompt, cache, source->paths,
					  source->roots, source->path_count);
	case MEDIA_TONE:
		tone_init(&item->tone, source->hz, source->level_db,
			  source->on_ms, source->off_ms);
		if (!source->duration_ms)
			item->len = forever;
		return 0;
	case MEDIA_QUIET:
		return 0;
	}
	return EINVAL;
}

int player_alloc(struct player **pp, struct prompt_cache *cache,
		 const struct media_play *play)
{
	struct player *p =
		calloc(1, sizeof(*p) + play->source_count * sizeof(*p->items));
	int err = 0;

	if (!p)
		return ENOMEM;
	p->loops = play->loops ? play->loops : 1;
	p->gain = p->gain_to = gain_of(play->volume_db);
	p->pos = (uint64_t)play->start_ms * AUDIO_SAMPLES_PER_MS;
	for (size_t i = 0; !err && i < play->source_count; i++) {
		err = item_init(&p->items[i], cache, &play->sources[i]);
		if (!err)
			p->count++;
	}
	if (err)
		player_free(p);
	else
		*pp = p;
	return err;
}

void player_free(struct player *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		prompt_unref(p->items[i].prompt);
	free(p);
}

void player_want(struct player *p, const struct codec *codec)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].prompt)
			prompt_want(p->items[i].prompt, codec);
}

/* Find the item at pos. */
static void locate(struct player *p)
{
	uint64_t off;

	p->item = 0;
	p->off = 0;
	if (p->pos > p->total)
		p->pos = p->total;
	if (p->pos == p->total || !p->pass)
		return;
	off = p->pass == forever ? p->pos : p->pos % p->pass;
	while (off >= p->items[p->item].len)
		off -= p->items[p->item++].len;
	p->off = off;
}

/* Are all prompts there? Then the lengths are known. */
static void look_loaded(struct player *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct item *item = &p->items[i];
		size_t samples;

		if (!item->prompt)
			continue;
		switch (prompt_state(item->prompt)) {
		case PROMPT_LOADING:
			return;
		case PROMPT_FAILED:
			p->error = prompt_error(item->prompt);
			return;
		case PROMPT_READY:
			(void)prompt_pcm(item->prompt, &samples);
			item->len = samples;
			break;
		}
	}
	for (size_t i = 0; i < p->count; i++)
		p->pass = sum(p->pass, p->items[i].len);
	p->total = p->loops == UINT32_MAX && p->pass
			   ? forever
			   : product(p->pass, p->loops);
	p->loaded = true;
	locate(p);
}

enum player_state player_state(struct player *p)
{
	if (!p->loaded && !p->error)
		look_loaded(p);
	if (p->error)
		return PLAYER_FAILED;
	if (p->loaded && p->pos >= p->total)
		return PLAYER_DONE;
	if (p->paused)
		return PLAYER_PAUSED;
	return p->loaded ? PLAYER_PLAYING : PLAYER_WAITING;
}

/* Go on by N samples, which lie in this item. */
static void advance(struct player *p, uint64_t n)
{
	p->pos += n;
	p->off += n;
	/* Items without length are skipped; total > pos says that there is
	 * one with. */
	while (p->pos < p->total && p->off >= p->items[p->item].len) {
		p->off = 0;
		p->item = p->item + 1 < p->count ? p->item + 1 : 0;
	}
}

/* How many of N samples the item at pos gives. */
static size_t piece(const struct player *p, size_t n)
{
	uint64_t left = p->items[p->item].len - p->off;
	uint64_t all = p->total - p->pos;

	if (left > all)
		left = all;
	return n < left ? n : (size_t)left;
}

static void item_pcm(struct item *item, uint64_t off, int16_t *pcm, size_t n)
{
	size_t samples;

	switch (item->type) {
	case MEDIA_FILE:
		memcpy(pcm, prompt_pcm(item->prompt, &samples) + off,
		       n * sizeof(*pcm));
		break;
	case MEDIA_TONE:
		tone_seek(&item->tone, off);
		tone_read(&item->tone, pcm, n);
		break;
	case MEDIA_QUIET:
		memset(pcm, 0, n * sizeof(*pcm));
		break;
	}
}

/* From the old gain to the new one over this read. */
static void apply_gain(struct player *p, int16_t *pcm, size_t n)
{
	int64_t from = p->gain, by = p->gain_to - p->gain;

	if (p->gain == GAIN_UNITY && !by)
		return;
	for (size_t i = 0; i < n; i++) {
		int64_t gain = from + by * (int64_t)(i + 1) / (int64_t)n;
		int64_t s = (pcm[i] * gain) >> GAIN_BITS;

		pcm[i] = (int16_t)(s > INT16_MAX   ? INT16_MAX
				   : s < INT16_MIN ? INT16_MIN
						   : s);
	}
	if (n)
		p->gain = p->gain_to;
}

size_t player_read(struct player *p, int16_t *pcm, size_t n)
{
	size_t done = 0;

	if (player_state(p) == PLAYER_PLAYING) {
		while (done < n && p->pos < p->total) {
			size_t k = piece(p, n - done);

			item_pcm(&p->items[p->item], p->off, pcm + done, k);
			advance(p, k);
			done += k;
		}
		apply_gain(p, pcm, done);
	}
	memset(pcm + done, 0, (n - done) * sizeof(*pcm));
	return done;
}

/* One item's N samples as payload, copied when that is possible. */
static void item_payload(struct item *item, uint64_t off,
			 const struct codec *codec, uint8_t *payload,
			 int16_t *pcm, size_t n)
{
	int16_t own[AUDIO_FRAME_MAX];
	const uint8_t *ready = NULL;
	size_t bytes = codec_payload_bytes(codec, n);

	if (item->type == MEDIA_FILE)
		ready = prompt_payload(item->prompt, codec);
	if (ready)
		memcpy(payload, ready + codec_payload_bytes(codec, off), bytes);
	else if (item->type == MEDIA_QUIET)
		memset(payload, codec->silence, bytes);
	else if (!pcm)
		pcm = own;
	if (pcm)
		item_pcm(item, off, pcm, n);
	if (!ready && item->type != MEDIA_QUIET)
		codec->encode(payload, pcm, n);
}

size_t player_read_payload(struct player *p, const struct codec *codec,
			   uint8_t *payload, int16_t *pcm, size_t n)
{
	int16_t own[AUDIO_FRAME_MAX];
	size_t done = 0, at;

	if (n > AUDIO_FRAME_MAX)
		n = AUDIO_FRAME_MAX;
	if (p->gain != GAIN_UNITY || p->gain_to != GAIN_UNITY) {
		if (!pcm)
			pcm = own;
		done = player_read(p, pcm, n);
		codec->encode(payload, pcm, n);
		return done;
	}
	if (player_state(p) == PLAYER_PLAYING) {
		while (done < n && p->pos < p->total) {
			size_t k = piece(p, n - done);

			item_payload(&p->items[p->item], p->off, codec,
				     payload + codec_payload_bytes(codec, done),
				     pcm ? pcm + done : NULL, k);
			advance(p, k);
			done += k;
		}
	}
	at = codec_payload_bytes(codec, done);
	memset(payload + at, codec->silence,
	       codec_payload_bytes(codec, n) - at);
	if (pcm)
		memset(pcm + done, 0, (n - done) * sizeof(*pcm));
	return done;
}

const char *player_error(const struct player *p)
{
	return p->error ? p->error : "";
}

uint64_t player_position_ms(const struct player *p)
{
	return p->pos / AUDIO_SAMPLES_PER_MS;
}

void player_pause(struct player *p)
{
	p->paused = true;
}

void player_resume(struct player *p)
{
	p->paused = false;
}

void player_seek(struct player *p, uint64_t ms)
{
	enum player_state state = player_state(p);

	if (state == PLAYER_DONE || state == PLAYER_FAILED)
		return;
	p->pos = product(ms, AUDIO_SAMPLES_PER_MS);
	if (p->loaded)
		locate(p);
}

void player_volume(struct player *p, float db)
{
	p->gain_to = gain_of(db);
}
