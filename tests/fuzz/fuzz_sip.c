/* fuzz_sip.c -- a SIP message from the wire, through all that we parse
 *
 * Seeds: corpus/sip. What is checked beyond the sanitizers: what sanity lets
 * through has what the stack relies on, and what we print into a message for
 * others adds no line to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sip/body.h"
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/sanity.h"
#include "sip/stack.h"
#include "sip/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static int give(char **user, char **password, const char *realm, void *arg)
{
	(void)realm;
	(void)arg;
	return str_dup(user, "user") | str_dup(password, "password");
}

/* What we say to its challenges is one line for each, whatever they hold. */
static void answer_challenges(const struct sip_msg *msg)
{
	struct digest *digest;
	struct mbuf *mb;
	struct pl rest;
	unsigned lines = 0;

	require(!digest_alloc(&digest, give, NULL));
	mb = mbuf_alloc(256);
	require(mb != NULL);
	if (!digest_challenged(digest, msg)) {
		require(!digest_print(mb, digest, "INVITE", "sip:x@y"));
		rest = (struct pl){.p = (char *)mb->buf, .l = mb->end};
		for (size_t i = 0; i < rest.l; i++)
			lines += rest.p[i] == '\n' || rest.p[i] == '\r';
		require(lines % 2 == 0 &&
			lines / 2 <=
				sip_msg_hdr_count(msg,
						  SIP_HDR_WWW_AUTHENTICATE) +
					sip_msg_hdr_count(
						msg,
						SIP_HDR_PROXY_AUTHENTICATE));
	}
	mem_deref(mb);
	mem_deref(digest);
}

static void read_message(const struct sip_msg *msg)
{
	struct reason reason;
	struct mbuf *sdp = NULL;
	const char *why = NULL;

	if (msg->req && !sanity_request(msg, &why)) {
		require(pl_isset(&msg->callid) && pl_isset(&msg->from.tag) &&
			!pl_cmp(&msg->met, &msg->cseq.met));
	} else if (msg->req) {
		require(why && text_ok(why));
	} else if (sanity_response(msg)) {
		require(pl_isset(&msg->callid) && msg->scode >= 100);
	}
	if (reason_decode(&reason, msg))
		require(text_ok(reason.text));
	(void)retry_after(msg);
	if (!body_sdp(&sdp, msg) && sdp)
		require(mbuf_get_left(sdp) <= mbuf_get_left(msg->mb));
	mem_deref(sdp);
	answer_challenges(msg);
}

/* The same bytes as a user's header lines, URI and listen address. */
static void read_text(const uint8_t *bytes, size_t size)
{
	struct stack_listen listen;
	char *text = malloc(size + 1), err[128];

	require(text != NULL);
	memcpy(text, bytes, size);
	text[size] = '\0';
	if (headers_ok(text))
		require(!strstr(text, "\r\n\r\n"));
	if (uri_ok(text))
		require(!strpbrk(text, "<>\r\n \""));
	(void)stack_listen_parse(&listen, text, err, sizeof(err));
	trace_mask(text);
	require(strlen(text) <= size);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb;

	if (size > 65535)
		return 0;
	read_text(bytes, size);
	mb = mbuf_alloc(size + 1);
	require(mb && !mbuf_write_mem(mb, bytes, size));
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb))
		read_message(msg);
	mem_deref(msg);
	mem_deref(mb);
	return 0;
}
