/* test_keepalive.c -- each kind of keep-alive, and what finds a flow dead
 *
 * The server is a real socket; the clock is the test's, and jumps to the next
 * timer when nothing is left to do.
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
#include <event2/event.h>
#include <re.h>
#include "base/loop.h"
#include "sip/account/account.h"
#include "sip/reach/keepalive.h"
#include "sip/stack.h"
#include "still_clock.h"

/* --- the server */

enum { KEPT = 256 };

struct packet {
	char text[1200];
	size_t size;
	uint64_t at_ms;
};

static struct loop *loop;
static struct stack *stack;
static struct keepalive *ka;
static struct accounts *accounts;
static struct udp_sock *server;
static struct tcp_sock *tcp_server;
static struct tcp_conn *tcp_conn;
static struct sa server_addr, tcp_addr;
static char uri[64];
static struct packet packets[KEPT];
static unsigned count;
static bool answers, pongs;
static uint16_t mapped_port; /* in STUN answers; 0: the true one */
static unsigned deaths, lives, connections;
static char reason[160];
static unsigned states[KEPT], changes;

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

static struct mbuf *response(const char *request)
{
	static const char *const echoed[] = {
		"\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ",
		"\r\nCSeq: "};
	struct mbuf *mb = mbuf_alloc(1024);
	char s[512];

	(void)mbuf_write_str(mb, "SIP/2.0 200 OK\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(echoed); i++) {
		value(s, sizeof(s), request, echoed[i]);
		(void)mbuf_printf(mb, "%s%s%s\r\n", echoed[i] + 2, s,
				  i == 2 ? ";tag=server" : "");
	}
	if (!strncmp(request, "REGISTER ", 9)) {
		value(s, sizeof(s), request, "\r\nContact: ");
		(void)mbuf_printf(mb, "Contact: %s\r\n", s);
	}
	(void)mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");
	mb->pos = 0;
	return mb;
}

static struct packet *keep(struct mbuf *mb)
{
	struct packet *p = &packets[count++];

	assert_true(count < KEPT && mbuf_get_left(mb) < sizeof(p->text));
	memset(p, 0, sizeof(*p));
	p->size = mbuf_get_left(mb);
	p->at_ms = now_ms;
	memcpy(p->text, mbuf_buf(mb), p->size);
	return p;
}

static bool is_stun(const struct packet *p)
{
	return p->size >= 20 && p->text[0] == 0 && p->text[1] == 1;
}

static void stun_answer(const struct sa *src, struct mbuf *mb)
{
	struct stun_unknown_attr unknown;
	struct stun_msg *msg;
	struct sa mapped = *src;

	assert_int_equal(stun_msg_decode(&msg, mb, &unknown), 0);
	assert_int_equal(stun_msg_method(msg), STUN_METHOD_BINDING);
	if (mapped_port)
		sa_set_port(&mapped, mapped_port);
	(void)stun_reply(IPPROTO_UDP, server, src, 0, msg, NULL, 0, false, 1,
			 STUN_ATTR_XOR_MAPPED_ADDR, &mapped);
	mem_deref(msg);
}

static void on_packet(const struct sa *src, struct mbuf *mb, void *arg)
{
	const struct packet *p = keep(mb);
	struct mbuf *out;
	(void)arg;

	/* a registrar of which only the keep-alives may be lost */
	if (!answers && strncmp(p->text, "REGISTER ", 9) != 0)
		return;
	if (is_stun(p)) {
		stun_answer(src, mb);
	} else if (p->size > 4) {
		out = response(p->text);
		assert_int_equal(udp_send(server, src, out), 0);
		mem_deref(out);
	}
}

static void on_keepalive(bool dead, const char *why, void *arg)
{
	(void)arg;
	if (!dead) {
		lives++;
		return;
	}
	deaths++;
	(void)snprintf(reason, sizeof(reason), "%s", why);
	ka = mem_deref(ka);
}

static void on_change(struct account *account, void *arg)
{
	(void)arg;
	states[changes++] = account_state(account);
}

static void pass(uint64_t ms)
{
	const uint64_t end = now_ms + ms;

	for (;;) {
		uint64_t next;

		for (int i = 0; i < 12; i++)
			(void)event_base_loop(loop_event_base(loop),
					      EVLOOP_NONBLOCK);
		next = tmr_next_timeout(NULL);
		if (now_ms == end && (!next || next > 0))
			return;
		now_ms = next && now_ms + next < end ? now_ms + next : end;
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
	count = deaths = lives = changes = connections = 0;
	mapped_port = 0;
	reason[0] = '\0';
	answers = pongs = true;
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	if (!stack_listen_parse(&listen[0], "udp:127.0.0.1:0", err,
				sizeof(err)) ||
	    !stack_listen_parse(&listen[1], "tcp:127.0.0.1:0", err,
				sizeof(err)) ||
	    stack_alloc(&stack, &config, NULL, NULL, err, sizeof(err)))
		return -1;
	if (sa_set_str(&server_addr, "127.0.0.1", 0) ||
	    udp_listen(&server, &server_addr, on_packet, NULL) ||
	    udp_local_get(server, &server_addr))
		return -1;
	(void)re_snprintf(uri, sizeof(uri), "sip:%J", &server_addr);
	return accounts_alloc(&accounts, stack, on_change, NULL);
}

static int teardown(void **state)
{
	(void)state;
	ka = mem_deref(ka);
	accounts_free(accounts);
	stack_free(stack);
	server = mem_deref(server);
	tcp_conn = mem_deref(tcp_conn);
	tcp_server = mem_deref(tcp_server);
	loop_free(loop);
	return 0;
}

static void begin(enum keepalive_kind kind, uint32_t interval_ms)
{
	const struct keepalive_params params = {
		.kind = kind, .interval_ms = interval_ms, .uri = uri};

	assert_int_equal(
		keepalive_alloc(&ka, stack, &params, on_keepalive, NULL), 0);
	assert_int_equal(count, 0);
}

/* All packets are TEXT, their distances 80 % to all of INTERVAL_MS. */
static void are_all(const char *text, uint64_t interval_ms)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(packets[i].size, strlen(text));
		assert_memory_equal(packets[i].text, text, strlen(text));
		if (i)
			assert_in_range(packets[i].at_ms - packets[i - 1].at_ms,
					interval_ms * 4 / 5, interval_ms);
	}
}

/* --- kinds, over UDP */

static void a_line_at_intervals(void **state)
{
	(void)state;
	begin(KEEPALIVE_CRLF, 10000);
	pass(100000);
	assert_in_range(count, 10, 13);
	are_all("\r\n", 10000);
	assert_int_equal(deaths + lives, 0);
}

static void two_lines_at_intervals_25_s_when_nothing_is_said(void **state)
{
	(void)state;
	begin(KEEPALIVE_DOUBLE_CRLF, 0);
	pass(250000);
	assert_in_range(count, 10, 13);
	are_all("\r\n\r\n", 25000);
	assert_int_equal(deaths + lives, 0);
}

static void stun_is_answered(void **state)
{
	(void)state;
	begin(KEEPALIVE_STUN, 10000);
	pass(100000);
	assert_in_range(count, 10, 13);
	for (unsigned i = 0; i < count; i++)
		assert_true(is_stun(&packets[i]));
	assert_int_equal(lives, count);
	assert_int_equal(deaths, 0);
}

static void stun_unanswered_means_dead(void **state)
{
	(void)state;
	begin(KEEPALIVE_STUN, 10000);
	pass(1000);
	assert_int_equal(lives, 1);
	answers = false;
	pass(9000 + 7499);
	assert_int_equal(count, 5);
	/* sent again after 0.5, 1 and 2 s: the same request */
	assert_int_equal(packets[2].at_ms - packets[1].at_ms, 500);
	assert_int_equal(packets[3].at_ms - packets[2].at_ms, 1000);
	assert_int_equal(packets[4].at_ms - packets[3].at_ms, 2000);
	assert_memory_equal(packets[1].text, packets[4].text, packets[1].size);
	pass(2000);
	assert_int_equal(deaths, 1);
	assert_string_equal(reason, "no answer to 4 STUN requests");
	pass(100000);
	assert_int_equal(count, 5);
}

static void another_address_of_ours_means_another_flow(void **state)
{
	(void)state;
	begin(KEEPALIVE_STUN, 10000);
	pass(1000);
	mapped_port = 1;
	pass(10000);
	assert_int_equal(deaths, 1);
	assert_non_null(strstr(reason, "and is 127.0.0.1:1"));
}

static void an_answer_to_nothing_is_nothing(void **state)
{
	struct stun_msg *msg = NULL;
	struct stun_unknown_attr unknown;
	struct mbuf *mb = mbuf_alloc(64);
	const uint8_t tid[STUN_TID_SIZE] = {1, 2, 3};
	(void)state;

	begin(KEEPALIVE_STUN, 10000);
	answers = false;
	pass(100);
	assert_int_equal(stun_msg_encode(mb, STUN_METHOD_BINDING,
					 STUN_CLASS_SUCCESS_RESP, tid, NULL,
					 NULL, 0, true, 0, 0),
			 0);
	mb->pos = 0;
	assert_int_equal(stun_msg_decode(&msg, mb, &unknown), 0);
	keepalive_stun_response(stack, msg);
	assert_int_equal(lives, 0);
	mem_deref(msg);
	mem_deref(mb);
}

static void options_at_intervals(void **state)
{
	(void)state;
	begin(KEEPALIVE_OPTIONS, 10000);
	pass(100500);
	assert_in_range(count, 10, 12);
	for (unsigned i = 0; i < count; i++)
		assert_memory_equal(packets[i].text, "OPTIONS sip:", 12);
	assert_int_equal(lives, 1);
	answers = false;
	pass(20000);
	assert_int_equal(deaths, 1);
	assert_string_equal(reason, "no answer to 7 OPTIONS");
}

static void notify_at_intervals(void **state)
{
	(void)state;
	begin(KEEPALIVE_NOTIFY, 10000);
	pass(100500);
	assert_in_range(count, 10, 12);
	for (unsigned i = 0; i < count; i++) {
		assert_memory_equal(packets[i].text, "NOTIFY sip:", 11);
		assert_non_null(
			strstr(packets[i].text, "\r\nEvent: keep-alive\r\n"));
	}
	answers = false;
	pass(20000);
	assert_int_equal(deaths, 1);
	assert_string_equal(reason, "no answer to 7 NOTIFY");
}

static void what_is_no_kind_is_refused(void **state)
{
	struct keepalive_params params = {.kind = KEEPALIVE_NONE, .uri = uri};
	enum keepalive_kind kind;
	(void)state;

	assert_int_equal(
		keepalive_alloc(&ka, stack, &params, on_keepalive, NULL),
		EINVAL);
	params.kind = KEEPALIVE_CRLF;
	params.uri = "sips:example.test";
	assert_int_equal(
		keepalive_alloc(&ka, stack, &params, on_keepalive, NULL),
		EINVAL);
	params.uri = "nonsense";
	params.kind = KEEPALIVE_OPTIONS;
	assert_int_equal(
		keepalive_alloc(&ka, stack, &params, on_keepalive, NULL),
		EINVAL);
	for (int i = KEEPALIVE_NONE; i <= KEEPALIVE_REGISTER; i++) {
		assert_true(keepalive_kind_parse(
			&kind, keepalive_kind_name((enum keepalive_kind)i)));
		assert_int_equal(kind, i);
	}
	assert_false(keepalive_kind_parse(&kind, "CRLF "));
}

/* --- TCP */

static void on_tcp_data(struct mbuf *mb, void *arg)
{
	const struct packet *p = keep(mb);
	struct mbuf *out;
	(void)arg;

	if (p->size == 4 && pongs) {
		out = mbuf_alloc(2);
		(void)mbuf_write_str(out, "\r\n");
		out->pos = 0;
	} else if (p->size > 4 && answers) {
		out = response(p->text);
	} else {
		return;
	}
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
	connections++;
	assert_int_equal(tcp_accept(&tcp_conn, tcp_server, NULL, on_tcp_data,
				    on_tcp_close, NULL),
			 0);
}

static void tcp_begin(void)
{
	assert_int_equal(sa_set_str(&tcp_addr, "127.0.0.1", 0), 0);
	assert_int_equal(
		tcp_listen(&tcp_server, &tcp_addr, on_tcp_connect, NULL), 0);
	assert_int_equal(tcp_sock_local_get(tcp_server, &tcp_addr), 0);
	(void)re_snprintf(uri, sizeof(uri), "sip:%J;transport=tcp", &tcp_addr);
}

static unsigned of_size(size_t size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += packets[i].size == size;
	return n;
}

static void over_tcp_two_lines_have_a_pong(void **state)
{
	(void)state;
	tcp_begin();
	begin(KEEPALIVE_DOUBLE_CRLF, 25000);
	pass(250000);
	assert_memory_equal(packets[0].text, "OPTIONS sip:", 12);
	assert_in_range(of_size(4), 9, 12);
	assert_int_equal(connections, 1);
	assert_int_equal(deaths, 0);
	assert_int_equal(lives, 1);

	pongs = false;
	pass(24999 + 10000);
	assert_int_equal(deaths, 1);
	assert_string_equal(reason, "no pong");
	assert_null(tcp_conn); /* not left half open */
}

static void over_tcp_a_closed_connection_is_a_dead_flow(void **state)
{
	(void)state;
	tcp_begin();
	begin(KEEPALIVE_STUN, 25000);
	pass(30000);
	assert_int_equal(deaths, 0);
	assert_in_range(of_size(4), 1, 2);
	tcp_conn = mem_deref(tcp_conn);
	pass(1);
	assert_int_equal(deaths, 1);
}

static void over_tcp_silence_at_the_beginning_is_a_dead_flow(void **state)
{
	(void)state;
	tcp_begin();
	answers = false;
	begin(KEEPALIVE_DOUBLE_CRLF, 25000);
	pass(7000);
	assert_int_equal(deaths, 1);
	assert_int_equal(count, 7);
	assert_string_equal(reason, "no answer to 7 OPTIONS");
}

static void over_tcp_unanswered_options_close_the_connection(void **state)
{
	(void)state;
	tcp_begin();
	begin(KEEPALIVE_OPTIONS, 25000);
	pass(1000);
	assert_int_equal(lives, 1);
	answers = false;
	pass(35000);
	assert_int_equal(deaths, 1);
	assert_null(tcp_conn);
}

/* --- registrations */

static struct account *register_as(enum keepalive_kind kind, bool outbound)
{
	const struct account_params params = {
		.outbound = outbound,
		.instance_id = "urn:uuid:0",
		.name = "line",
		.uri = "sip:alice@example.org",
		.registrar = uri,
		.registers = true,
		.expires = 600,
		.retry_min = 5,
		.retry_max = 300,
		.flow_keepalive = kind,
		.flow_keepalive_ms = 10000,
	};
	char err[256] = "";

	if (account_set(accounts, &params, err, sizeof(err)))
		fail_msg("%s", err);
	return account_find(accounts, "line");
}

static struct account *register_with(enum keepalive_kind kind)
{
	return register_as(kind, false);
}

static unsigned registers(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += !strncmp(packets[i].text, "REGISTER ", 9);
	return n;
}

static void a_registration_keeps_its_flow(void **state)
{
	struct account *account = register_with(KEEPALIVE_CRLF);
	(void)state;

	pass(100000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(registers(), 1);
	assert_in_range(of_size(2), 9, 12);
	/* and no longer than it lasts */
	assert_int_equal(account_remove(accounts, "line"), 0);
	pass(100);
	count = 0;
	pass(100000);
	assert_int_equal(count, 0);
}

static void a_dead_flow_is_registered_anew_at_once(void **state)
{
	struct account *account = register_with(KEEPALIVE_STUN);
	uint64_t died;
	(void)state;

	pass(30000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 1);
	mapped_port = 1; /* the NAT gave us another port */
	pass(10000);
	assert_int_equal(registers(), 2);
	assert_int_equal(changes, 3);
	assert_int_equal(states[1], ACCOUNT_FAILED);
	assert_int_equal(states[2], ACCOUNT_REGISTERED);
	died = 0;
	for (unsigned i = 1; i < count; i++)
		if (!strncmp(packets[i].text, "REGISTER ", 9))
			died = packets[i].at_ms - packets[i - 1].at_ms;
	assert_in_range(died, 0, 1);
	pass(100000);
	assert_int_equal(registers(), 2);
}

static void a_server_that_answers_no_keepalive_is_not_flooded(void **state)
{
	(void)state;
	answers = false;
	(void)register_with(KEEPALIVE_STUN);
	pass(600000);
	/* 8 s each would be 75 */
	assert_in_range(registers(), 4, 12);
}

static void short_registers_are_a_kind_too(void **state)
{
	struct account *account = register_with(KEEPALIVE_REGISTER);
	(void)state;

	pass(100500);
	assert_int_equal(registers(), 11);
	assert_int_equal(count, 11);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 1);
}

static void over_tcp_a_registration_moves_to_another_connection(void **state)
{
	struct account *account;
	(void)state;

	tcp_begin();
	account = register_with(KEEPALIVE_DOUBLE_CRLF);
	pass(60000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(connections, 1);
	pongs = false;
	pass(20000 + 10000 + 1000);
	assert_int_equal(connections, 2);
	assert_int_equal(registers(), 2);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void over_tcp_a_closed_connection_is_a_dead_flow_at_once(void **state)
{
	struct account *account;
	(void)state;

	tcp_begin();
	account = register_with(KEEPALIVE_CRLF);
	pass(30000);
	assert_in_range(of_size(2), 3, 4);
	tcp_conn = mem_deref(tcp_conn);
	pass(1000);
	assert_int_equal(connections, 2);
	assert_int_equal(registers(), 2);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(states[1], ACCOUNT_FAILED);
}

static void an_outbound_flow_ends_with_its_connection(void **state)
{
	struct account *account;
	(void)state;

	tcp_begin();
	account = register_as(KEEPALIVE_NONE, true);
	pass(30000);
	tcp_conn = mem_deref(tcp_conn);
	pass(1000);
	assert_int_equal(connections, 2);
	assert_int_equal(registers(), 2);
	/* a registrar that closes each is not asked every other second */
	for (unsigned i = 0; i < 100; i++) {
		tcp_conn = mem_deref(tcp_conn);
		pass(1000);
	}
	assert_in_range(registers(), 3, 8);
	pass(700000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void without_outbound_the_registrar_may_close_it(void **state)
{
	struct account *account;
	(void)state;

	tcp_begin();
	account = register_as(KEEPALIVE_NONE, false);
	pass(30000);
	tcp_conn = mem_deref(tcp_conn);
	pass(30000);
	assert_int_equal(registers(), 1);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_line_at_intervals),
		TEST(two_lines_at_intervals_25_s_when_nothing_is_said),
		TEST(stun_is_answered),
		TEST(stun_unanswered_means_dead),
		TEST(another_address_of_ours_means_another_flow),
		TEST(an_answer_to_nothing_is_nothing),
		TEST(options_at_intervals),
		TEST(notify_at_intervals),
		TEST(what_is_no_kind_is_refused),
		TEST(over_tcp_two_lines_have_a_pong),
		TEST(over_tcp_a_closed_connection_is_a_dead_flow),
		TEST(over_tcp_silence_at_the_beginning_is_a_dead_flow),
		TEST(over_tcp_unanswered_options_close_the_connection),
		TEST(a_registration_keeps_its_flow),
		TEST(a_dead_flow_is_registered_anew_at_once),
		TEST(a_server_that_answers_no_keepalive_is_not_flooded),
		TEST(short_registers_are_a_kind_too),
		TEST(over_tcp_a_registration_moves_to_another_connection),
		TEST(over_tcp_a_closed_connection_is_a_dead_flow_at_once),
		TEST(an_outbound_flow_ends_with_its_connection),
		TEST(without_outbound_the_registrar_may_close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
