/* peek.h -- a datagram's outline, read before anything is parsed
 *
 * Enough to tell apart what belongs to a call from what begins one, and to
 * refuse the latter: reading it costs a small part of parsing it, and nothing
 * is allocated. What doesn't read plainly is PEEK_OTHER, and goes the long way.
 */
#ifndef MOONDIAL_SIP_PEEK_H
#define MOONDIAL_SIP_PEEK_H

#include <re.h>

enum peek_kind {
	PEEK_KEEPALIVE, /* RFC 5626 3.5.1: nothing to answer over UDP */
	PEEK_RESPONSE,
	PEEK_INVITE, /* begins a call: no tag in To */
	PEEK_ACK,
	PEEK_CANCEL,
	PEEK_WITHIN,  /* a request with a tag in To: of a dialog */
	PEEK_REQUEST, /* any other request */
	PEEK_STUN,
	PEEK_OTHER,
};

struct peek {
	enum peek_kind kind;
	struct pl head;	   /* the header lines */
	struct pl via;	   /* value of the topmost Via line */
	struct pl to_tag;  /* empty: none */
	struct pl call_id; /* empty: none, or it isn't plain */
};

/* LEN bytes at P; the outline points into them. */
void peek_read(struct peek *peek, const char *p, size_t len);

/* Where the response to a request from SRC goes (RFC 3261 18.2.2, RFC 3581).
 * False: its Via isn't plain. */
bool peek_reply_addr(const struct peek *peek, const struct sa *src,
		     struct sa *dst);

/* A final response without a transaction: Via, From, Call-ID and CSeq as they
 * came, To with TAG, and HEADERS (whole lines). Returns its length; 0: it
 * doesn't fit into SIZE, or the request lacks what a response must have. */
size_t peek_reply(const struct peek *peek, const struct sa *src, char *out,
		  size_t size, const char *status, const char *tag,
		  const char *headers);

#endif
