/* authenticate.h -- a peer proves himself to us by digest (RFC 7616, 8760)
 *
 * Our side of what digest.h does for others' challenges. SHA-256 is offered
 * before MD5 (the topmost that a peer knows is to be taken, RFC 8760 2.3), with
 * qop=auth; who answers without it, as before RFC 2617, uses each nonce once.
 * On the loop thread.
 */
#ifndef MOONDIAL_SIP_AUTHENTICATE_H
#define MOONDIAL_SIP_AUTHENTICATE_H

#include <re.h>
#include "sip/registrar/nonce.h"

enum auth_algorithm { AUTH_MD5 = 1, AUTH_SHA256 = 2 }; /* a set of bits */

/* What a user knows; strings are borrowed. */
struct auth_secret {
	const char *user;	/* as in his Authorization */
	const char *password;	/* or, for each algorithm: */
	const char *ha1;	/* hex MD5 of user:realm:password */
	const char *ha1_sha256; /* the same by SHA-256 */
	unsigned algorithms;	/* that he may use; 0: all that can be */
};
/* Those that SECRET can be checked by. */
unsigned auth_algorithms(const struct auth_secret *secret);

/* The credentials for our realm in a message, which they point into. */
struct auth_answer {
	struct pl user, realm, nonce, uri, response, nc, cnonce, qop;
	enum auth_algorithm algorithm;
	uint64_t nonce_number;
};

enum auth_verdict {
	AUTH_PROVED,
	AUTH_MISSING, /* no credentials for our realm: challenge */
	AUTH_STALE,   /* those of a nonce that is used up: challenge, stale */
	AUTH_BROKEN,  /* credentials that can't be read: 400 */
	AUTH_WRONG,   /* not his: 403 */
};

/* Find and read them, and look at their nonce: AUTH_PROVED: go on to
 * auth_check(). */
enum auth_verdict auth_read(struct auth_answer *answer,
			    const struct nonces *nonces, const char *realm,
			    const struct sip_msg *msg, uint64_t now_ms);

/* Whether they are the user's. USES are his, changed when they are. SECRET
 * NULL: nobody's, found out in the same time. */
enum auth_verdict auth_check(const struct auth_answer *answer,
			     const struct auth_secret *secret,
			     const struct sip_msg *msg,
			     struct nonce_uses *uses);

/* WWW-Authenticate lines for ALGORITHMS into OUT, all with one new nonce. */
enum { AUTH_CHALLENGE_SIZE = 768 };
void auth_challenge(char out[AUTH_CHALLENGE_SIZE], struct nonces *nonces,
		    const char *realm, unsigned algorithms, bool stale,
		    uint64_t now_ms);

#endif
