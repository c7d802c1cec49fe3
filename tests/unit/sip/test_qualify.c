/* test_qualify.c -- peers that answer, are slow, lossy, silent, and come back
 *
 * The peer is a real socket; the clock is the test's: it stands still while
 * messages go to and fro on loopback, and jumps to the next timer when nothing
 * is left to do.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <re.h>
#include "base/clock.h"
#include "base/loop.h"
#include "sip/qualify.h"
#include "sip/resolve.h"
#include "sip/stack.h"

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
	*wall_ms = 0;
	(void)text;
	return EINVAL;
}

/* --- the peer */

#define MINUTE_MS UINT64_C(60000)

enum { KEPT = 64, MANY = 3000 };

struct request {
	char text[1024];
	uint64_t at_ms;
	struct sa src;
	bool answered;
};

static struct loop *loop;
static struct stack *stack;
static struct qualifier *qualifier;
static struct qualify *peer;
static struct udp_sock *socket_, *second_socket, *dns_socket;
static struct tcp_sock *tcp_socket;
static struct tcp_conn *tcp_conn;
static struct sa addr, second_addr, tcp_addr;
static char uri[64];
static struct request requests[KEPT];
static unsigned count, second_count;
static unsigned per_second[4 * 60];

/* Answer request N after DELAY_MS with STATUS; NULL: never. */
struct behaviour {
	const char *status;
	unsigned lost; /* of each cycle's tries, so many first ones */
	uint64_t delay_ms;
};
static struct behaviour behaviour;
static unsigned tries; /* since it was heard last */

static enum reach states[KEPT];
static unsigned changes;
static bool release;

/* The value of header NAME in TEXT. */
static void value(char *out, size_t size, const char *text, const char *name)
{
	const char *p = strstr(text, name);
	size_t n;

	assert_non_null(p);
	p += strlen(name);
	n = strcspn(p, "\r");
	assert_true(n < size);
	memcpy(out, p, n);
	out[n] = '\0';
}

static struct mbuf *response(const char *request, const char *status)
{
	static const char *const echoed[] = {
		"\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ",
		"\r\nCSeq: "};
	struct mbuf *mb = mbuf_alloc(1024);
	char s[512];

	(void)mbuf_printf(mb, "SIP/2.0 %s\r\n", status);
	for (size_t i = 0; i < ARRAY_SIZE(echoed); i++) {
		value(s, sizeof(s), request, echoed[i]);
		(void)mbuf_printf(mb, "%s%s%s\r\n", echoed[i] + 2, s,
				  i == 2 ? ";tag=peer" : "");
	}
	(void)mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");
	mb->pos = 0;
	return mb;
}

static void answer(struct request *r, const char *status)
{
	struct mbuf *mb = response(r->text, status);

	r->answered = true;
	assert_int_equal(udp_send(socket_, &r->src, mb), 0);
	mem_deref(mb);
}

static void on_request(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct request *r = &requests[count % KEPT];
	(void)arg;

	memset(r, 0, sizeof(*r));
	assert_true(mbuf_get_left(mb) < sizeof(r->text));
	(void)mbuf_read_mem(mb, (uint8_t *)r->text, mbuf_get_left(mb));
	r->at_ms = now_ms;
	r->src = *src;
	count++;
	if (now_ms / 1000 - 1000 < ARRAY_SIZE(per_second))
		per_second[now_ms / 1000 - 1000]++;
	if (!behaviour.status)
		return;
	if (tries++ < behaviour.lost)
		return;
	if (!behaviour.delay_ms) {
		tries = 0;
		answer(r, behaviour.status);
	}
}

static void on_second(const struct sa *src, struct mbuf *mb, void *arg)
{
	(void)src;
	(void)mb;
	(void)arg;
	second_count++;
}

/* What the peer has waited with. */
static void answer_due(void)
{
	for (unsigned i = 0; behaviour.delay_ms && i < count && i < KEPT; i++) {
		struct request *r = &requests[i];

		if (!r->answered && now_ms >= r->at_ms + behaviour.delay_ms)
			answer(r, behaviour.status);
	}
}

static void on_change(struct qualify *qualify, void *arg)
{
	(void)arg;
	assert_true(changes < KEPT);
	states[changes++] = qualify_state(qualify);
	if (release) {
		assert_ptr_equal(qualify, peer);
		peer = mem_deref(peer);
	}
}

static void pump(void)
{
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(loop_event_base(loop), EVLOOP_NONBLOCK);
}

/* Let MS pass. */
static void pass(uint64_t ms)
{
	const uint64_t end = now_ms + ms;

	for (;;) {
		uint64_t next, step;

		pump();
		answer_due();
		pump();
		next = tmr_next_timeout(NULL);
		step = next && now_ms + next < end ? next : end - now_ms;
		if (behaviour.delay_ms && step > 100)
			step = 100;
		if (!step && now_ms == end)
			return;
		now_ms += step;
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
	count = second_count = changes = tries = 0;
	release = false;
	memset(per_second, 0, sizeof(per_second));
	memset(requests, 0, sizeof(requests));
	behaviour = (struct behaviour){.status = "200 OK"};
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	if (!stack_listen_parse(&listen[0], "udp:127.0.0.1:0", err,
				sizeof(err)) ||
	    !stack_listen_parse(&listen[1], "tcp:127.0.0.1:0", err,
				sizeof(err)) ||
	    stack_alloc(&stack, &config, NULL, NULL, err, sizeof(err)))
		return -1;
	if (sa_set_str(&addr, "127.0.0.1", 0) ||
	    udp_listen(&socket_, &addr, on_request, NULL) ||
	    udp_local_get(socket_, &addr))
		return -1;
	/* of many peers' requests none is lost for want of room */
	(void)udp_sockbuf_set(socket_, 4 << 20);
	(void)re_snprintf(uri, sizeof(uri), "sip:bob@%J", &addr);
	return qualifier_alloc(&qualifier, stack);
}

static int teardown(void **state)
{
	(void)state;
	peer = mem_deref(peer);
	qualifier_free(qualifier);
	stack_free(stack);
	socket_ = mem_deref(socket_);
	second_socket = mem_deref(second_socket);
	dns_socket = mem_deref(dns_socket);
	tcp_conn = mem_deref(tcp_conn);
	tcp_socket = mem_deref(tcp_socket);
	loop_free(loop);
	return 0;
}

static void begin(const struct qualify_params *params)
{
	assert_int_equal(
		qualify_alloc(&peer, qualifier, params, on_change, NULL), 0);
}

static void begin_plain(void)
{
	const struct qualify_params params = {.uri = uri};

	begin(&params);
}

/* --- tests */

static void a_peer_that_answers_is_reachable(void **state)
{
	(void)state;
	begin_plain();
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	assert_true(qualify_availability(peer) < 0);
	assert_int_equal(changes, 0);
	pass(10);
	/* asked at once, without a word of its change before alloc returned */
	assert_int_equal(count, 1);
	assert_int_equal(changes, 1);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(qualify_since(peer), WALL_0 + 1000000);
	assert_int_equal(qualify_scode(peer), 200);
	assert_string_equal(qualify_reason(peer), "");
	assert_true(qualify_availability(peer) == 1);
}

static void the_request_is_an_options_that_any_user_agent_takes(void **state)
{
	char s[256];
	struct sip_msg *msg = NULL;
	struct mbuf *mb = mbuf_alloc(1024);
	(void)state;

	begin_plain();
	pass(10);
	(void)mbuf_write_str(mb, requests[0].text);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	assert_int_equal(pl_strcmp(&msg->met, "OPTIONS"), 0);
	assert_int_equal(pl_strcmp(&msg->ruri, uri), 0);
	assert_int_equal(pl_strcmp(&msg->maxfwd, "70"), 0);
	assert_true(pl_isset(&msg->from.tag));
	assert_false(pl_isset(&msg->to.tag));
	assert_int_equal(pl_strcmp(&msg->cseq.met, "OPTIONS"), 0);
	assert_non_null(sip_msg_hdr(msg, SIP_HDR_CONTACT));
	assert_non_null(sip_msg_hdr(msg, SIP_HDR_ACCEPT));
	assert_true(sip_msg_hdr_has_value(msg, SIP_HDR_USER_AGENT, "moondial"));
	value(s, sizeof(s), requests[0].text, "\r\nVia: ");
	assert_non_null(strstr(s, ";rport"));
	assert_non_null(strstr(s, ";branch=z9hG4bK"));
	mem_deref(msg);
	mem_deref(mb);
}

static void each_sending_is_a_request_of_its_own(void **state)
{
	char one[128], other[128];
	(void)state;

	behaviour.lost = 1;
	begin_plain();
	pass(2000);
	assert_int_equal(count, 2);
	value(one, sizeof(one), requests[0].text, "\r\nCall-ID: ");
	value(other, sizeof(other), requests[1].text, "\r\nCall-ID: ");
	assert_string_not_equal(one, other);
	value(one, sizeof(one), requests[0].text, "\r\nVia: ");
	value(other, sizeof(other), requests[1].text, "\r\nVia: ");
	assert_string_not_equal(one, other);
}

static void it_is_asked_again_each_interval(void **state)
{
	(void)state;
	begin_plain();
	pass(10 * MINUTE_MS + 5000);
	assert_in_range(count, 10, 12);
	for (unsigned i = 1; i < count; i++)
		assert_in_range(requests[i].at_ms - requests[i - 1].at_ms,
				58000, 62000);
	assert_int_equal(changes, 1);
}

static void a_lost_try_is_made_good_by_the_next(void **state)
{
	(void)state;
	behaviour.lost = 6;
	begin_plain();
	pass(5999);
	assert_int_equal(count, 6);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	pass(1);
	assert_int_equal(count, 7);
	for (unsigned i = 1; i < 7; i++)
		assert_int_equal(requests[i].at_ms - requests[i - 1].at_ms,
				 1000);
	/* the round trip is that of the try which was answered */
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_true(qualify_rtt_us(peer) < 1000);
}

static void
silence_makes_it_unreachable_and_each_cycle_tries_again(void **state)
{
	(void)state;
	behaviour.status = NULL;
	begin_plain();
	pass(7999);
	assert_int_equal(count, 7);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	pass(1); /* the last one has had its two seconds */
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "no answer to 7 OPTIONS");
	assert_true(qualify_availability(peer) == 0);
	pass(48000);
	assert_int_equal(count, 7);
	pass(14000);
	assert_int_equal(count, 14);
	assert_int_equal(changes, 1);

	/* it comes back */
	behaviour.status = "200 OK";
	pass(MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_string_equal(qualify_reason(peer), "");
	assert_int_equal(count, 15);
	assert_int_equal(changes, 2);
}

static void a_late_answer_means_lagged(void **state)
{
	(void)state;
	behaviour.delay_ms = 3000;
	begin_plain();
	pass(3500);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	assert_in_range(qualify_rtt_us(peer), 3000000, 3100000);
	assert_non_null(strstr(qualify_reason(peer), "answers after 30"));
	/* no further tries, now that it is known to be there */
	pass(20000);
	assert_int_equal(count, 4);

	behaviour.delay_ms = 1000;
	pass(50000);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(changes, 2);
}

static void an_answer_after_the_last_try_still_counts(void **state)
{
	(void)state;
	behaviour.delay_ms = 12000;
	begin_plain();
	pass(9000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(4000);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	assert_int_equal(changes, 2);
}

static void the_timeout_is_what_is_asked_for(void **state)
{
	const struct qualify_params params = {.uri = uri,
					      .timeout_ms = 500,
					      .every_ms = 10000,
					      .gap_ms = 200,
					      .tries = 3};
	(void)state;

	behaviour.delay_ms = 600;
	begin(&params);
	pass(899);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	behaviour.status = NULL;
	behaviour.delay_ms = 0;
	pass(11000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "no answer to 3 OPTIONS");
}

static void any_answer_counts(void **state)
{
	(void)state;
	behaviour.status = "404 Not Found";
	begin_plain();
	pass(10);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(qualify_scode(peer), 404);
}

static void a_provisional_answer_is_none(void **state)
{
	(void)state;
	behaviour.status = "100 Trying";
	begin_plain();
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
}

static void or_2xx_only(void **state)
{
	const struct qualify_params params = {.uri = uri, .success = true};
	(void)state;

	behaviour.status = "503 Service Unavailable";
	begin(&params);
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "503 Service Unavailable");
	behaviour.status = "204 No Notification";
	pass(MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

static void what_answers_no_request_of_this_cycle_says_nothing(void **state)
{
	char *at, text[1024];
	struct mbuf *mb;
	(void)state;

	behaviour.status = NULL;
	begin_plain();
	pass(10);
	/* a branch that nobody was given, of each part of it */
	for (unsigned i = 0; i < 24; i++) {
		(void)snprintf(text, sizeof(text), "%s", requests[0].text);
		at = strstr(text, "z9hG4bKping") + 11 + i;
		*at = *at == '7' ? '8' : '7';
		mb = response(text, "200 OK");
		assert_int_equal(udp_send(socket_, &requests[0].src, mb), 0);
		mem_deref(mb);
	}
	pump();
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	/* an answer of the cycle before */
	pass(MINUTE_MS + 2000);
	assert_int_equal(changes, 1);
	assert_true(count > 7);
	answer(&requests[0], "200 OK");
	pump();
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	answer(&requests[7], "200 OK");
	pump();
	assert_int_not_equal(qualify_state(peer), REACH_UNREACHABLE);
}

static void a_failed_invite_counts_until_it_is_forgiven(void **state)
{
	(void)state;
	begin_plain();
	pass(10);
	assert_int_equal(count, 1);
	qualify_failed(peer, "INVITE: no answer", 10000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "INVITE: no answer");
	/* nor does an answer to what was sent before lift it */
	answer(&requests[0], "200 OK");
	qualify_now(peer);
	pass(9990);
	assert_int_equal(count, 1);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(20);
	assert_int_equal(count, 2);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

static void a_passive_one_knows_what_it_is_told(void **state)
{
	const struct qualify_params params = {.uri = uri, .passive = true};
	(void)state;

	begin(&params);
	qualify_now(peer);
	pass(3 * MINUTE_MS);
	assert_int_equal(count, 0);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	qualify_failed(peer, "INVITE: no answer", 10000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(10001);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	qualify_failed(peer, "keep-alive: no pong", 0);
	pass(10 * MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	qualify_heard(peer);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_string_equal(qualify_reason(peer), "");
	assert_int_equal(count, 0);
}

static void it_is_asked_when_wanted_but_not_often(void **state)
{
	(void)state;
	begin_plain();
	pass(5000);
	qualify_now(peer);
	pass(1);
	assert_int_equal(count, 2);
	for (int i = 0; i < 10; i++) {
		qualify_now(peer);
		pass(10);
	}
	assert_int_equal(count, 2);
	pass(1000);
	assert_int_equal(count, 3);
}

static void availability_is_the_share_of_time(void **state)
{
	(void)state;
	begin_plain();
	pass(30000);
	qualify_failed(peer, "x", 10000);
	pass(10000);
	/* 30 s of 40 */
	assert_true(qualify_availability(peer) > 0.749 &&
		    qualify_availability(peer) < 0.751);
	pass(60000); /* 90 of 100 */
	assert_true(qualify_availability(peer) > 0.899 &&
		    qualify_availability(peer) < 0.901);
}

static void the_round_trip_is_smoothed(void **state)
{
	(void)state;
	behaviour.delay_ms = 800;
	begin_plain();
	pass(2000);
	assert_int_equal(qualify_rtt_us(peer), 800000);
	assert_int_equal(qualify_srtt_us(peer), 800000);
	behaviour.delay_ms = 0;
	pass(MINUTE_MS + 2000);
	assert_true(qualify_rtt_us(peer) < 1000);
	assert_in_range(qualify_srtt_us(peer), 700000, 700001);
}

static void who_is_told_may_release_it(void **state)
{
	(void)state;
	release = true;
	begin_plain();
	pass(100);
	assert_null(peer);
	assert_int_equal(changes, 1);
	assert_int_equal(qualifier_count(qualifier), 0);
	pass(2 * MINUTE_MS);
	assert_int_equal(count, 1);
}

static void who_is_told_that_it_is_silent_may_release_it(void **state)
{
	(void)state;
	release = true;
	behaviour.status = NULL;
	begin_plain();
	pass(10000);
	assert_null(peer);
	pass(2 * MINUTE_MS);
	assert_int_equal(count, 7);
}

static void what_cannot_be_asked_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"tel:123",
		"sips:bob@127.0.0.1",
		"sip:a b@c",
		"sip:bob@127.0.0.1;transport=tls",
		"bob@host",
		"sip:bob@127.0.0.1\r\nX: y",
	};
	struct qualify_params params = {.uri = uri};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		params.uri = bad[i];
		assert_int_equal(qualify_alloc(&peer, qualifier, &params,
					       on_change, NULL),
				 EINVAL);
	}
	params.uri = uri;
	params.route = "<sip:x>\r\nX: y";
	assert_int_equal(
		qualify_alloc(&peer, qualifier, &params, on_change, NULL),
		EINVAL);
	params.route = NULL;
	params.next_hop = "sips:x";
	assert_int_equal(
		qualify_alloc(&peer, qualifier, &params, on_change, NULL),
		EINVAL);
	assert_int_equal(qualifier_count(qualifier), 0);
}

static void it_goes_by_the_next_hop_with_its_route(void **state)
{
	char hop[64], s[256];
	struct qualify_params params = {.uri = "sip:alice@192.0.2.9:5099",
					.next_hop = hop,
					.from = "sip:probe@example.test",
					.route = "<sip:edge.example.test;lr>"};
	(void)state;

	(void)re_snprintf(hop, sizeof(hop), "sip:%J", &addr);
	begin(&params);
	pass(10);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_memory_equal(requests[0].text,
			    "OPTIONS sip:alice@192.0.2.9:5099 SIP/2.0\r\n", 42);
	value(s, sizeof(s), requests[0].text, "\r\nRoute: ");
	assert_string_equal(s, "<sip:edge.example.test;lr>");
	value(s, sizeof(s), requests[0].text, "\r\nFrom: ");
	assert_memory_equal(s, "<sip:probe@example.test>;tag=", 29);
}

static void or_to_the_address_that_it_is_given(void **state)
{
	struct qualify_params params = {.uri = "sip:alice@10.255.255.1",
					.dst = &addr,
					.tp = SIP_TRANSP_UDP};
	(void)state;

	begin(&params);
	pass(10);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

static void an_address_family_that_we_have_not_is_told(void **state)
{
	const struct qualify_params params = {.uri = "sip:[::1]:5999"};
	(void)state;

	begin(&params);
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_non_null(strstr(qualify_reason(peer), "not supported"));
}

/* --- names */

static const char *dns_knows; /* its answer: an A record's name, or NULL */
static uint32_t dns_addr[2] = {0x7f000001, 0x7f000002};

static void on_query(const struct sa *src, struct mbuf *mb, void *arg)
{
	const char *query = (const char *)mbuf_buf(mb);
	const size_t size = mbuf_get_left(mb);
	struct mbuf *out = mbuf_alloc(512);
	const unsigned type = (uint8_t)query[size - 3];
	const bool a = dns_knows && type == 1 && !strcmp(query + 12, dns_knows);
	(void)arg;

	(void)mbuf_write_mem(out, (const uint8_t *)query, size);
	out->buf[2] = 0x81;
	out->buf[3] = a ? 0x80 : 0x83; /* no such name */
	out->buf[7] = a ? 2 : 0;
	for (int i = 0; a && i < 2; i++) {
		(void)mbuf_write_u16(out, htons(0xc00c));
		(void)mbuf_write_u16(out, htons(1));
		(void)mbuf_write_u16(out, htons(1));
		(void)mbuf_write_u32(out, htonl(60));
		(void)mbuf_write_u16(out, htons(4));
		(void)mbuf_write_u32(out, htonl(dns_addr[i]));
	}
	out->pos = 0;
	(void)udp_send(dns_socket, src, out);
	mem_deref(out);
}

static void dns_begin(const char *knows)
{
	struct sa where;

	dns_knows = knows;
	assert_int_equal(sa_set_str(&where, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&dns_socket, &where, on_query, NULL), 0);
	assert_int_equal(udp_local_get(dns_socket, &where), 0);
	assert_int_equal(dnsc_srv_set(stack_dns(stack), &where, 1), 0);
}

/* Two machines of one name, of which only one answers. */
static void a_name_is_asked_at_each_of_its_addresses(void **state)
{
	char named[64];
	struct qualify_params params = {.uri = named};
	(void)state;

	second_addr = addr;
	assert_int_equal(sa_set_str(&second_addr, "127.0.0.2", sa_port(&addr)),
			 0);
	assert_int_equal(
		udp_listen(&second_socket, &second_addr, on_second, NULL), 0);
	(void)re_snprintf(named, sizeof(named), "sip:pbx.example.test:%u",
			  sa_port(&addr));
	dns_begin("\003pbx\007example\004test");
	begin(&params);
	pass(1100);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(count, 1);
	assert_in_range(second_count, 0, 1);
}

static void a_name_that_is_not_known_is_unreachable(void **state)
{
	const struct qualify_params params = {.uri = "sip:pbx.example.test"};
	(void)state;

	dns_begin(NULL);
	begin(&params);
	pass(1000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer),
			    "no address found for pbx.example.test");
	assert_int_equal(count, 0);
}

static void a_name_server_that_is_silent_is_not_waited_for(void **state)
{
	const struct qualify_params params = {.uri = "sip:pbx.example.test"};
	(void)state;

	dns_begin(NULL);
	udp_handler_set(dns_socket, NULL, NULL);
	begin(&params);
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
}

static void a_name_server_that_fails_takes_no_peer_away(void **state)
{
	char named[64];
	struct qualify_params params = {.uri = named};
	(void)state;

	dns_addr[1] = dns_addr[0];
	(void)re_snprintf(named, sizeof(named), "sip:pbx.example.test:%u",
			  sa_port(&addr));
	dns_begin("\003pbx\007example\004test");
	begin(&params);
	pass(100);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	dns_socket = mem_deref(dns_socket);
	pass(3 * MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(changes, 1);
	assert_true(count >= 3);
	dns_addr[1] = 0x7f000002;
}

/* --- many */

static struct qualify *all[MANY];

static void many_peers_are_spread_over_the_interval(void **state)
{
	const struct qualify_params params = {.uri = uri};
	unsigned most = 0, seconds = 0;
	(void)state;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(
			qualify_alloc(&all[i], qualifier, &params, NULL, NULL),
			0);
	pass(4 * MINUTE_MS);
	assert_in_range(count, 4 * MANY, 5 * MANY + MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(qualify_state(all[i]), REACH_REACHABLE);
		mem_deref(all[i]);
	}
	/* the first minute aside: 50 a second, where all at once were 3,000 */
	for (unsigned i = 60; i < 4 * 60; i++) {
		most = per_second[i] > most ? per_second[i] : most;
		seconds += per_second[i] > 0;
	}
	assert_in_range(most, 50, 130);
	assert_true(seconds > 170);
	/* in the first seconds every peer is asked once */
	assert_true(per_second[0] < 700);
}

/* --- TCP */

static void on_tcp_data(struct mbuf *mb, void *arg)
{
	char text[1024] = "";
	struct mbuf *out;
	(void)arg;

	assert_true(mbuf_get_left(mb) < sizeof(text));
	(void)mbuf_read_mem(mb, (uint8_t *)text, mbuf_get_left(mb));
	count++;
	if (!behaviour.status)
		return;
	out = response(text, behaviour.status);
	assert_int_equal(tcp_send(tcp_conn, out), 0);
	mem_deref(out);
}

static void on_tcp_close(int err, void *arg)
{
	(void)err;
	(void)arg;
	tcp_conn = mem_deref(tcp_conn);
}

static void on_tcp_connect(const struct sa *src, void *arg)
{
	(void)src;
	(void)arg;
	mem_deref(tcp_conn);
	assert_int_equal(tcp_accept(&tcp_conn, tcp_socket, NULL, on_tcp_data,
				    on_tcp_close, NULL),
			 0);
}

static void tcp_open(void)
{
	assert_int_equal(
		tcp_listen(&tcp_socket, &tcp_addr, on_tcp_connect, NULL), 0);
	assert_int_equal(tcp_sock_local_get(tcp_socket, &tcp_addr), 0);
}

static void over_tcp_a_closed_connection_is_opened_anew(void **state)
{
	char by_tcp[64];
	struct qualify_params params = {.uri = by_tcp};
	(void)state;

	assert_int_equal(sa_set_str(&tcp_addr, "127.0.0.1", 0), 0);
	tcp_open();
	(void)re_snprintf(by_tcp, sizeof(by_tcp), "sip:bob@%J;transport=tcp",
			  &tcp_addr);
	begin(&params);
	pass(100);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(count, 1);

	/* the machine goes down: refused */
	tcp_conn = mem_deref(tcp_conn);
	tcp_socket = mem_deref(tcp_socket);
	pass(MINUTE_MS + 10000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);

	/* and up again */
	tcp_open();
	pass(MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_peer_that_answers_is_reachable),
		TEST(the_request_is_an_options_that_any_user_agent_takes),
		TEST(each_sending_is_a_request_of_its_own),
		TEST(it_is_asked_again_each_interval),
		TEST(a_lost_try_is_made_good_by_the_next),
		TEST(silence_makes_it_unreachable_and_each_cycle_tries_again),
		TEST(a_late_answer_means_lagged),
		TEST(an_answer_after_the_last_try_still_counts),
		TEST(the_timeout_is_what_is_asked_for),
		TEST(any_answer_counts),
		TEST(a_provisional_answer_is_none),
		TEST(or_2xx_only),
		TEST(what_answers_no_request_of_this_cycle_says_nothing),
		TEST(a_failed_invite_counts_until_it_is_forgiven),
		TEST(a_passive_one_knows_what_it_is_told),
		TEST(it_is_asked_when_wanted_but_not_often),
		TEST(availability_is_the_share_of_time),
		TEST(the_round_trip_is_smoothed),
		TEST(who_is_told_may_release_it),
		TEST(who_is_told_that_it_is_silent_may_release_it),
		TEST(what_cannot_be_asked_is_refused),
		TEST(it_goes_by_the_next_hop_with_its_route),
		TEST(or_to_the_address_that_it_is_given),
		TEST(an_address_family_that_we_have_not_is_told),
		TEST(a_name_is_asked_at_each_of_its_addresses),
		TEST(a_name_that_is_not_known_is_unreachable),
		TEST(a_name_server_that_is_silent_is_not_waited_for),
		TEST(a_name_server_that_fails_takes_no_peer_away),
		TEST(many_peers_are_spread_over_the_interval),
		TEST(over_tcp_a_closed_connection_is_opened_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
