/* mix.h -- who hears whom: the worker's half of a bridge
 *
 *   jitter ─► mix_heard() ─► member's frame ─► mix_others() ─► encode, rtp_tx
 *                                 ▲ of each other member that it hears
 *
 * All streams of a mix belong to one worker, and each has a tick of 20 ms. In
 * its tick a member leaves what it hears from its far side, 20 ms, and takes
 * what the others have left in their latest ticks: their sum, or, with one
 * other, that one's frame as it is. So each frame is taken once by each
 * listener, and is 20 ms old at most; there is no tick of the mix, no lock and
 * no memory to be had.
 *
 * Who hears whom is told by bits: a member hears another when its HEAR and the
 * other's TALK have one in common. Thirty-two bits are as many groups.
 *
 * A mix is counted: by the loop thread's half (bridge.c), and by each member
 * from the message that makes it one until it has left.
 */
#ifndef MOONDIAL_MEDIA_MIX_H
#define MOONDIAL_MEDIA_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/jitter.h"

struct mix;

struct mix_member {
	struct mix *mix; /* a reference */
	struct mix_member *next;
	uint32_t talk, hear;
	bool speaks; /* FRAME is what it heard in its latest tick */
	int16_t frame[JITTER_FRAME];
};

/* ---- any thread ----------------------------------------------------- */

/* ENOMEM. */
int mix_alloc(struct mix **mp);
struct mix *mix_ref(struct mix *mix);
void mix_deref(struct mix *mix); /* NULL is fine */

/* Takes a reference of MIX. ENOMEM. */
int mix_member_alloc(struct mix_member **mp, struct mix *mix, uint32_t talk,
		     uint32_t hear);
/* It isn't joined (any more). NULL is fine. */
void mix_member_free(struct mix_member *member);

/* ---- worker --------------------------------------------------------- */

void mix_join(struct mix_member *member);
void mix_leave(struct mix_member *member);

/* Does anyone hear it? */
bool mix_is_heard(const struct mix_member *member);

/* This tick's JITTER_FRAME samples from its far side; NULL: silence. */
void mix_heard(struct mix_member *member, const int16_t *pcm);

/* What it hears of the others into PCM. False, and PCM untouched: nothing. */
bool mix_others(const struct mix_member *member, int16_t *pcm);

#endif
