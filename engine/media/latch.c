/* latch.c -- the rules of latch.h */
#include <string.h>
#include "media/latch.h"

/* An address that the public network does not route: RFC 1918, RFC 6598
 * (carrier-grade NAT), RFC 3927, RFC 4193, RFC 4291 2.5.6. Not loopback. */
static bool is_private(const struct sa *sa)
{
	uint8_t in6[16];
	uint32_t in;

	switch (sa_af(sa)) {
	case AF_INET:
		in = sa_in(sa);
		return in >> 24 == 10 || in >> 20 == (172 << 4 | 1) ||
		       in >> 16 == (192 << 8 | 168) ||
		       in >> 22 == (100 << 2 | 1) ||
		       in >> 16 == (169 << 8 | 254);
	case AF_INET6:
		sa_in6(sa, in6);
		return (in6[0] & 0xfe) == 0xfc ||
		       (in6[0] == 0xfe && (in6[1] & 0xc0) == 0x80);
	default:
		return false;
	}
}

static bool usable(const struct sa *sa)
{
	return sa_isset(sa, SA_ALL) && !sa_is_any(sa);
}

void latch_set(struct latch *latch, const struct sa *signalled,
	       enum media_latch policy, uint64_t now_ms)
{
	latch->policy = policy;
	if (latch->set_ms && sa_cmp(&latch->signalled, signalled, SA_ALL))
		return;
	memset(latch, 0, sizeof(*latch));
	latch->signalled = *signalled;
	latch->policy = policy;
	latch->set_ms = now_ms;
}

void latch_set_signalling(struct latch *latch, const struct sa *signalling)
{
	latch->signalling = *signalling;
}

static enum latch_rank rank_of(const struct latch *latch, const struct sa *src)
{
	if (!usable(&latch->signalled))
		return LATCH_NONE;
	if (sa_cmp(&latch->signalled, src, SA_ALL))
		return LATCH_EXACT;
	if (sa_cmp(&latch->signalled, src, SA_ADDR))
		return LATCH_HOST;
	if (latch->policy == MEDIA_LATCH_SIGNALLED ||
	    (latch->policy == MEDIA_LATCH_NAT &&
	     !is_private(&latch->signalled)))
		return LATCH_NONE;
	if (sa_isset(&latch->signalling, SA_ADDR) &&
	    sa_cmp(&latch->signalling, src, SA_ADDR))
		return LATCH_NAT;
	return latch->policy == MEDIA_LATCH_ANY ? LATCH_OTHER : LATCH_NONE;
}

static struct latch_candidate *candidate_of(struct latch *latch,
					    const struct sa *src)
{
	struct latch_candidate *least = &latch->candidates[0];

	for (size_t i = 0; i < LATCH_CANDIDATES; i++) {
		struct latch_candidate *c = &latch->candidates[i];

		if (c->packets && sa_cmp(&c->src, src, SA_ALL))
			return c;
		if (c->packets < least->packets)
			least = c;
	}
	memset(least, 0, sizeof(*least));
	least->src = *src;
	return least;
}

/* Does another one send as consistently as C? */
static bool contested(const struct latch *latch,
		      const struct latch_candidate *c, uint64_t now_ms)
{
	for (size_t i = 0; i < LATCH_CANDIDATES; i++) {
		const struct latch_candidate *other = &latch->candidates[i];

		if (other != c && other->packets >= LATCH_OTHER_PACKETS &&
		    now_ms - other->heard_ms < LATCH_OTHER_WAIT_MS)
			return true;
	}
	return false;
}

static bool proven(struct latch *latch, enum latch_rank rank,
		   const struct sa *src, uint16_t seq, uint32_t ssrc,
		   uint64_t now_ms)
{
	struct latch_candidate *c = candidate_of(latch, src);

	if (c->packets && c->ssrc == ssrc && (uint16_t)(c->seq + 1) == seq) {
		c->packets++;
	} else {
		c->packets = 1;
		c->ssrc = ssrc;
		c->since_ms = now_ms;
	}
	c->seq = seq;
	c->heard_ms = now_ms;

	if (rank >= LATCH_NAT)
		return c->packets >= LATCH_HOST_PACKETS;
	return !latch->host_seen && c->packets >= LATCH_OTHER_PACKETS &&
	       now_ms - c->since_ms >= LATCH_OTHER_SPAN_MS &&
	       now_ms - latch->set_ms >= LATCH_OTHER_WAIT_MS &&
	       !contested(latch, c, now_ms);
}

enum latch_verdict latch_input(struct latch *latch, const struct sa *src,
			       uint16_t seq, uint32_t ssrc, uint64_t now_ms)
{
	enum latch_rank rank;

	if (latch->rank && sa_cmp(&latch->src, src, SA_ALL))
		return LATCH_ACCEPT;
	if (latch->rank == LATCH_EXACT)
		return LATCH_REJECT;
	rank = rank_of(latch, src);
	if (rank <= latch->rank)
		return LATCH_REJECT;
	if (rank >= LATCH_NAT)
		latch->host_seen = true;
	if (rank != LATCH_EXACT && !proven(latch, rank, src, seq, ssrc, now_ms))
		return LATCH_REJECT;
	latch->rank = rank;
	latch->src = *src;
	memset(latch->candidates, 0, sizeof(latch->candidates));
	return LATCH_NEW;
}

const struct sa *latch_target(const struct latch *latch)
{
	if (!usable(&latch->signalled))
		return NULL;
	return latch->rank ? &latch->src : &latch->signalled;
}

bool latch_is_final(const struct latch *latch)
{
	return latch->rank == LATCH_EXACT;
}

bool latch_same_host(const struct latch *latch, const struct sa *src)
{
	return sa_cmp(latch->rank ? &latch->src : &latch->signalled, src,
		      SA_ADDR);
}
