/* test_account.c -- accounts against a registrar of literal responses
 *
 * The clock is the test's: it stands still while messages go to and fro on
 * loopback, and jumps to the next timer when nothing is left to do. Hours pass
 * in milliseconds and every wait can be measured.
 */
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
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "sip/account.h"
#include "sip/digest.h"
#include "sip/stack.h"
#include "digest_check.h"

/* --- the clock, instead of base/clock.c */

#define WALL_0 INT64_C(1800000000000)

static uint64_t now_ms;

uint64_t clock_mono_ns(void)
{
	return now_ms * 1000000;
}

uint64_t clock_mono_ms(void)
{
	return now_ms;
}

int64_t clock_wall_ms(void)
{
	return WALL_0 + (int64_t)now_ms;
}

char *clock_iso(char out[CLOCK_ISO_SIZE], int64_t wall_ms)
{
	(void)snprintf(out, CLOCK_ISO_SIZE, "%lld", (long long)wall_ms);
	return out;
}

int clock_parse(int64_t *wall_ms, const char *text)
{
	(void)wall_ms;
	(void)text;
	return EINVAL;
}

/* --- the registrar */

enum { REQUESTS_MAX = 400, HOUR_MS = 3600000 };

struct request {
	char text[2048];
	uint64_t at_ms;
	unsigned cseq, expires;
	bool authorized; /* carries an Authorization */
};

static struct loop *loop;
static struct stack *stack;
static struct accounts *accounts;
static struct udp_sock *socket_, *dns_socket;
static bool dns_knows;
static struct sa registrar_addr;
static char registrar_uri[64];
static struct request requests[REQUESTS_MAX];
static unsigned count;
static const char *const *answers; /* by number; the last one repeats */
static struct account *changed[REQUESTS_MAX];
static enum account_state states[REQUESTS_MAX];
static unsigned changes;
static bool closed;

/* The value of header NAME in TEXT, or of parameter NAME= up to END. */
static bool value(char *out, size_t size, const char *text, const char *name,
		  const char *end)
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

static unsigned number(const char *text, const char *name)
{
	char s[256];

	assert_true(value(s, sizeof(s), text, name, "\r\n;> "));
	return (unsigned)strtoul(s, NULL, 10);
}

/* "200 OK\nExpires: 5\nContact: {contact};expires=3\n" with the header fields
 * of REQUEST. */
static void answer(const struct sa *dst, const char *request, const char *text)
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
	assert_int_equal(udp_send(socket_, dst, mb), 0);
	mem_deref(mb);
}

static void on_request(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct request *r = &requests[count];
	const char *text;
	unsigned n = 0;
	(void)arg;

	assert_true(count < REQUESTS_MAX);
	memset(r, 0, sizeof(*r));
	(void)mbuf_read_mem(mb, (uint8_t *)r->text, mbuf_get_left(mb));
	assert_int_equal(strncmp(r->text, "REGISTER ", 9), 0);
	r->at_ms = now_ms;
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
	if (*text)
		answer(src, r->text, text);
}

static void on_change(struct account *account, void *arg)
{
	(void)arg;
	assert_true(changes < REQUESTS_MAX);
	changed[changes] = account;
	states[changes++] = account_state(account);
}

static void on_closed(void *arg)
{
	(void)arg;
	closed = true;
}

static void pump(void)
{
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(loop_event_base(loop), EVLOOP_NONBLOCK);
}

/* Let LIMIT_MS pass at most, until N requests have come and were answered. */
static bool run(unsigned n, uint64_t limit_ms)
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

static bool run_until_closed(uint64_t limit_ms)
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

static int setup(void **state)
{
	struct stack_listen listen[2];
	struct stack_config config = {
		.listen = listen, .listen_count = 2, .user_agent = "moondial"};
	char err[256];
	(void)state;

	now_ms = 1000000;
	count = changes = 0;
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
	if (sa_set_str(&registrar_addr, "127.0.0.1", 0) ||
	    udp_listen(&socket_, &registrar_addr, on_request, NULL) ||
	    udp_local_get(socket_, &registrar_addr))
		return -1;
	(void)re_snprintf(registrar_uri, sizeof(registrar_uri), "sip:%J",
			  &registrar_addr);
	return accounts_alloc(&accounts, stack, on_change, NULL);
}

static int teardown(void **state)
{
	(void)state;
	accounts_free(accounts);
	stack_free(stack);
	mem_deref(socket_);
	dns_socket = mem_deref(dns_socket);
	loop_free(loop);
	return 0;
}

static struct account_params params_of(const char *name)
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

static struct account *set(const struct account_params *params)
{
	char err[256] = "";

	if (account_set(accounts, params, err, sizeof(err)))
		fail_msg("account_set: %s", err);
	return account_find(accounts, params->name);
}

static struct account *begin(const char *const *script)
{
	struct account_params params = params_of("carrier");

	answers = script;
	return set(&params);
}

/* Whether request N proves to know HA1. */
static bool proves(unsigned n, const char *ha1)
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
static void on_query(const struct sa *src, struct mbuf *mb, void *arg)
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

static void dns_begin(bool knows)
{
	struct sa addr;

	dns_knows = knows;
	assert_int_equal(sa_set_str(&addr, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&dns_socket, &addr, on_query, NULL), 0);
	assert_int_equal(udp_local_get(dns_socket, &addr), 0);
	assert_int_equal(dnsc_srv_set(stack_dns(stack), &addr, 1), 0);
}

/* --- tests */

static void it_registers_with_digest_and_one_callid(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	char ha1[33], one[128], two[128];
	(void)state;

	assert_int_equal(account_state(account), ACCOUNT_TRYING);
	assert_int_equal(count, 0); /* never before account_set() returns */
	assert_true(run(2, 0));
	assert_false(requests[0].authorized);
	md5_hex(ha1, "alice:asterisk:secret");
	assert_true(proves(1, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_expires(account), 600);
	assert_int_equal(account_registered_at(account), clock_wall_ms());
	assert_int_equal(changes, 1);
	assert_int_equal(states[0], ACCOUNT_REGISTERED);

	/* The refresh is in time, carries credentials at once, goes on
	 * counting. */
	assert_true(run(3, 600000));
	assert_in_range(requests[2].at_ms - requests[1].at_ms, 480000, 566000);
	assert_true(proves(2, ha1));
	assert_non_null(strstr(requests[2].text, "nc=00000002"));
	assert_int_equal(requests[2].cseq, requests[0].cseq + 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(value(one, sizeof(one), requests[0].text,
				  "Call-ID: ", "\r"));
		assert_true(value(two, sizeof(two), requests[i].text,
				  "Call-ID: ", "\r"));
		assert_string_equal(one, two);
		assert_non_null(strstr(requests[i].text,
				       "\r\nTo: <sip:alice@example.org>\r\n"));
	}
	assert_int_equal(changes, 1);
}

static void ha1_serves_instead_of_a_password(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account_params params = params_of("carrier");
	(void)state;

	answers = script;
	params.password = NULL;
	params.ha1 = "0123456789ABCDEF0123456789abcdef";
	params.auth_user = "login";
	(void)set(&params);
	assert_true(run(2, 0));
	assert_true(proves(1, "0123456789abcdef0123456789abcdef"));
	assert_non_null(strstr(requests[1].text, "username=\"login\""));
}

static void the_md5_challenge_is_picked_among_others(void **state)
{
	const char *const script[] = {
		"401 Unauthorized\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"a\", "
		"algorithm=SHA-256, qop=\"auth\"\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", "
		"algorithm=MD5, qop=\"auth\"\n",
		OK, NULL};
	struct account *account = begin(script);
	char ha1[33];
	(void)state;

	assert_true(run(2, 0));
	md5_hex(ha1, "alice:r:secret");
	assert_true(proves(1, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_stale_nonce_is_replaced_without_a_failure(void **state)
{
	const char *const script[] = {
		CHALLENGE("n1"), OK,
		"401 Unauthorized\nWWW-Authenticate: Digest "
		"realm=\"asterisk\", nonce=\"n2\", qop=\"auth\", stale=true\n",
		OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(4, 600000));
	assert_non_null(strstr(requests[3].text, "nonce=\"n2\""));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 1);
}

static void a_wrong_password_is_not_hammered(void **state)
{
	/* A new nonce each time, as Kamailio does. */
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n2"),
				      CHALLENGE("n3"), CHALLENGE("n4"),
				      CHALLENGE("n5"), CHALLENGE("n6"),
				      CHALLENGE("n7"), NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(4, 0));
	assert_int_equal(count, 3);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 401);
	assert_non_null(strstr(account_reason(account), "401 Unauthorized"));
	assert_non_null(strstr(account_reason(account), "refused"));
	/* Slower than for other failures. */
	assert_true(run(4, HOUR_MS));
	assert_in_range(requests[3].at_ms - requests[2].at_ms, 15000, 25000);
	assert_int_equal(changes, 1);
}

static void the_same_nonce_again_is_final(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"), NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(3, 0));
	assert_int_equal(count, 2);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
}

static void a_refusal_keeps_its_reason(void **state)
{
	const char *const script[] = {"403 Not here, friend\n", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 403);
	assert_string_equal(account_reason(account), "403 Not here, friend");
	assert_true(account_next_at(account) > clock_wall_ms());
	assert_true(run(2, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(states[changes - 1], ACCOUNT_REGISTERED);
}

static void a_redirection_is_not_followed(void **state)
{
	const char *const script[] = {
		"302 Moved Temporarily\nContact: <sip:127.0.0.1:9>\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 302);
}

static void too_brief_is_asked_again_at_once(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 1800\n",
		"200 OK\nContact: {contact};expires=1800\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(2, 0));
	assert_int_equal(requests[0].expires, 600);
	assert_int_equal(requests[1].expires, 1800);
	assert_int_equal(account_expires(account), 1800);
	/* And remembered. */
	assert_true(run(3, 1800000));
	assert_int_equal(requests[2].expires, 1800);
}

static void too_brief_for_ever_is_a_failure(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 1800\n",
		"423 Interval Too Brief\nMin-Expires: 3600\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(3, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 423);
}

static void too_brief_without_more_to_ask_for_is_a_failure(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 600\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(2, 0));
	assert_int_equal(count, 1);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
}

/* A registrar whose nonce never changes must be able to relent. */
static void a_new_attempt_begins_without_the_refused_answer(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"),
				      CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(4, HOUR_MS));
	assert_false(requests[2].authorized);
	assert_true(requests[3].authorized);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void failures_are_retried_for_ever_ever_slower(void **state)
{
	const char *const script[] = {"500 Server Internal Error\n", NULL};
	uint64_t wait, last = 0;
	(void)state;

	(void)begin(script);
	assert_true(run(40, 40 * (uint64_t)300000));
	for (unsigned i = 1; i < 40; i++) {
		wait = requests[i].at_ms - requests[i - 1].at_ms;
		assert_in_range(wait, 5000, 300000);
		if (i < 6)
			assert_true(wait > last);
		last = wait;
	}
	assert_true(last >= 225000);
	assert_int_equal(changes, 1);
}

static void retry_after_is_respected(void **state)
{
	const char *const script[] = {
		"503 Service Unavailable\nRetry-After: 120\n", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_scode(account), 503);
	assert_true(run(2, HOUR_MS));
	assert_in_range(requests[1].at_ms - requests[0].at_ms, 120000, 132000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void silence_is_a_failure_and_tried_again(void **state)
{
	const char *const script[] = {"", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(2, HOUR_MS));
	assert_in_range(requests[1].at_ms - requests[0].at_ms, 37000, 38500);
	assert_int_equal(states[0], ACCOUNT_FAILED);
	assert_non_null(strstr(account_reason(account), "does not answer"));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void the_registrar_is_found_by_srv_and_a(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	dns_begin(true);
	answers = script;
	params.uri = "sip:alice@example.test";
	params.registrar = NULL;
	account = set(&params);
	assert_true(run(1, 0));
	assert_int_equal(
		strncmp(requests[0].text, "REGISTER sip:example.test SIP", 29),
		0);
	pump();
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static bool run_until_failed(const struct account *account, uint64_t limit_ms)
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

static void a_name_without_address_is_a_failure_until_it_has_one(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	dns_begin(false);
	answers = script;
	params.registrar = "sip:example.test";
	account = set(&params);
	assert_true(run_until_failed(account, 1000));
	assert_string_equal(account_reason(account),
			    "no address found for sip:example.test");
	dns_knows = true;
	assert_true(run(1, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_refused_connection_is_a_failure(void **state)
{
	struct account_params params = params_of("carrier");
	struct account *account;
	char uri[96];
	(void)state;

	/* Nobody listens on the registrar's port but for UDP. */
	(void)snprintf(uri, sizeof(uri), "%s;transport=tcp", registrar_uri);
	params.registrar = uri;
	account = set(&params);
	assert_true(run_until_failed(account, 40000));
	assert_int_equal(account_scode(account), 0);
	assert_non_null(strstr(account_reason(account), "refused"));
}

static void proxy_and_registrar_may_both_challenge(void **state)
{
	const char *const script[] = {
		"407 Proxy Authentication Required\n"
		"Proxy-Authenticate: Digest realm=\"edge\", nonce=\"p\"\n",
		CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(3, 0));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_non_null(strstr(requests[2].text, "\r\nProxy-Authorization: "));
	assert_non_null(strstr(requests[2].text, "\r\nAuthorization: "));
}

static const struct {
	const char *ok;
	unsigned expires;
} grants[] = {
	/* Ours among others, by user and port; its own parameter first. */
	{"200 OK\nExpires: 500\n"
	 "Contact: <sip:alice@127.0.0.1:9>;expires=7, {contact};expires=60, "
	 "<sip:bob@127.0.0.1:5060>;expires=8\n",
	 60},
	/* No parameter: the header. */
	{"200 OK\nExpires: 90\nContact: {contact}\n", 90},
	/* Not listed: the header, or what we asked. */
	{"200 OK\nExpires: 80\nContact: <sip:alice@127.0.0.1:9>;expires=7\n",
	 80},
	{"200 OK\n", 600},
	{"200 OK\nContact: {contact};expires=99999999999999\n", UINT32_MAX},
};

static void the_registrars_expiry_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(grants); i++) {
		const char *const script[] = {grants[i].ok, NULL};
		struct account *account;
		char name[16];
		struct account_params params;

		(void)snprintf(name, sizeof(name), "a%zu", i);
		params = params_of(name);
		count = 0;
		answers = script;
		account = set(&params);
		assert_true(run(1, 0));
		assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
		assert_int_equal(account_expires(account), grants[i].expires);
		/* Before it ends, however short it is. */
		assert_in_range(account_next_at(account) - clock_wall_ms(),
				(uint64_t)1000,
				grants[i].expires * UINT64_C(1000) - 1000);
	}
}

static void a_contact_rewritten_by_a_nat_is_still_ours(void **state)
{
	/* What we send has a line of its own that survives. */
	const char *const script[] = {"", NULL};
	struct account *account = begin(script);
	struct sa src;
	char line[64], ok[256];
	(void)state;

	assert_true(run(1, 0));
	assert_true(value(line, sizeof(line), requests[0].text, ";line=", ">"));
	(void)snprintf(ok, sizeof(ok),
		       "200 OK\nContact: "
		       "<sip:alice@192.0.2.9:1024;line=%s>;expires=77\n",
		       line);
	assert_true(value(line, sizeof(line), requests[0].text,
			  "Via: SIP/2.0/UDP 127.0.0.1:", ";"));
	assert_int_equal(sa_set_str(&src, "127.0.0.1",
				    (uint16_t)strtoul(line, NULL, 10)),
			 0);
	answer(&src, requests[0].text, ok);
	pump();
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_expires(account), 77);
}

static void nothing_granted_is_a_failure(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=0\n",
				      NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_non_null(strstr(account_reason(account), "0 s"));
}

static void the_shortest_expiry_is_asked_for_once_a_second(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=1\n",
				      NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(5, 10000));
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(requests[i].at_ms - requests[i - 1].at_ms,
				 1000);
}

static void an_outbound_proxy_gets_it_with_a_route(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	char route[128], proxy[96];
	(void)state;

	answers = script;
	(void)snprintf(proxy, sizeof(proxy), "%s;lr", registrar_uri);
	(void)snprintf(route, sizeof(route), "\r\nRoute: <%s;lr>\r\n",
		       registrar_uri);
	params.registrar = NULL;
	params.proxy = proxy;
	(void)set(&params);
	assert_true(run(1, 0));
	assert_int_equal(strncmp(requests[0].text,
				 "REGISTER sip:example.org SIP/2.0\r\n", 34),
			 0);
	assert_non_null(strstr(requests[0].text, route));
}

static void closing_takes_the_binding_back(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, CHALLENGE("n2"),
				      "200 OK\n", NULL};
	struct account *account = begin(script);
	(void)state;

	mem_ref(account);
	assert_true(run(2, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_false(closed);
	assert_true(run_until_closed(0));
	assert_int_equal(count, 4);
	assert_int_equal(requests[3].expires, 0);
	assert_true(requests[3].authorized);
	assert_int_equal(account_state(account), ACCOUNT_CLOSED);
	assert_int_equal(states[changes - 1], ACCOUNT_CLOSED);
	mem_deref(account);
}

static void closing_waits_no_longer_than_asked(void **state)
{
	const char *const script[] = {OK, "", NULL};
	const uint64_t begun = now_ms;
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_true(run_until_closed(10000));
	assert_in_range(now_ms - begun, 2000, 2000);
	closed = false;
	assert_false(run_until_closed(HOUR_MS)); /* once only */
}

static void closing_without_a_binding_says_nothing(void **state)
{
	const char *const script[] = {"403 Forbidden\n", NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_false(closed);
	assert_true(run_until_closed(0));
	assert_int_equal(count, 1);
}

static void removing_one_takes_its_binding_back(void **state)
{
	const char *const script[] = {OK, "200 OK\n", NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	assert_int_equal(account_remove(accounts, "nobody"), ENOENT);
	assert_int_equal(account_remove(accounts, "carrier"), 0);
	assert_null(account_find(accounts, "carrier"));
	assert_true(run(2, 0));
	assert_int_equal(requests[1].expires, 0);
	assert_false(run(3, HOUR_MS));
}

static void a_changed_password_registers_again(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"),
				      CHALLENGE("n2"), OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	char ha1[33];
	(void)state;

	assert_true(run(2, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	params.password = "better";
	assert_ptr_equal(set(&params), account);
	assert_int_equal(account_state(account), ACCOUNT_TRYING);
	assert_int_equal(states[changes - 1], ACCOUNT_TRYING);
	assert_true(run(4, 1000));
	assert_int_equal(requests[2].at_ms - requests[0].at_ms, 1000);
	md5_hex(ha1, "alice:asterisk:better");
	assert_true(proves(3, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void what_the_registrar_doesnt_see_changes_in_silence(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	(void)state;

	assert_true(run(1, 0));
	params.max_calls = 7;
	params.display_name = "Alice";
	(void)set(&params);
	assert_int_equal(account_params(account)->max_calls, 7);
	assert_string_equal(account_params(account)->display_name, "Alice");
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_false(run(2, 300000));
	assert_int_equal(changes, 1);
}

static void a_changed_identity_leaves_the_old_one(void **state)
{
	const char *const script[] = {OK, "200 OK\n", OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account = begin(script);
	unsigned gone = 0, come = 0;
	(void)state;

	assert_true(run(1, 0));
	params.uri = "sip:bob@example.org";
	(void)set(&params);
	assert_true(run(3, 2000));
	for (unsigned i = 1; i < 3; i++) {
		if (!requests[i].expires &&
		    strstr(requests[i].text, "To: <sip:alice@"))
			gone++;
		if (requests[i].expires &&
		    strstr(requests[i].text, "To: <sip:bob@"))
			come++;
	}
	assert_int_equal(gone, 1);
	assert_int_equal(come, 1);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void an_account_that_doesnt_register_is_off(void **state)
{
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	params.registers = false;
	account = set(&params);
	assert_false(run(1, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_OFF);
	assert_string_equal(account_reason(account), "");
}

static int auth(struct account *account, const char *realm)
{
	char *user = NULL, *password = NULL;
	int err = account_auth(&user, &password, realm, account);

	if (!err) {
		assert_string_equal(user, "alice");
		assert_string_equal(password, "secret");
	}
	mem_deref(user);
	mem_deref(password);
	return err;
}

static void credentials_go_to_the_registrars_realm_only(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	(void)state;

	assert_int_equal(auth(account, "asterisk"), EAUTH); /* not yet */
	assert_true(run(2, 0));
	assert_int_equal(auth(account, "asterisk"), 0);
	assert_int_equal(auth(account, "example.org"), 0); /* the domain */
	assert_int_equal(auth(account, "evil.example"), EAUTH);

	params.realm = "office";
	(void)set(&params);
	assert_int_equal(auth(account, "office"), 0);
	assert_int_equal(auth(account, "asterisk"), EAUTH);
	assert_int_equal(auth(account, "example.org"), EAUTH);
	params.password = NULL;
	(void)set(&params);
	assert_int_equal(auth(account, "office"), EAUTH);
}

static void another_realm_gets_no_answer(void **state)
{
	const char *const script[] = {
		CHALLENGE("n1"), OK,
		"401 Unauthorized\nWWW-Authenticate: Digest realm=\"evil\", "
		"nonce=\"n9\"\n",
		NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(3, 600000));
	assert_false(run(4, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_null(strstr(requests[2].text, "evil"));
}

static struct sip_msg *invite(const char *ruri, const char *to)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct sip_msg *msg = NULL;

	(void)mbuf_printf(mb,
			  "INVITE %s SIP/2.0\r\n"
			  "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n"
			  "From: <sip:x@y>;tag=1\r\nTo: <%s>\r\n"
			  "Call-ID: 1\r\nCSeq: 1 INVITE\r\n"
			  "Content-Length: 0\r\n\r\n",
			  ruri, to);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	mem_deref(mb);
	return msg;
}

static void assert_for(const char *ruri, const char *to,
		       const struct account *account)
{
	struct sip_msg *msg = invite(ruri, to);

	assert_ptr_equal(account_of_invite(accounts, msg), account);
	mem_deref(msg);
}

static void an_invite_finds_its_account(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("one");
	struct account *one, *two;
	char contact[128], bare[128];
	(void)state;

	answers = script;
	one = set(&params);
	params.name = "two";
	params.uri = "sip:alice@example.net";
	two = set(&params);
	assert_true(run(2, 0));
	for (int i = 0; i < 2; i++) {
		assert_true(value(contact, sizeof(contact), requests[i].text,
				  "Contact: <", ">"));
		assert_for(contact, "sip:x@y",
			   strstr(requests[i].text, "example.net") ? two : one);
	}
	/* Without our line: by To, else by user and address. */
	(void)value(bare, sizeof(bare), contact, "", ";");
	assert_for(bare, "sip:alice@EXAMPLE.net", two);
	assert_for(bare, "sip:alice@example.org", one);
	assert_for("sip:bob@127.0.0.1", "sip:bob@example.org", NULL);
	assert_for("sip:alice@127.0.0.1:1", "sip:x@y", NULL);
	assert_int_equal(account_remove(accounts, "one"), 0);
	assert_for(bare, "sip:x@y", two);
}

static void many_accounts_dont_register_all_at_once(void **state)
{
	const char *const script[] = {OK, NULL};
	const uint64_t begun = now_ms;
	unsigned at_once;
	(void)state;

	answers = script;
	for (int i = 0; i < 200; i++) {
		struct account_params params = params_of("");
		char name[16], uri[32];

		(void)snprintf(name, sizeof(name), "a%d", i);
		(void)snprintf(uri, sizeof(uri), "sip:%s@example.org", name);
		params.name = name;
		params.uri = uri;
		(void)set(&params);
	}
	pump();
	at_once = count;
	assert_true(at_once < 60);
	assert_true(run(200, 2000));
	assert_true(now_ms - begun > 1000);
	assert_int_equal(changes, 200);
}

static const struct {
	struct account_params params;
	const char *key;
} wrong[] = {
	{{.name = "x"}, "uri:"},
	{{.name = "x", .uri = "sip:example.org"}, "uri:"},
	{{.name = "x", .uri = "alice"}, "uri:"},
	{{.name = "x", .uri = "tel:alice@example.org"}, "uri:"},
	{{.name = "x", .uri = "sip:a@b\r\nX: y"}, "uri:"},
	{{.uri = "sip:a@b"}, "name:"},
	{{.name = "x", .uri = "sip:a@b", .registrar = "b"}, "registrar:"},
	{{.name = "x", .uri = "sip:a@b", .proxy = "sip:"}, "proxy:"},
	{{.name = "x", .uri = "sip:a@b", .ha1 = "123"}, "ha1:"},
	{{.name = "x", .uri = "sip:a@b", .ha1 = HA1, .password = "p"},
	 "password"},
	{{.name = "x", .uri = "sip:a@b", .password = "\001"}, "password"},
	{{.name = "x", .uri = "sip:a@b", .auth_user = "a\"b"}, "auth_user:"},
	{{.name = "x", .uri = "sip:a@b", .display_name = "a\nb"},
	 "display_name:"},
	{{.name = "x", .uri = "sip:a@b", .retry_min = 9, .retry_max = 8},
	 "retry_max:"},
};

static void a_wrong_parameter_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char err[256] = "";

		assert_int_equal(account_set(accounts, &wrong[i].params, err,
					     sizeof(err)),
				 EINVAL);
		if (strncmp(err, wrong[i].key, strlen(wrong[i].key)) != 0)
			fail_msg("%s doesn't begin with %s", err, wrong[i].key);
		assert_null(account_find(accounts, "x"));
	}
}

static void a_trusted_registrar_is_forgotten_with_its_account(void **state)
{
	const char *const script[] = {OK, "200 OK\n", NULL};
	(void)state;

	(void)begin(script);
	assert_false(stack_trusted(stack, &registrar_addr));
	assert_true(run(1, 0));
	assert_true(stack_trusted(stack, &registrar_addr));
	assert_int_equal(account_remove(accounts, "carrier"), 0);
	assert_true(run(2, 0));
	assert_false(stack_trusted(stack, &registrar_addr));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_registers_with_digest_and_one_callid),
		T(ha1_serves_instead_of_a_password),
		T(the_md5_challenge_is_picked_among_others),
		T(a_stale_nonce_is_replaced_without_a_failure),
		T(a_wrong_password_is_not_hammered),
		T(the_same_nonce_again_is_final),
		T(a_refusal_keeps_its_reason),
		T(a_redirection_is_not_followed),
		T(too_brief_is_asked_again_at_once),
		T(too_brief_for_ever_is_a_failure),
		T(too_brief_without_more_to_ask_for_is_a_failure),
		T(a_new_attempt_begins_without_the_refused_answer),
		T(failures_are_retried_for_ever_ever_slower),
		T(retry_after_is_respected),
		T(silence_is_a_failure_and_tried_again),
		T(the_registrar_is_found_by_srv_and_a),
		T(a_name_without_address_is_a_failure_until_it_has_one),
		T(a_refused_connection_is_a_failure),
		T(proxy_and_registrar_may_both_challenge),
		T(the_registrars_expiry_counts),
		T(a_contact_rewritten_by_a_nat_is_still_ours),
		T(nothing_granted_is_a_failure),
		T(the_shortest_expiry_is_asked_for_once_a_second),
		T(an_outbound_proxy_gets_it_with_a_route),
		T(closing_takes_the_binding_back),
		T(closing_waits_no_longer_than_asked),
		T(closing_without_a_binding_says_nothing),
		T(removing_one_takes_its_binding_back),
		T(a_changed_password_registers_again),
		T(what_the_registrar_doesnt_see_changes_in_silence),
		T(a_changed_identity_leaves_the_old_one),
		T(an_account_that_doesnt_register_is_off),
		T(credentials_go_to_the_registrars_realm_only),
		T(another_realm_gets_no_answer),
		T(an_invite_finds_its_account),
		T(many_accounts_dont_register_all_at_once),
		T(a_wrong_parameter_is_named),
		T(a_trusted_registrar_is_forgotten_with_its_account),
	};
	int failed;

	if (libre_init())
		return 1;
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
