/* rtp_rx.h -- one source of RTP: validity, sequence, statistics (RFC 3550)
 *
 * A value in the stream; worker thread. It sees packets of the latched source
 * only, so a new SSRC is believed at once. Time is an argument.
 */
#ifndef MOONDIAL_MEDIA_RTP_RX_H
#define MOONDIAL_MEDIA_RTP_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct media_stats;

enum {
	RTP_HEADER = 12,
	RTP_PT_CN = 13, /* RFC 3389 */
};

struct rtp_packet {
	uint8_t pt;
	bool marker;
	uint16_t seq;
	uint32_t ts, ssrc;
	const uint8_t *payload;
	size_t bytes;
};

/* Header, CSRCs, extension and padding. False: it is no RTP. */
bool rtp_parse(struct rtp_packet *packet, const uint8_t *buf, size_t len);

struct rtp_rx {
	bool any;
	uint32_t ssrc;
	uint16_t max_seq;
	uint32_t cycles, base_seq, bad_seq;
	uint64_t window;   /* bit n: max_seq − n has come */
	uint64_t heard_ns; /* the latest packet */
	uint32_t received;
	uint32_t expected_prior, received_prior; /* at the last report */
	bool transit_known;
	uint32_t transit, jitter; /* A.8: jitter is scaled by 16 */
	/* of the whole stream, over all its sources */
	uint32_t packets, duplicate, reordered, lost_before, expected_before;
	uint32_t gaps; /* losses: packets missing in a row are one */
	uint64_t bytes;
};

enum rtp_rx_verdict {
	RTP_RX_DROP, /* a duplicate, or the first after a jump */
	RTP_RX_OK,
	RTP_RX_RESTART, /* OK, but SSRC or sequence have nothing in common
			   with what came before */
};

/* A source restarts by a new SSRC; by a jump of the sequence, once a second
 * packet confirms it; by a step back after half a second without any packet:
 * no network holds one for so long, but a sender that replays a capture for
 * each digit looks like this. */
enum rtp_rx_verdict rtp_rx_packet(struct rtp_rx *rx,
				  const struct rtp_packet *packet,
				  uint64_t arrival_ns);

/* Interarrival jitter, A.8; audio packets only, as those of one telephone
 * event share a timestamp. */
void rtp_rx_jitter(struct rtp_rx *rx, uint32_t ts, uint32_t srate,
		   uint64_t arrival_ns);

/* Expected minus received, duplicates counted as received (A.3). */
int32_t rtp_rx_lost(const struct rtp_rx *rx);

/* Over all sources: expected, and of them lost. */
void rtp_rx_loss(const struct rtp_rx *rx, uint64_t *expected, uint64_t *lost);

/* What a report block says of this source. FRACTION is of the time since the
 * last call. */
struct rtp_rx_report {
	uint32_t ssrc;
	uint8_t fraction;
	int32_t lost;
	uint32_t ext_seq, jitter;
};
void rtp_rx_report(struct rtp_rx *rx, struct rtp_rx_report *report);

/* The fields of RX that are this module's. */
void rtp_rx_stats(const struct rtp_rx *rx, uint32_t srate,
		  struct media_stats *stats);

#endif
