/* test_qualify_way.c -- where a peer is asked: next hops, names, TCP */
#include "qualify_fixture.h"

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
		TEST(what_cannot_be_asked_is_refused),
		TEST(it_goes_by_the_next_hop_with_its_route),
		TEST(or_to_the_address_that_it_is_given),
		TEST(an_address_family_that_we_have_not_is_told),
		TEST(a_name_is_asked_at_each_of_its_addresses),
		TEST(a_name_that_is_not_known_is_unreachable),
		TEST(a_name_server_that_is_silent_is_not_waited_for),
		TEST(a_name_server_that_fails_takes_no_peer_away),
		TEST(over_tcp_a_closed_connection_is_opened_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
