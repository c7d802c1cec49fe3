/* sdp.h -- offer and answer for one audio stream (RFC 3264)
 *
 * Knows no codec: it is told a table of them and gives back what was agreed,
 * as plain values. One struct sdp lives as long as its call and keeps the
 * session's version, our port, and both directions.
 */
#ifndef MOONDIAL_SIP_SDP_H
#define MOONDIAL_SIP_SDP_H

#include <re.h>

struct sdp;

struct sdp_codec {
	const char *name; /* "PCMU" */
	uint32_t srate;
	uint8_t channels;
	uint8_t pt; /* ours in an offer */
};

enum { SDP_FORMATS_MAX = 8 };

/* A payload number and the codec (index into the table given) behind it. */
struct sdp_rx_format {
	uint8_t pt, codec;
};

/* What both sides agreed on. */
struct sdp_agreed {
	/* Port 0: nowhere (on hold by c=0.0.0.0 or by port 0). Of our own
	 * address family, never a group's. */
	struct sa raddr, raddr_rtcp;
	size_t codec; /* index into the table given */
	uint8_t pt_tx, pt_rx;
	/* What may come: every codec of ours that the offer named, by the
	 * offer's numbers, CODEC first. The peer may change between those of
	 * offer and answer at any packet (RFC 3264 6.1), and some send another
	 * of their offer than the answer has chosen. */
	struct sdp_rx_format formats[SDP_FORMATS_MAX];
	size_t format_count;
	int pt_dtmf_tx, pt_dtmf_rx; /* −1: no telephone-event */
	uint16_t ptime_ms;	    /* that the peer wants, 10 to 60; 20 when
				     * it doesn't say */
	bool tx, rx;		    /* we may send, we will hear */
	bool held;		    /* the peer has put us on hold: it doesn't
				     * listen (sendonly, inactive, c=0.0.0.0) */
};

/* CODECS is borrowed for life, in order of preference; telephone-event comes
 * by itself. LADDR: our RTP address and port; RTCP is on the next one. EINVAL
 * (no codec, a payload number above 127), ENOMEM. */
int sdp_alloc(struct sdp **sp, const struct sa *laddr,
	      const struct sdp_codec *codecs, size_t codec_count);

/* Our address, when it wasn't known at first: before anything is written. */
void sdp_set_laddr(struct sdp *sdp, const struct sa *laddr);

/* What the last offer or answer that was taken has agreed on. */
const struct sdp_agreed *sdp_agreed(const struct sdp *sdp);

/* (struct sdp is a libre object: mem_deref.) */

/* Write an offer. HOLD: ask the peer to be quiet (sendonly; inactive when the
 * peer holds too). It is in force once sdp_answered() has taken the answer;
 * one that was refused leaves no trace but the session's version. Calls for
 * sdp_answered() may repeat (183 and 200, forks). ENOMEM. */
int sdp_offer(struct sdp *sdp, bool hold, struct mbuf **offer);

/* Take the peer's answer to our offer; of several codecs its first counts.
 * EBADMSG: can't be parsed; ENOTSUP: no codec in common / audio refused;
 * EPROTO: we didn't offer. On error nothing has changed. */
int sdp_answered(struct sdp *sdp, struct mbuf *answer,
		 struct sdp_agreed *agreed);

/* Take the peer's offer; sdp_answer() writes the answer. The codec is the
 * first in the offer's order that we know, with the offer's payload numbers.
 * Several audio lines: the first usable one is taken, the rest refused with
 * port 0; other media refused. Usable is RTP/AVP with an IP address of our
 * family: a domain name in c= is not looked up (the answer can't wait for it,
 * and nobody sends one). In a later offer, port 0 on the line in use is a hold.
 * Multipart bodies are read for their SDP part by the caller (session does).
 * EBADMSG → 400 with Warning, ENOTSUP → 488. On error nothing has changed. */
int sdp_offered(struct sdp *sdp, struct mbuf *offer, struct sdp_agreed *agreed);

/* Write the answer to the last offer that was taken; the same text each time
 * as long as nothing changes. EPROTO: there was none; ENOMEM. */
int sdp_answer(struct sdp *sdp, struct mbuf **answer);

#endif
