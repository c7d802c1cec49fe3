/* dtmf_tx.h -- a string of digits as telephone events (RFC 4733)
 *
 * A small machine that is asked once each packet time what is to be sent
 * instead of audio: an event packet, or nothing (a gap or a pause: audio goes
 * on). All packets of an event carry the timestamp of its start, the first one
 * a marker, and its last one is sent three times, a packet time apart.
 * A value in the stream; worker thread.
 */
#ifndef MOONDIAL_MEDIA_DTMF_TX_H
#define MOONDIAL_MEDIA_DTMF_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DTMF_TX_PAYLOAD = 4,
	/* What is asked for is brought within: shorter ones go unheard (ITU-T
	 * Q.24), longer ones don't fit the field of the duration. */
	DTMF_TX_MS_MIN = 40,
	DTMF_TX_MS_MAX = 8000,
	DTMF_TX_ENDS = 3,
};

struct dtmf_tx {
	const char *next; /* borrowed: the rest of the digits */
	uint32_t duration_ms, gap_ms;
	char digit;	   /* being sent; 0: none */
	bool first;	   /* its first packet is still to come */
	uint32_t ts;	   /* its start */
	uint32_t sent_ms;  /* of it */
	unsigned ends;	   /* end packets sent */
	uint32_t pause_ms; /* of the gap or pause that is left */
};

/* 0-9 * # A-D (a-d too), w and W. */
bool dtmf_tx_valid(const char *digits);

/* DIGITS is borrowed until dtmf_tx_step() says that all was sent. */
void dtmf_tx_start(struct dtmf_tx *tx, const char *digits, uint32_t duration_ms,
		   uint32_t gap_ms);

enum dtmf_tx_what {
	DTMF_TX_IDLE,  /* all was sent */
	DTMF_TX_PAUSE, /* audio now */
	DTMF_TX_EVENT, /* PAYLOAD, with *ts and *marker */
};

/* One packet time has come, at timestamp NOW_TS. */
enum dtmf_tx_what dtmf_tx_step(struct dtmf_tx *tx, uint32_t ptime_ms,
			       uint32_t srate, uint32_t now_ts,
			       uint8_t payload[DTMF_TX_PAYLOAD], uint32_t *ts,
			       bool *marker);

/* Send no more digits: the one that is being sent is still ended properly. */
void dtmf_tx_stop(struct dtmf_tx *tx);

#endif
