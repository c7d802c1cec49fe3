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

/* What both sides agreed on. */
struct sdp_agreed {
	struct sa raddr, raddr_rtcp; /* port 0: nowhere (on hold, c=0.0.0.0) */
	size_t codec;		     /* index into the table given */
	uint8_t pt_tx, pt_rx;
	int pt_dtmf_tx, pt_dtmf_rx; /* −1: no telephone-event */
	uint16_t ptime_ms;	    /* that the peer wants; 20 when silent */
	bool tx, rx;		    /* we may send, we will hear */
	bool held;		    /* the peer has put us on hold */
};

/* CODECS is borrowed for life, in order of preference. LADDR: our RTP
 * address and port. ENOMEM. */
int sdp_alloc(struct sdp **sp, const struct sa *laddr,
	      const struct sdp_codec *codecs, size_t codec_count);

/* (struct sdp is a libre object: mem_deref.) */

/* Write an offer. HOLD: ask the peer to be quiet (sendonly/inactive). */
int sdp_offer(struct sdp *sdp, bool hold, struct mbuf **offer);

/* Take the peer's answer to our offer.
 * EBADMSG: can't be parsed; ENOTSUP: no codec in common / audio refused. */
int sdp_answered(struct sdp *sdp, struct mbuf *answer,
		 struct sdp_agreed *agreed);

/* Take the peer's offer; the answer is written when ANSWER isn't NULL (else
 * later by sdp_answer()). Several audio lines: the first usable one is taken,
 * the rest refused with port 0; other media refused. Multipart bodies are
 * read for their SDP part by the caller (session does).
 * EBADMSG → 400 with Warning, ENOTSUP → 488. On error nothing has changed. */
int sdp_offered(struct sdp *sdp, struct mbuf *offer,
		struct sdp_agreed *agreed);
int sdp_answer(struct sdp *sdp, struct mbuf **answer);

#endif
