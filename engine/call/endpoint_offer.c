/* endpoint_offer.c -- which digest algorithms a name is challenged with */
#include "call/endpoint_offer.h"

#include <errno.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

int endpoint_offer_init(struct endpoint_offer *offer, const char *secret)
{
	unsigned n = 0;
	bool ok;

	memset(offer, 0, sizeof(*offer));
	if (secret)
		ok = EVP_Digest(secret, strlen(secret), offer->key, &n,
				EVP_sha256(), NULL) == 1;
	else
		ok = RAND_bytes(offer->key, sizeof(offer->key)) == 1;
	return ok ? 0 : EIO;
}

void endpoint_offer_count(struct endpoint_offer *offer, unsigned before,
			  unsigned now)
{
	if (before)
		offer->count[before]--;
	if (now)
		offer->count[now]++;
}

unsigned endpoint_offer_stranger(const struct endpoint_offer *offer,
				 const char *name)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	uint64_t number = 0, total = 0;
	unsigned n = 0;

	for (unsigned set = 1; set < OFFER_SETS; set++)
		total += offer->count[set];
	if (!total || !HMAC(EVP_sha256(), offer->key, sizeof(offer->key),
			    (const uint8_t *)name, strlen(name), md, &n))
		return 0;
	for (unsigned i = 0; i < sizeof(number); i++)
		number = number << 8 | md[i];
	/* A place between 0 and TOTAL that grows with it in proportion: hardly
	 * a name changes when one endpoint is added. */
	number = (number >> 32) * total >> 32;
	for (unsigned set = 1; set < OFFER_SETS; set++) {
		if (number < offer->count[set])
			return set;
		number -= offer->count[set];
	}
	return 0;
}
