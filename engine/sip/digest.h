/* digest.h -- answering a challenge (RFC 2617; RFC 3261 22)
 *
 * libre gives up on a challenge in an algorithm that it doesn't know even when
 * an MD5 one stands beside it, tries a wrong password 16 times, and hands
 * credentials to any realm that asks. One struct digest serves the requests of
 * one dialog (or one registration) and remembers its nonces, so that later
 * requests carry credentials at once. On the loop thread.
 */
#ifndef MOONDIAL_SIP_DIGEST_H
#define MOONDIAL_SIP_DIGEST_H

#include <re.h>

struct digest;

/* A password that begins so is HA1: 32 hex digits of MD5(user:realm:password)
 * follow. No password that a person types begins with this character. */
#define DIGEST_HA1 "\001"

enum { DIGEST_TRIES = 2 };

/* AUTHH gives credentials for a realm, or an error (ours: sip_auth_h, both
 * strings are released by us). NULL: there are none at all. A libre object. */
int digest_alloc(struct digest **dp, sip_auth_h *authh, void *arg);

/* A new request begins: it has its tries before it. */
void digest_begin(struct digest *digest);

/* Take the challenges of a 401 or 407. 0: send the request again, with
 * digest_print(). EAUTH: no credentials, or the same nonce again, or all
 * tries are used up; ENOSYS: no challenge that we can answer. */
int digest_challenged(struct digest *digest, const struct sip_msg *msg);

/* Print an Authorization or Proxy-Authorization line for each realm known so
 * far; nothing when there is none. */
int digest_print(struct mbuf *mb, struct digest *digest, const char *method,
		 const char *uri);

#endif
