/* jitter.h -- from packets in any order and size to 20 ms of PCM a tick
 *
 *   packet ─► delay: how late? ─► decode ─► ring ─► stretch ─► plc ─► 20 ms
 *
 * A ring of samples that is addressed by RTP timestamp: a packet of whatever
 * length is decoded into its place, so reordering and ptime don't matter.
 *
 * The delay follows the network (delay.h). It is brought there where nobody
 * hears it: in what is lost anyway, else by a pitch period more or less
 * (stretch.h), which also makes up for clocks that differ. When nothing is
 * left, time stands still for as long as the longest delay allows: what comes
 * late after a gap is heard late, not lost. When timestamps jump, two packets
 * agree on where to, and it begins anew.
 *
 * What is missing when its time comes is made up by spandsp's plc (G.711
 * Appendix I in its idea), which fades within 50 ms and blends with what
 * follows. Why not speexdsp's buffer: it keeps packets, each in memory of its
 * own, moves in whole packets only, and leaves concealment to the codec.
 *
 * The samples are in a room apart, as most streams are never listened to; for
 * them only time is kept. A value in the stream; worker thread. Time is an
 * argument: samples on our clock, that wrap as timestamps do.
 */
#ifndef MOONDIAL_MEDIA_JITTER_H
#define MOONDIAL_MEDIA_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <spandsp/telephony.h>
#include <spandsp/plc.h>
#include "media/codec.h"
#include "media/delay.h"

enum {
	JITTER_RING = 4096, /* samples: 512 ms */
	JITTER_PACKET_MAX = 120 * AUDIO_SAMPLES_PER_MS,
	JITTER_FRAME = 20 * AUDIO_SAMPLES_PER_MS,
	JITTER_FADE = 50 * AUDIO_SAMPLES_PER_MS, /* then it is silence */
};

struct jitter_room {
	int16_t ring[JITTER_RING];
	plc_state_t plc;
	uint32_t made_up; /* samples, in this loss */
	uint8_t rested;	  /* frames since it was stretched */
};

struct jitter {
	bool running;  /* a packet has come */
	bool anchored; /* READ_TS is where it should be */
	bool cleared;  /* the room holds nothing */
	bool quiet;    /* comfort noise: nothing is missing */
	bool late;     /* the packet before was */
	bool astray;   /* … was far outside, by: */
	uint32_t astray_by;
	uint32_t read_ts;	  /* of the next sample to be taken */
	uint32_t end_ts;	  /* behind the newest sample */
	struct jitter_room *room; /* borrowed; NULL: only time is kept */
	/* for the statistics */
	uint32_t late_packets, late_runs;
	uint32_t ticks;	    /* since there was something to hear */
	uint64_t delay_sum; /* samples, over them */
	uint64_t concealed; /* samples made up, until they had faded */
	uint64_t stretched; /* samples left out or said twice */
	struct delay delay;
};

struct jitter_packet {
	const struct codec *codec;
	uint32_t ts;
	uint32_t arrival; /* on our clock */
	bool newest;	  /* the sequence: none came before that is newer */
	const uint8_t *payload;
	size_t bytes;
};

/* Before the first use of a value that is zero, and whenever the source starts
 * anew. What is known of the network stays. */
void jitter_reset(struct jitter *jitter);

/* From now on one may listen. ROOM, zeroed, is borrowed. */
void jitter_set_room(struct jitter *jitter, struct jitter_room *room);

/* A packet. LISTEN: somebody will take the samples, for which there is a room;
 * else only time is kept. False: it came too late to be heard. */
bool jitter_put(struct jitter *jitter, const struct jitter_packet *packet,
		bool listen);

/* Comfort noise (RFC 3389): nobody speaks from TS on, until a packet says
 * else. Without it the last sound would be drawn out as if the next was lost.
 */
void jitter_silence(struct jitter *jitter, uint32_t ts, bool listen);

/* The next 20 ms (JITTER_FRAME samples), or NULL to let them pass. NOW: when
 * this tick was due. */
void jitter_get(struct jitter *jitter, int16_t *pcm, uint32_t now);

/* Our own clock has gone on without us: what was due meanwhile is left out. */
void jitter_skip(struct jitter *jitter);

/* Mean of the delay that it added, in samples. */
uint32_t jitter_delay(const struct jitter *jitter);

#endif
