/* nonce.c -- time and number under an HMAC (RFC 7616 3.3) */
#include "sip/registrar/nonce.h"

#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum { STAMP = 16, MAC = NONCE_BYTES - STAMP };

int nonces_init(struct nonces *nonces, uint32_t life_ms)
{
	memset(nonces, 0, sizeof(*nonces));
	nonces->life_ms = life_ms;
	return RAND_bytes(nonces->key, sizeof(nonces->key)) == 1 ? 0 : EIO;
}

static void put_u64(uint8_t *p, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static bool mac(const struct nonces *nonces, const uint8_t stamp[STAMP],
		uint8_t out[MAC])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), nonces->key, sizeof(nonces->key), stamp, STAMP,
		  md, &n) ||
	    n < MAC)
		return false;
	memcpy(out, md, MAC);
	return true;
}

void nonce_make(struct nonces *nonces, char out[NONCE_SIZE], uint64_t now_ms)
{
	uint8_t bytes[NONCE_BYTES];

	put_u64(bytes, now_ms);
	put_u64(bytes + 8, ++nonces->last);
	/* Without a MAC it fits nothing: its answer is challenged again. */
	if (!mac(nonces, bytes, bytes + STAMP))
		memset(bytes + STAMP, 0, MAC);
	(void)re_snprintf(out, NONCE_SIZE, "%w", bytes, sizeof(bytes));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum nonce_verdict nonce_check(const struct nonces *nonces,
			       const struct pl *text, uint64_t now_ms,
			       uint64_t *number)
{
	uint8_t bytes[NONCE_BYTES], right[MAC];
	uint64_t made_ms;

	if (text->l != 2 * sizeof(bytes))
		return NONCE_FOREIGN;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		const int high = hex_digit(text->p[2 * i]),
			  low = hex_digit(text->p[2 * i + 1]);

		if (high < 0 || low < 0)
			return NONCE_FOREIGN;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (!mac(nonces, bytes, right) ||
	    CRYPTO_memcmp(right, bytes + STAMP, MAC) != 0)
		return NONCE_FOREIGN;
	made_ms = get_u64(bytes);
	*number = get_u64(bytes + 8);
	return now_ms - made_ms < nonces->life_ms ? NONCE_GOOD : NONCE_STALE;
}

bool nonce_use(struct nonce_uses *uses, uint64_t number, uint32_t nc)
{
	size_t oldest = 0;

	if (number <= uses->forgotten || !nc)
		return false;
	for (size_t i = 0; i < NONCE_USES; i++) {
		if (uses->use[i].number == number) {
			if (nc <= uses->use[i].nc)
				return false;
			uses->use[i].nc = nc;
			return true;
		}
		if (uses->use[i].number < uses->use[oldest].number)
			oldest = i;
	}
	/* older than all that are kept, and nothing is free: it would be
	 * forgotten at once */
	if (number < uses->use[oldest].number) {
		uses->forgotten = number;
		return true;
	}
	if (uses->use[oldest].number > uses->forgotten)
		uses->forgotten = uses->use[oldest].number;
	uses->use[oldest].number = number;
	uses->use[oldest].nc = nc;
	return true;
}
