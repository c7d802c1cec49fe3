/* rtcp.h -- sender and receiver reports of one stream (RFC 3550 6)
 *
 * Builds and reads compound packets in buffers; it neither sends nor receives.
 * All numbers that come in are bounded, and nothing is allocated. libre has a
 * decoder too, but it allocates, and wrongly computes what is lost.
 * A value in the stream; worker thread. Time is an argument, on
 * CLOCK_MONOTONIC; the NTP time that we tell is that clock plus an offset taken
 * once, so that a step of the wall clock never shows as a round trip.
 */
#ifndef MOONDIAL_MEDIA_RTCP_H
#define MOONDIAL_MEDIA_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtp_rx;
struct rtp_tx;

enum {
	RTCP_CNAME = 24,
	/* SR with a block, SDES, BYE: all of it fits. */
	RTCP_PACKET_MAX = 128,
	RTCP_OWN_REPORTS = 4, /* our last SRs, that an answer may name */
};

struct rtcp {
	uint64_t due_ns;	    /* the next report; 0: none */
	char cname[RTCP_CNAME + 1]; /* RFC 7022 4.2: random */
	uint64_t rng;
	uint32_t packets_reported; /* of ours, at the last report */
	unsigned quiet_reports;	   /* … since when nothing was sent */
	uint32_t heard_reported;   /* packets from the peer, likewise */
	uint32_t sent_mid[RTCP_OWN_REPORTS]; /* NTP, middle 32 bits */
	unsigned sent_next;
	/* the peer's last SR */
	uint32_t lsr, lsr_ssrc;
	uint64_t lsr_ns;
	/* what the peer says of us */
	bool remote_known;
	int32_t remote_lost;
	uint32_t remote_of;	/* packets sent up to there; by rtcp_sent() */
	uint16_t remote_seq;	/* the newest of ours that it has had */
	uint32_t remote_jitter; /* timestamp units */
	uint32_t rtt_us;	/* 0: unknown */
};

void rtcp_init(struct rtcp *rtcp);

/* After a report was read: of how many packets of ours it speaks. */
void rtcp_sent(struct rtcp *rtcp, const struct rtp_tx *tx);

/* The stream begins: the first report is due in 1.5 to 4.5 s or so. */
void rtcp_begin(struct rtcp *rtcp, uint64_t now_ns);

/* A compound: SR (RR, when we have sent nothing of late), SDES with CNAME,
 * and BYE at the end of the stream. TS: the RTP timestamp of NOW. Sets the
 * time of the next one. Returns bytes. */
size_t rtcp_build(struct rtcp *rtcp, uint8_t buf[RTCP_PACKET_MAX],
		  const struct rtp_tx *tx, struct rtp_rx *rx, uint32_t ts,
		  bool bye, uint64_t now_ns);

/* A compound that came. False, and nothing changed, when it isn't a valid one
 * (A.2): short, garbage, lengths that don't add up. */
bool rtcp_read(struct rtcp *rtcp, const uint8_t *buf, size_t len,
	       uint32_t our_ssrc, uint64_t arrival_ns);

#endif
