/* nonce.h -- nonces that we give, known again without being kept
 *
 * A nonce says when it was made and the how-manieth it is, under an HMAC with
 * a key of this run of the engine: a flood of requests without credentials
 * leaves nothing behind. What is kept is what was used: for each user the
 * highest nc of the nonces that proved him (struct nonce_uses), so that an
 * answer that somebody has listened to is of no use (RFC 7616 3.4, 5.4).
 * Values; on one thread.
 */
#ifndef MOONDIAL_SIP_NONCE_H
#define MOONDIAL_SIP_NONCE_H

#include <re.h>

enum {
	NONCE_KEY = 32,
	NONCE_BYTES = 32,		  /* time, number, half an HMAC */
	NONCE_SIZE = 2 * NONCE_BYTES + 1, /* in hex, with its NUL */
	NONCE_USES = 8,
};

struct nonces {
	uint8_t key[NONCE_KEY];
	uint64_t last; /* number of the last one made */
	uint32_t life_ms;
};

/* A new key. LIFE_MS: how long one may be used. An errno value when there is
 * no randomness. */
int nonces_init(struct nonces *nonces, uint32_t life_ms);

/* A new one, made at NOW_MS (monotonic). */
void nonce_make(struct nonces *nonces, char out[NONCE_SIZE], uint64_t now_ms);

enum nonce_verdict {
	NONCE_GOOD,
	NONCE_STALE,   /* it was ours, but is too old */
	NONCE_FOREIGN, /* forged, or of another run: stale, too, to its owner */
};
/* *NUMBER: which one it is, when it is good. */
enum nonce_verdict nonce_check(const struct nonces *nonces,
			       const struct pl *text, uint64_t now_ms,
			       uint64_t *number);

/* The nonces of one user, zeroed at first. When there are more than we keep,
 * the oldest is forgotten, and with it all that are older. */
struct nonce_uses {
	uint64_t forgotten; /* numbers up to this one are used up */
	struct {
		uint64_t number; /* 0: free */
		uint32_t nc;
	} use[NONCE_USES];
};

/* Whether nonce NUMBER may be used with NC, which must grow; then it has been.
 * Only for answers that have turned out right. */
bool nonce_use(struct nonce_uses *uses, uint64_t number, uint32_t nc);

#endif
