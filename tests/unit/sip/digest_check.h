/* digest_check.h -- a server's view of a digest answer, for tests
 *
 * Made with OpenSSL from RFC 2617's formulas, apart from the engine's code.
 */
#ifndef MOONDIAL_TEST_DIGEST_CHECK_H
#define MOONDIAL_TEST_DIGEST_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

static inline void md5_hex(char hex[33], const char *text)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	(void)EVP_Digest(text, strlen(text), md, &n, EVP_md5(), NULL);
	for (unsigned i = 0; i < n && i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

/* Parameter NAME of the Authorization line in TEXT, without its quotes; ""
 * when there is none. */
static inline void digest_param(char *out, size_t size, const char *text,
				const char *name)
{
	char key[32];
	const char *p = strstr(text, "uthorization: Digest ");
	size_t n;

	*out = '\0';
	(void)snprintf(key, sizeof(key), " %s=", name);
	p = p ? strstr(p, key) : NULL;
	if (!p)
		return;
	p += strlen(key);
	p += *p == '"';
	n = strcspn(p, "\",\r");
	if (n < size) {
		memcpy(out, p, n);
		out[n] = '\0';
	}
}

/* Whether TEXT carries the right response of one who knows HA1. */
static inline bool digest_check(const char *text, const char *method,
				const char *ha1)
{
	char nonce[128], nc[16], cnonce[64], qop[16], uri[128], response[64];
	char line[640], ha2[33], expected[33];

	digest_param(nonce, sizeof(nonce), text, "nonce");
	digest_param(nc, sizeof(nc), text, "nc");
	digest_param(cnonce, sizeof(cnonce), text, "cnonce");
	digest_param(qop, sizeof(qop), text, "qop");
	digest_param(uri, sizeof(uri), text, "uri");
	digest_param(response, sizeof(response), text, "response");
	(void)snprintf(line, sizeof(line), "%s:%s", method, uri);
	md5_hex(ha2, line);
	if (*qop)
		(void)snprintf(line, sizeof(line), "%s:%s:%s:%s:%s:%s", ha1,
			       nonce, nc, cnonce, qop, ha2);
	else
		(void)snprintf(line, sizeof(line), "%s:%s:%s", ha1, nonce, ha2);
	md5_hex(expected, line);
	return !strcmp(expected, response);
}

#endif
