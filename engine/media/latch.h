/* latch.h -- whom a stream listens to: symmetric RTP without open doors
 *
 * SDP says where the far side receives; where it sends from may differ (NAT).
 * The rules, by how well a packet's source fits the signalled address:
 *
 *   exact   signalled host and port: latched by its first valid packet. It
 *           also takes the latch over from a source of the ranks below.
 *   host    signalled host, another port: after 3 consistent packets.
 *   nat     the host that signalling comes from, when it is another one: after
 *           3 consistent packets, by policy (media_latch) only when the
 *           signalled address is private, or never, or always. A NAT has one
 *           outside for both.
 *   other   a third host, by the policy that allows any: after 8 consistent
 *           packets over 100 ms or more, and only if for 1 s since the address
 *           was set nothing valid came from the hosts above, and no fourth one
 *           sends as consistently: between strangers nobody can tell who is
 *           who. A packet from a host above takes such a latch back by its own
 *           rank's rule.
 *
 * Valid: an RTP header, a payload type that we expect. Consistent: the same
 * address, port and SSRC, each sequence number one after the last. Packets
 * before the latch are not heard, except the one that latches. Once latched,
 * what comes from elsewhere is dropped, however long the source is silent,
 * until a new address is signalled. A stranger who sprays can't hinder: of the
 * few candidates the least consistent is forgotten first.
 *
 * A value in the stream; worker thread. Time is an argument.
 */
#ifndef MOONDIAL_MEDIA_LATCH_H
#define MOONDIAL_MEDIA_LATCH_H

#include "media/media.h"

enum {
	LATCH_CANDIDATES = 4,
	LATCH_HOST_PACKETS = 3,
	LATCH_OTHER_PACKETS = 8,
	LATCH_OTHER_SPAN_MS = 100,
	LATCH_OTHER_WAIT_MS = 1000,
};

enum latch_rank { LATCH_NONE, LATCH_OTHER, LATCH_NAT, LATCH_HOST, LATCH_EXACT };

struct latch_candidate {
	struct sa src;
	uint32_t ssrc;
	uint16_t seq;
	uint32_t packets;
	uint64_t since_ms, heard_ms;
};

struct latch {
	enum latch_rank rank; /* of SRC; LATCH_NONE: not latched */
	bool host_seen;	      /* something valid from a host above others */
	struct sa src;
	struct sa signalled, signalling;
	enum media_latch policy;
	uint64_t set_ms;
	struct latch_candidate candidates[LATCH_CANDIDATES];
};

/* The signalled address. The latch is undone if it differs from the last. */
void latch_set(struct latch *latch, const struct sa *signalled,
	       enum media_latch policy, uint64_t now_ms);

/* The host that signalling comes from (unset: it isn't known). After each
 * latch_set(). */
void latch_set_signalling(struct latch *latch, const struct sa *signalling);

enum latch_verdict {
	LATCH_REJECT, /* drop it */
	LATCH_ACCEPT, /* from the source that is latched */
	LATCH_NEW,    /* accept it: SRC is latched from now on */
};

/* A valid packet came from SRC. */
enum latch_verdict latch_input(struct latch *latch, const struct sa *src,
			       uint16_t seq, uint32_t ssrc, uint64_t now_ms);

/* Where to send to: the source that is latched, else where SDP says; NULL when
 * that is nowhere (no port, or the address 0.0.0.0: hold of RFC 2543). */
const struct sa *latch_target(const struct latch *latch);

/* Nothing that comes can change it any more, only latch_set(). */
bool latch_is_final(const struct latch *latch);

/* Is SRC the host that we listen to (any port)? For RTCP. */
bool latch_same_host(const struct latch *latch, const struct sa *src);

#endif
