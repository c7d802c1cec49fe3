/* fuzz_register_grant.c -- a response to our REGISTER, from the wire
 *
 * Seeds: corpus/register_grant. What is checked beyond the sanitizers: routes
 * and a redirection are URIs that can stand in a message of ours.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sip/header.h"
#include "sip/account/register_grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void read_one(const struct sip_msg *msg, enum account_expiry by,
		     const struct sa *laddr)
{
	const struct grant_ask ask = {
		.user = "alice",
		.line = "0123456789abcdef",
		.laddr = laddr,
		.asked = 600,
		.by = by,
	};
	struct grant grant;
	char *uri = NULL;

	if (!grant_read(&grant, msg, &ask)) {
		for (char **r = grant.routes; r && *r; r++)
			require(uri_ok(*r));
		require(!grant.path || strlen(grant.path) <= 1024);
		grant_clear(&grant);
	}
	if (!redirect_uri(&uri, msg))
		require(uri_ok(uri) && !strncmp(uri, "sip:", 4));
	mem_deref(uri);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb = mbuf_alloc(size + 1);
	struct sa laddr;

	require(mb && !sa_set_str(&laddr, "192.0.2.1", 5060));
	(void)mbuf_write_mem(mb, bytes, size);
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb) && !msg->req) {
		read_one(msg, ACCOUNT_EXPIRY_CONTACT, &laddr);
		read_one(msg, ACCOUNT_EXPIRY_HEADER, &laddr);
		read_one(msg, ACCOUNT_EXPIRY_IGNORED, &laddr);
	}
	mem_deref(msg);
	mem_deref(mb);
	return 0;
}
