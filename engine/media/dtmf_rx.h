/* dtmf_rx.h -- telephone events (RFC 4733) heard: one digit a timestamp
 *
 * All packets of one press carry the timestamp of its start, so that is its
 * name: whichever of them are lost, doubled or come in another order, it is
 * reported once. When? At its end, with its duration, as other IVR systems do:
 *
 *   the end bit is seen                        at once
 *   another event begins                       then (its ends were lost)
 *   100 ms without any packet of it            then (dtmf_rx_tick)
 *
 * so a usual press of 100 ms acts 100 ms after it began. Presses longer than
 * the field of the duration come in segments (2.5.1.3), which are joined.
 * A value in the stream; worker thread. Time is an argument.
 */
#ifndef MOONDIAL_MEDIA_DTMF_RX_H
#define MOONDIAL_MEDIA_DTMF_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DTMF_RX_SILENCE_MS = 100 };

struct dtmf_rx {
	bool any;	   /* an event was seen: TS is the newest */
	bool open;	   /* it has not been reported */
	uint32_t ts;	   /* of the newest event, or of its latest segment */
	uint8_t event;	   /* 0 … 15 */
	uint32_t before;   /* duration of the segments before this one */
	uint32_t duration; /* of this segment, in timestamp units */
	uint64_t heard_ms; /* its latest packet */
};

struct dtmf_digit {
	char digit;
	uint32_t duration; /* timestamp units */
	uint64_t heard_ms; /* when its last packet came */
};

/* A packet of the expected payload type. Up to two digits may come of it (one
 * whose end was lost, and this one's); returns how many are in DIGITS.
 * *VALID: false when it was malformed. */
unsigned dtmf_rx_packet(struct dtmf_rx *rx, uint32_t ts, bool marker,
			const uint8_t *payload, size_t bytes, uint64_t now_ms,
			struct dtmf_digit digits[2], bool *valid);

/* Time passes. True when a digit ended by silence. */
bool dtmf_rx_tick(struct dtmf_rx *rx, uint64_t now_ms,
		  struct dtmf_digit *digit);

/* The source has started anew (SSRC, sequence): its timestamps say nothing
 * about those before. True when a digit was open. */
bool dtmf_rx_restart(struct dtmf_rx *rx, struct dtmf_digit *digit);

#endif
