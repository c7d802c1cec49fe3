/* jitter.h -- from packets in any order and size to 20 ms of PCM a tick
 *
 * A ring of samples that is addressed by RTP timestamp: a packet of whatever
 * length is decoded into its place, so reordering and ptime don't matter; what
 * is missing when its time comes is made up by the codec's concealment.
 * The delay is fixed; it is set anew whenever the timestamps leave the window
 * (a jump, a restart, a drift that has grown too large), which costs what is
 * in the ring and nothing more. The samples are in a room apart, as most
 * streams are never listened to. A value in the stream; worker thread.
 */
#ifndef MOONDIAL_MEDIA_JITTER_H
#define MOONDIAL_MEDIA_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/codec.h"

enum {
	JITTER_RING = 4096,			       /* samples: 512 ms */
	JITTER_DELAY = 60 * AUDIO_SAMPLES_PER_MS,      /* first packet waits */
	JITTER_LEVEL_MAX = 260 * AUDIO_SAMPLES_PER_MS, /* then it is cut */
	JITTER_LATE_MAX = 200 * AUDIO_SAMPLES_PER_MS,  /* later: a jump */
	JITTER_LATE_RUN = 3, /* late packets in a row: too little delay */
	JITTER_PACKET_MAX = 120 * AUDIO_SAMPLES_PER_MS,
	JITTER_HISTORY = 30 * AUDIO_SAMPLES_PER_MS,
	JITTER_FRAME = 20 * AUDIO_SAMPLES_PER_MS,
};

struct jitter_room {
	int16_t ring[JITTER_RING];
	/* the last samples taken, then room for the next frame */
	int16_t out[JITTER_HISTORY + JITTER_FRAME];
};

struct jitter {
	bool running;	  /* a packet has come */
	uint32_t read_ts; /* of the next sample to be taken */
	uint32_t end_ts;  /* behind the newest sample */
	unsigned late_run;
	size_t made_up;		   /* samples, in this loss */
	const struct codec *codec; /* of the last packet: it conceals */
	bool cleared;		   /* the room holds nothing */
	struct jitter_room *room;  /* borrowed; NULL: only time is kept */
};

/* Before the first use, and whenever the source starts anew. */
void jitter_reset(struct jitter *jitter);

/* From now on one may listen. ROOM, zeroed, is borrowed. */
void jitter_set_room(struct jitter *jitter, struct jitter_room *room);

/* A packet. LISTEN: somebody will take the samples, for which there is a room;
 * else only time is kept. False: it came too late to be heard. */
bool jitter_put(struct jitter *jitter, const struct codec *codec, uint32_t ts,
		const uint8_t *payload, size_t bytes, bool listen);

/* Comfort noise (RFC 3389): nobody speaks from TS on, until a packet says
 * else. Without it the last sound would be drawn out as if the next was lost.
 */
void jitter_silence(struct jitter *jitter, uint32_t ts, bool listen);

/* The next 20 ms (JITTER_FRAME samples), or NULL to let them pass. */
void jitter_get(struct jitter *jitter, int16_t *pcm);

#endif
