/* endpoint_offer.h -- which digest algorithms a name is challenged with
 *
 * An endpoint is challenged with those that it can be proved by. A name that
 * nobody has is challenged as if it were an endpoint's: with those of one of
 * them, each as likely as it is common, and always the same for that name. So
 * a challenge doesn't tell which names there are.
 * A value in struct endpoints; on the loop thread.
 */
#ifndef MOONDIAL_CALL_ENDPOINT_OFFER_H
#define MOONDIAL_CALL_ENDPOINT_OFFER_H

#include <stdint.h>
#include "sip/registrar/authenticate.h"

enum { OFFER_SETS = (AUTH_MD5 | AUTH_SHA256) + 1, OFFER_KEY_SIZE = 32 };

struct endpoint_offer {
	unsigned count[OFFER_SETS]; /* endpoints, by what they are offered */
	uint8_t key[OFFER_KEY_SIZE];
};

/* SECRET, nobody else's, makes the same names get the same at each start;
 * NULL: at random. EIO. */
int endpoint_offer_init(struct endpoint_offer *offer, const char *secret);
/* An endpoint is challenged with NOW instead of BEFORE; 0: it isn't there. */
void endpoint_offer_count(struct endpoint_offer *offer, unsigned before,
			  unsigned now);
/* For a name that nobody has. 0: there are no endpoints to be like. */
unsigned endpoint_offer_stranger(const struct endpoint_offer *offer,
				 const char *name);

#endif
