/* sip_text.h -- as much SIP as the load needs: direct peers, UDP, no proxies
 *
 * Reading notes where things are; nothing is copied. Writing fills a buffer of
 * BATCH_BYTES and returns bytes. What is an answer or an ACK is made from the
 * message that it belongs to, so that none of it has to be remembered.
 */
#ifndef MOONDIAL_BENCH_SIP_TEXT_H
#define MOONDIAL_BENCH_SIP_TEXT_H

#include "bench/net.h"

struct view {
	const char *p;
	size_t n;
};

struct sip_text {
	int status;	    /* 0: a request */
	struct view method; /* of the request, or of the CSeq of a response */
	struct view via, from, to, call_id, contact;
	struct view cseq_number;
	struct view body;
};

/* TEXT ends with a NUL at TEXT[LEN]. False: it is no SIP. */
bool sip_read(struct sip_text *sip, const char *text, size_t len);

bool view_is(const struct view *view, const char *text);

/* "tag=…" of a From or To; empty when it has none. */
struct view tag_of(const struct view *header);

/* The port of the first audio line; 0: none. */
uint16_t sdp_audio_port(const struct sip_text *sip);

/* Who we are, in what is written. */
struct sip_self {
	struct sockaddr_in sip, audio;
};

/* An INVITE with an offer. ID goes into Call-ID, branch and tag. */
size_t write_invite(uint8_t *out, const struct sip_self *self,
		    const struct sockaddr_in *to, const char *id);

/* ACK for any final response to an INVITE. */
size_t write_ack(uint8_t *out, const struct sip_self *self,
		 const struct sip_text *response);

/* BYE in the dialog that the 200 with its From, To and Contact has made. */
size_t write_bye(uint8_t *out, const struct sip_self *self, const char *id,
		 const char *contact, const char *from, const char *to,
		 const char *call_id, unsigned cseq);

/* A response. TO_TAG (or NULL) is added to a To without one; SDP: with an
 * answer. */
size_t write_response(uint8_t *out, const struct sip_self *self,
		      const struct sip_text *request, const char *status,
		      const char *to_tag, bool sdp);

#endif
