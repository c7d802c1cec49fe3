/* account_fixture.h -- accounts against a registrar of literal responses
 *
 * The clock (still_clock.h) jumps to the next timer when nothing is left to do.
 * Included by one test program each: everything is static.
 */
#ifndef MOONDIAL_TEST_ACCOUNT_FIXTURE_H
#define MOONDIAL_TEST_ACCOUNT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <re.h>
#include "base/log.h"
#include "base/loop.h"
#include "sip/account/account.h"
#include "sip/digest.h"
#include "sip/stack.h"
#include "digest_check.h"
#include "still_clock.h"

#define UNUSED __attribute__((unused))

/* --- the registrar */

enum { REQUESTS_MAX = 400, HOUR_MS = 3600000, REGISTRARS = 3 };

struct request {
	char text[2048];
	uint64_t at_ms;
	unsigned cseq, expires;
	bool authorized; /* carries an Authorization */
	unsigned at;	 /* which registrar it came to */
};

static struct loop *loop;
static struct stack *stack;
static struct accounts *accounts;
static struct udp_sock *sockets[REGISTRARS], *dns_socket;
static bool dns_knows;
/* the first of the registrars, and all of them */
static struct sa registrar_addr;
static char registrar_uri[64];
static struct sa registrar_addrs[REGISTRARS];
static char registrar_uris[REGISTRARS][64];
static struct request requests[REQUESTS_MAX];
static unsigned count;
static bool deaf[REGISTRARS];	   /* answers nothing */
static unsigned answering;	   /* which registrar does */
static const char *const *answers; /* by number; the last one repeats */
static struct account *changed[REQUESTS_MAX];
static enum account_state states[REQUESTS_MAX];
static unsigned changes;
static bool closed;

/* The value of header NAME in TEXT, or of parameter NAME= up to END. */
static UNUSED bool value(char *out, size_t size, const char *text,
			 const char *name, const char *end)
{
	const char *p = strstr(text, name);
	size_t n;

	if (!p)
		return false;
	p += strlen(name);
	n = strcspn(p, end);
	assert_true(n < size);
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

static UNUSED unsigned number(const char *text, const char *name)
{
	char s[256];

	assert_true(value(s, sizeof(s), text, name, "\r\n;> "));
	return (unsigned)strtoul(s, NULL, 10);
}

/* "200 OK\nExpires: 5\nContact: {contact};expires=3\n" with the header fields
 * of REQUEST. */
static UNUSED void answer(const struct sa *dst, const char *request,
			  const char *text)
{
	static const char *const echoed[] = {
		"\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ",
		"\r\nCSeq: "};
	struct mbuf *mb = mbuf_alloc(1024);
	char s[512];
	const char *mark;

	(void)mbuf_printf(mb, "SIP/2.0 %b\r\n", text, strcspn(text, "\n"));
	for (size_t i = 0; i < ARRAY_SIZE(echoed); i++) {
		assert_true(value(s, sizeof(s), request, echoed[i], "\r"));
		(void)mbuf_printf(mb, "%s%s%s\r\n", echoed[i] + 2, s,
				  i == 2 ? ";tag=registrar" : "");
	}
	for (text = strchr(text, '\n') + 1; *text;
	     text = strchr(text, '\n') + 1) {
		size_t n = strcspn(text, "\n");

		mark = strstr(text, "{contact}");
		if (mark && mark < text + n) {
			assert_true(value(s, sizeof(s), request,
					  "\r\nContact: ", ">"));
			(void)mbuf_printf(mb, "%b%s>%b\r\n", text,
					  (size_t)(mark - text), s, mark + 9,
					  (size_t)(text + n - mark - 9));
		} else {
			(void)mbuf_printf(mb, "%b\r\n", text, n);
		}
	}
	(void)mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");
	mb->pos = 0;
	assert_int_equal(udp_send(sockets[answering], dst, mb), 0);
	mem_deref(mb);
}

static UNUSED void on_request(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct request *r = &requests[count];
	const char *text;
	unsigned n = 0;

	assert_true(count < REQUESTS_MAX);
	memset(r, 0, sizeof(*r));
	(void)mbuf_read_mem(mb, (uint8_t *)r->text, mbuf_get_left(mb));
	assert_int_equal(strncmp(r->text, "REGISTER ", 9), 0);
	r->at_ms = now_ms;
	r->at = answering = (unsigned)(uintptr_t)arg;
	r->cseq = number(r->text, "\r\nCSeq: ");
	r->expires = number(r->text, ";expires=");
	r->authorized = strstr(r->text, "\r\nAuthorization: ") ||
			strstr(r->text, "\r\nProxy-Authorization: ");
	/* A retransmission is met with silence again. */
	for (unsigned i = count; i-- > 0;) {
		char one[128], other[128];

		assert_true(value(one, sizeof(one), r->text, ";branch=", ";"));
		assert_true(value(other, sizeof(other), requests[i].text,
				  ";branch=", ";"));
		if (!strcmp(one, other))
			return;
	}
	while (n < count && answers[n + 1])
		n++;
	text = answers[n];
	count++;
	if (*text && !deaf[r->at])
		answer(src, r->text, text);
}

static UNUSED void on_change(struct account *account, void *arg)
{
	(void)arg;
	assert_true(changes < REQUESTS_MAX);
	changed[changes] = account;
	states[changes++] = account_state(account);
}

static UNUSED void on_closed(void *arg)
{
	(void)arg;
	closed = true;
}

static UNUSED void pump(void)
{
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(loop_event_base(loop), EVLOOP_NONBLOCK);
}

/* Let LIMIT_MS pass at most, until N requests have come and were answered. */
static UNUSED bool run(unsigned n, uint64_t limit_ms)
{
	const uint64_t end = now_ms + limit_ms;

	for (;;) {
		uint64_t next;

		pump();
		if (count >= n)
			return true;
		next = tmr_next_timeout(NULL);
		if (!next || now_ms + next > end) {
			now_ms = end;
			return false;
		}
		now_ms += next;
		tmr_poll(NULL);
	}
}

static UNUSED bool run_until_closed(uint64_t limit_ms)
{
	const uint64_t end = now_ms + limit_ms;

	for (;;) {
		uint64_t next;

		pump();
		if (closed)
			return true;
		next = tmr_next_timeout(NULL);
		if (!next || now_ms + next > end)
			return false;
		now_ms += next;
		tmr_poll(NULL);
	}
}

static UNUSED int setup(void **state)
{
	struct stack_listen listen[2];
	struct stack_config config = {
		.listen = listen, .listen_count = 2, .user_agent = "moondial"};
	char err[256];
	(void)state;

	now_ms = 1000000;
	count = changes = 0;
	memset(deaf, 0, sizeof(deaf));
	closed = false;
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	if (!stack_listen_parse(&listen[0], "udp:127.0.0.1:0", err,
				sizeof(err)) ||
	    !stack_listen_parse(&listen[1], "tcp:127.0.0.1:0", err,
				sizeof(err)) ||
	    stack_alloc(&stack, &config, NULL, NULL, err, sizeof(err)))
		return -1;
	for (uintptr_t n = 0; n < REGISTRARS; n++) {
		struct sa *addr = &registrar_addrs[n];

		if (sa_set_str(addr, "127.0.0.1", 0) ||
		    udp_listen(&sockets[n], addr, on_request, (void *)n) ||
		    udp_local_get(sockets[n], addr))
			return -1;
		(void)re_snprintf(registrar_uris[n], sizeof(registrar_uris[n]),
				  "sip:%J", addr);
	}
	registrar_addr = registrar_addrs[0];
	(void)str_ncpy(registrar_uri, registrar_uris[0], sizeof(registrar_uri));
	return accounts_alloc(&accounts, stack, on_change, NULL);
}

static UNUSED int teardown(void **state)
{
	(void)state;
	accounts_free(accounts);
	stack_free(stack);
	for (int i = 0; i < REGISTRARS; i++)
		sockets[i] = mem_deref(sockets[i]);
	dns_socket = mem_deref(dns_socket);
	loop_free(loop);
	return 0;
}

static UNUSED struct account_params params_of(const char *name)
{
	return (struct account_params){
		.name = name,
		.uri = "sip:alice@example.org",
		.password = "secret",
		.registrar = registrar_uri,
		.registers = true,
		.expires = 600,
		.retry_min = 5,
		.retry_max = 300,
	};
}

static UNUSED struct account *set(const struct account_params *params)
{
	char err[256] = "";

	if (account_set(accounts, params, err, sizeof(err)))
		fail_msg("account_set: %s", err);
	return account_find(accounts, params->name);
}

static UNUSED struct account *begin(const char *const *script)
{
	struct account_params params = params_of("carrier");

	answers = script;
	return set(&params);
}

/* Whether request N proves to know HA1. */
static UNUSED bool proves(unsigned n, const char *ha1)
{
	return digest_check(requests[n].text, "REGISTER", ha1);
}

#define CHALLENGE(nonce)                                                  \
	"401 Unauthorized\nWWW-Authenticate: Digest realm=\"asterisk\", " \
	"nonce=\"" nonce "\", qop=\"auth\", opaque=\"5ccc\"\n"
#define OK  "200 OK\nContact: {contact};expires=600\n"
#define HA1 "37b2b41d66ccecbb1a4bf9b93a2b2d0e"

/* --- a name server */

enum { TYPE_A = 1, TYPE_SRV = 33 };

/* Knows the SRV record of example.test, if any at all, and the address of its
 * target; RFC 1035 4. */
static UNUSED void on_query(const struct sa *src, struct mbuf *mb, void *arg)
{
	static const uint8_t target[] = "\004sip1\007example\004test";
	const char *query = (const char *)mbuf_buf(mb);
	const size_t size = mbuf_get_left(mb);
	struct mbuf *out = mbuf_alloc(512);
	unsigned type;
	bool srv, a;
	(void)arg;

	assert_true(size > 17);
	type = (uint8_t)query[size - 3];
	srv = dns_knows && type == TYPE_SRV &&
	      !strcmp(query + 12, "\004_sip\004_udp\007example\004test");
	a = dns_knows && type == TYPE_A &&
	    !memcmp(query + 12, target, sizeof(target));
	(void)mbuf_write_mem(out, mbuf_buf(mb), size);
	out->buf[2] = 0x81;
	out->buf[3] = dns_knows ? 0x80 : 0x83; /* no such name */
	out->buf[7] = srv || a;
	if (srv || a) {
		(void)mbuf_write_u16(out, htons(0xc00c));
		(void)mbuf_write_u16(out, htons((uint16_t)type));
		(void)mbuf_write_u16(out, htons(1));
		(void)mbuf_write_u32(out, htonl(60));
	}
	if (srv) {
		(void)mbuf_write_u16(out, htons(6 + sizeof(target)));
		(void)mbuf_write_u32(out, 0);
		(void)mbuf_write_u16(out, htons(sa_port(&registrar_addr)));
		(void)mbuf_write_mem(out, target, sizeof(target));
	} else if (a) {
		(void)mbuf_write_u16(out, htons(4));
		(void)mbuf_write_u32(out, htonl(0x7f000001));
	}
	out->pos = 0;
	(void)udp_send(dns_socket, src, out);
	mem_deref(out);
}

static UNUSED void dns_begin(bool knows)
{
	struct sa addr;

	dns_knows = knows;
	assert_int_equal(sa_set_str(&addr, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&dns_socket, &addr, on_query, NULL), 0);
	assert_int_equal(udp_local_get(dns_socket, &addr), 0);
	assert_int_equal(dnsc_srv_set(stack_dns(stack), &addr, 1), 0);
}

static UNUSED bool run_until_failed(const struct account *account,
				    uint64_t limit_ms)
{
	const uint64_t end = now_ms + limit_ms;

	for (;;) {
		uint64_t next;

		pump();
		if (account_state(account) == ACCOUNT_FAILED)
			return true;
		next = tmr_next_timeout(NULL);
		if (!next || now_ms + next > end)
			return false;
		now_ms += next;
		tmr_poll(NULL);
	}
}

#endif
