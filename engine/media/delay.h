/* delay.h -- how long packets have to wait before they are heard
 *
 * Of each packet the lateness is counted, behind those that came fastest, in
 * steps of 5 ms. The delay is the one that costs least: waiting longer and
 * losing what comes later are both bad, and ITU-T G.107 says how bad. With
 * G.711 and concealment (Bpl 25.1) a packet in a hundred costs 95 / 25.1 = 3.8
 * of its R, a millisecond of delay 0.024 (below 177 ms). So a rare straggler
 * isn't waited for, a usual one is.
 * It is the last 250 to 500 packets (5 to 10 s) that count. The fastest are
 * those of them, so that a route that has become longer, or a slower clock, is
 * learnt; where the reference moves, the counts go with it, and the moment of
 * hearing stays.
 *
 * A value in the jitter buffer; worker thread. All times are in samples, of
 * RTP's or our clock, and wrap.
 */
#ifndef MOONDIAL_MEDIA_DELAY_H
#define MOONDIAL_MEDIA_DELAY_H

#include <stdbool.h>
#include <stdint.h>
#include "media/codec.h"

enum {
	DELAY_STEP = 5 * AUDIO_SAMPLES_PER_MS,
	DELAY_STEPS = 64, /* 320 ms; what is later stands in the last */
	/* A packet waits in its socket for the next tick. */
	DELAY_TICK = 20 * AUDIO_SAMPLES_PER_MS,
	DELAY_BEGIN = 60 * AUDIO_SAMPLES_PER_MS, /* before anything is known */
	DELAY_MIN = 20 * AUDIO_SAMPLES_PER_MS,	 /* by default; a tick */
	DELAY_MAX = 200 * AUDIO_SAMPLES_PER_MS,
	DELAY_LIMIT = 300 * AUDIO_SAMPLES_PER_MS, /* the most it may be set */
};

enum { DELAY_WINDOW = 250 }; /* packets; a count has 8 bits */

struct delay {
	bool any;
	uint16_t min, max; /* bounds; 0: by default */
	uint16_t target;   /* what is best, within the bounds */
	uint8_t unjudged;  /* packets since that was found */
	uint8_t fill;	   /* packets in this window */
	uint32_t ref;	   /* timestamp less arrival of the fastest */
	/* By lateness behind REF: this window, and the one before it. */
	uint8_t counts[2][DELAY_STEPS];
	uint16_t before; /* packets in the latter */
};

/* MIN, MAX in samples (0: default), brought within DELAY_TICK … DELAY_LIMIT. */
void delay_bounds(struct delay *delay, uint32_t min, uint32_t max);

/* Timestamps begin anew; how late packets are is remembered. */
void delay_restart(struct delay *delay, uint32_t ts, uint32_t arrival);

/* How late this one is behind the fastest; negative: it is faster. */
static inline int32_t delay_lateness(const struct delay *delay, uint32_t ts,
				     uint32_t arrival)
{
	return (int32_t)(delay->ref - (ts - arrival));
}

/* Count a packet. */
void delay_packet(struct delay *delay, uint32_t ts, uint32_t arrival);

/* The timestamp that is to be heard at NOW. */
static inline uint32_t delay_heard(const struct delay *delay, uint32_t now)
{
	return now + delay->ref - delay->target;
}

#endif
