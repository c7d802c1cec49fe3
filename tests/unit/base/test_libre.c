/* test_libre.c -- libre's sockets, timers and SIP running on our loop */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "base/loop.h"

enum { LIMIT_MS = 30000, PACKETS = 100 };

static struct loop *loop;
static struct tmr limit;

static void too_late(void *arg)
{
	*(bool *)arg = true;
	loop_stop(loop);
}

static int setup(void **state)
{
	(void)state;
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	return libre_init();
}

static int teardown(void **state)
{
	(void)state;
	libre_close();
	loop_free(loop);
	return 0;
}

/* Runs until a handler stops the loop; fails when none does. */
static void run(void)
{
	bool late = false;

	tmr_start(&limit, LIMIT_MS, too_late, &late);
	assert_int_equal(loop_run(loop), 0);
	tmr_cancel(&limit);
	assert_false(late);
}

static void the_linker_took_nothing_from_libre_that_we_define(void **state)
{
	static char line[4096];
	bool ours = false, udp_object = false;
	FILE *map;
	(void)state;

	map = fopen(LINK_MAP, "r");
	assert_non_null(map);
	while (fgets(line, sizeof(line), map)) {
		ours |= strstr(line, "libre.a(main.o)") ||
			strstr(line, "libre.a(tmr.o)") ||
			strstr(line, "libre.a(rand.o)") ||
			strstr(line, "libre.a(regex.o)");
		udp_object |= strstr(line, "libre.a(udp.o)") != NULL;
	}
	fclose(map);
	assert_true(udp_object); /* else this test proves nothing */
	assert_false(ours);
}

/* HAVE_INET6 and the like must be as in the library's own build. */
static void struct_sa_is_of_the_librarys_size(void **state)
{
	struct {
		struct sa sa;
		uint8_t guard[64];
	} box;
	char text[64];
	struct sa copy;
	(void)state;

	memset(&box, 0xa5, sizeof(box));
	sa_init(&box.sa, AF_INET6); /* clears all that the library knows of */
	assert_int_equal(box.sa.len, sizeof(box.sa.u));
	for (size_t i = 0; i < sizeof(box.guard); i++)
		assert_int_equal(box.guard[i], 0xa5);
	for (size_t i = sizeof(sa_family_t); i < sizeof(box.sa.u); i++)
		assert_int_equal(((uint8_t *)&box.sa.u)[i], 0);

	assert_int_equal(sa_set_str(&box.sa, "2001:db8::5060", 5060), 0);
	assert_int_equal(box.sa.u.in6.sin6_family, AF_INET6);
	assert_int_equal(box.sa.len, sizeof(struct sockaddr_in6));
	sa_cpy(&copy, &box.sa);
	assert_int_equal(sa_ntop(&copy, text, sizeof(text)), 0);
	assert_string_equal(text, "2001:db8::5060");
	assert_int_equal(sa_port(&copy), 5060);
	for (size_t i = 0; i < sizeof(box.guard); i++)
		assert_int_equal(box.guard[i], 0xa5);
}

struct udp_end {
	struct udp_sock *us;
	struct sa addr;
	int received;
};

static void echo(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct udp_end *end = arg;

	end->received++;
	assert_int_equal(udp_send(end->us, src, mb), 0);
}

static void send_number(struct udp_end *from, const struct sa *to, int number)
{
	struct mbuf *mb = mbuf_alloc(16);

	assert_non_null(mb);
	mbuf_write_u32(mb, (uint32_t)number);
	mb->pos = 0;
	assert_int_equal(udp_send(from->us, to, mb), 0);
	mem_deref(mb);
}

static void next_packet(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct udp_end *end = arg;

	assert_int_equal(mbuf_get_left(mb), 4);
	assert_int_equal(mbuf_read_u32(mb), end->received);
	if (++end->received == PACKETS)
		loop_stop(loop);
	else
		send_number(end, src, end->received);
}

static void udp_between(const char *address)
{
	struct udp_end a = {0}, b = {0};

	assert_int_equal(sa_set_str(&a.addr, address, 0), 0);
	assert_int_equal(sa_set_str(&b.addr, address, 0), 0);
	assert_int_equal(udp_listen(&a.us, &a.addr, next_packet, &a), 0);
	assert_int_equal(udp_listen(&b.us, &b.addr, echo, &b), 0);
	assert_int_equal(udp_local_get(b.us, &b.addr), 0);
	send_number(&a, &b.addr, 0);
	run();
	assert_int_equal(a.received, PACKETS);
	assert_int_equal(b.received, PACKETS);
	mem_deref(a.us);
	mem_deref(b.us);
}

static void udp_sockets_exchange_packets(void **state)
{
	(void)state;
	udp_between("127.0.0.1");
}

static void udp_sockets_exchange_packets_over_ipv6(void **state)
{
	(void)state;
	udp_between("::1");
}

static struct tcp_end {
	struct tcp_sock *listener;
	struct tcp_conn *accepted, *connected;
	size_t received, echoed;
	int closed;
} tcp;

enum { BIG = 1000000 };

static void send_bytes(struct tcp_conn *conn, size_t n)
{
	struct mbuf *mb = mbuf_alloc(n);

	assert_non_null(mb);
	mbuf_fill(mb, 'x', n);
	mb->pos = 0;
	assert_int_equal(tcp_send(conn, mb), 0);
	mem_deref(mb);
}

static void on_server_recv(struct mbuf *mb, void *arg)
{
	(void)arg;
	tcp.received += mbuf_get_left(mb);
	if (tcp.received == BIG)
		send_bytes(tcp.accepted, 4);
}

static void on_closed(int err, void *arg)
{
	(void)arg;
	assert_int_equal(err, 0);
	tcp.closed++;
	loop_stop(loop);
}

static void on_accept(const struct sa *peer, void *arg)
{
	(void)peer;
	(void)arg;
	assert_int_equal(tcp_accept(&tcp.accepted, tcp.listener, NULL,
				    on_server_recv, on_closed, NULL),
			 0);
}

static void on_connected(void *arg)
{
	(void)arg;
	/* more than the socket's buffer takes: the rest goes when writable */
	tcp_conn_txqsz_set(tcp.connected, BIG);
	send_bytes(tcp.connected, BIG);
}

static void on_client_recv(struct mbuf *mb, void *arg)
{
	(void)arg;
	tcp.echoed += mbuf_get_left(mb);
	if (tcp.echoed == 4)
		tcp.connected = mem_deref(tcp.connected);
}

static void a_tcp_connection_carries_a_megabyte_and_closes(void **state)
{
	struct sa addr;
	(void)state;

	memset(&tcp, 0, sizeof(tcp));
	assert_int_equal(sa_set_str(&addr, "127.0.0.1", 0), 0);
	assert_int_equal(tcp_listen(&tcp.listener, &addr, on_accept, NULL), 0);
	assert_int_equal(tcp_sock_local_get(tcp.listener, &addr), 0);
	assert_int_equal(tcp_connect(&tcp.connected, &addr, on_connected,
				     on_client_recv, on_closed, NULL),
			 0);
	run();
	assert_int_equal(tcp.received, BIG);
	assert_int_equal(tcp.echoed, 4);
	assert_int_equal(tcp.closed, 1);
	mem_deref(tcp.accepted);
	mem_deref(tcp.listener);
}

static void on_refused(int err, void *arg)
{
	*(int *)arg = err;
	loop_stop(loop);
}

static void a_refused_tcp_connection_says_so(void **state)
{
	struct sa addr;
	int err = 0;
	(void)state;

	/* a port that was free a moment ago */
	memset(&tcp, 0, sizeof(tcp));
	assert_int_equal(sa_set_str(&addr, "127.0.0.1", 0), 0);
	assert_int_equal(tcp_listen(&tcp.listener, &addr, on_accept, NULL), 0);
	assert_int_equal(tcp_sock_local_get(tcp.listener, &addr), 0);
	tcp.listener = mem_deref(tcp.listener);

	assert_int_equal(tcp_connect(&tcp.connected, &addr, NULL, NULL,
				     on_refused, &err),
			 0);
	run();
	assert_int_equal(err, ECONNREFUSED);
	mem_deref(tcp.connected);
}

static struct sip_end {
	struct sip *sip;
	struct sip_lsnr *listener;
	int requests, code;
} sip_end;

static bool on_request(const struct sip_msg *msg, void *arg)
{
	(void)arg;
	if (pl_strcmp(&msg->met, "OPTIONS"))
		return false;
	sip_end.requests++;
	assert_int_equal(sip_treply(NULL, sip_end.sip, msg, 200, "OK"), 0);
	return true;
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	(void)arg;
	assert_int_equal(err, 0);
	sip_end.code = msg->scode;
	loop_stop(loop);
}

static void on_sip_exit(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void options_over(enum sip_transp tp, const char *address)
{
	struct sip_request *req;
	char uri[128];
	struct pl pl;
	struct uri route;
	struct sa addr;

	memset(&sip_end, 0, sizeof(sip_end));
	assert_int_equal(sa_set_str(&addr, address, 0), 0);
	assert_int_equal(sip_alloc(&sip_end.sip, NULL, 32, 32, 32, "test",
				   on_sip_exit, NULL),
			 0);
	assert_int_equal(sip_transp_add(sip_end.sip, tp, &addr), 0);
	assert_int_equal(sip_transp_laddr(sip_end.sip, &addr, tp, NULL), 0);
	assert_int_equal(sip_listen(&sip_end.listener, sip_end.sip, true,
				    on_request, NULL),
			 0);

	(void)re_snprintf(uri, sizeof(uri), "sip:line@%J;transport=%s", &addr,
			  sip_transp_name(tp));
	pl_set_str(&pl, uri);
	assert_int_equal(uri_decode(&route, &pl), 0);
	assert_int_equal(
		sip_requestf(&req, sip_end.sip, true, "OPTIONS", uri, &route,
			     NULL, NULL, on_response, NULL,
			     "Max-Forwards: 70\r\n"
			     "To: <%s>\r\nFrom: <%s>;tag=1\r\n"
			     "Call-ID: base-test\r\nCSeq: 1 OPTIONS\r\n"
			     "Content-Length: 0\r\n\r\n",
			     uri, uri),
		0);
	run();
	assert_int_equal(sip_end.requests, 1);
	assert_int_equal(sip_end.code, 200);

	/* its transactions live on until their timers fire; all at once here */
	sip_end.listener = mem_deref(sip_end.listener);
	sip_close(sip_end.sip, true);
	mem_deref(sip_end.sip);
}

static void options_is_answered_over_udp(void **state)
{
	(void)state;
	options_over(SIP_TRANSP_UDP, "127.0.0.1");
}

static void options_is_answered_over_tcp_and_ipv6(void **state)
{
	(void)state;
	options_over(SIP_TRANSP_TCP, "::1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_linker_took_nothing_from_libre_that_we_define),
		cmocka_unit_test(struct_sa_is_of_the_librarys_size),
		TEST(udp_sockets_exchange_packets),
		TEST(udp_sockets_exchange_packets_over_ipv6),
		TEST(a_tcp_connection_carries_a_megabyte_and_closes),
		TEST(a_refused_tcp_connection_says_so),
		TEST(options_is_answered_over_udp),
		TEST(options_is_answered_over_tcp_and_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
