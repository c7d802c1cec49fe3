/* player.h -- a playlist, as a stream of samples or of payloads
 *
 *   media_play ──► player_alloc()     loop thread: copies, requests all prompts
 *                      │ message
 *                      ▼
 *                  player_read…()     worker, each tick: no malloc, no lock
 *
 * It waits (silence) until every prompt of the list is there, then plays the
 * list LOOPS times without a gap. "The whole" is the list times its loops;
 * positions count from its start. One thread at a time owns a player.
 */
#ifndef MOONDIAL_MEDIA_PLAYER_H
#define MOONDIAL_MEDIA_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec;
struct media_play;
struct player;
struct prompt_cache;

enum player_state {
	PLAYER_WAITING, /* for prompts */
	PLAYER_PLAYING,
	PLAYER_PAUSED, /* waits for player_resume(), whether loaded or not */
	PLAYER_DONE,   /* all was read */
	PLAYER_FAILED, /* a prompt could not be loaded: player_error() */
};

/* PLAY is copied. ENOMEM, EINVAL (a file without a path). */
int player_alloc(struct player **pp, struct prompt_cache *cache,
		 const struct media_play *play);

/* Any thread. NULL is fine. */
void player_free(struct player *player);

/* The codec whose payloads will be read: has them made ready. Again when the
 * codec changes. Not needed for player_read(). */
void player_want(struct player *player, const struct codec *codec);

/* The next N samples into PCM. Returns how many belong to the playlist; the
 * rest is silence (waiting, paused, past the end). */
size_t player_read(struct player *player, int16_t *pcm, size_t n);

/* The same as CODEC's payload for N samples: a copy where prompts have it
 * ready and the volume is 0 dB, else encoded here. PCM, unless NULL, gets the
 * samples too (for a recorder). N up to AUDIO_FRAME_MAX. */
size_t player_read_payload(struct player *player, const struct codec *codec,
			   uint8_t *payload, int16_t *pcm, size_t n);

/* As it stands after the last read; polls the prompts while it waits. */
enum player_state player_state(struct player *player);

/* FAILED: which file and what is wrong. Valid until player_free(). */
const char *player_error(const struct player *player);

/* It is about to be read: have it fetched from memory. */
static inline void player_prefetch(const struct player *player)
{
	for (size_t i = 0; i < 3; i++)
		__builtin_prefetch((const char *)player + 64 * i);
}

uint64_t player_position_ms(const struct player *player);

void player_pause(struct player *player);
void player_resume(struct player *player);

/* To MS from the start of the whole; past its end it is done. Also before
 * it has loaded; nothing when it is DONE or FAILED. */
void player_seek(struct player *player, uint64_t ms);

/* −60 (and below: silence) … +24 dB; changes within one read, without a
 * click. */
void player_volume(struct player *player, float db);

#endif
