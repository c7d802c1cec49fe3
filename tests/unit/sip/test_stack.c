/* Listening, whom we trust, which address is ours; the trace's secrets. */
#include "sip_fixture.h"
#include "base/log.h"
#include "sip/header.h"
#include "sip/trace.h"
#include <stdlib.h>
#include <unistd.h>

static int setup_loop(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	return 0;
}

static int teardown_loop(void **state)
{
	(void)state;
	side_close(&a);
	tmr_cancel(&patience);
	loop_free(loop);
	return 0;
}

static void listen_addresses_are_read(void **state)
{
	static const struct {
		const char *text, *addr;
		enum sip_transp tp;
	} good[] = {
		{"udp:127.0.0.1:5060", "127.0.0.1:5060", SIP_TRANSP_UDP},
		{"tcp:[::1]:5070", "[::1]:5070", SIP_TRANSP_TCP},
		{"udp:0.0.0.0", "0.0.0.0:5060", SIP_TRANSP_UDP},
		{"UDP:[::]", "[::]:5060", SIP_TRANSP_UDP},
		{"tcp:10.0.0.1:0", "10.0.0.1:0", SIP_TRANSP_TCP},
	};
	static const char *const bad[] = {
		"",
		"udp",
		"127.0.0.1:5060",
		"sctp:1.2.3.4",
		"udp:host.test:5060",
		"udp:1.2.3.4:",
		"udp:1.2.3.4:70000",
		"udp:1.2.3.4:50x",
		"udp:[::1",
		"udp:[::1]5060",
	};
	struct stack_listen listen;
	char text[64], err[256];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(stack_listen_parse(&listen, good[i].text, err,
					       sizeof(err)));
		(void)re_snprintf(text, sizeof(text), "%J", &listen.addr);
		assert_string_equal(text, good[i].addr);
		assert_int_equal(listen.tp, good[i].tp);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err[0] = '\0';
		if (stack_listen_parse(&listen, bad[i], err, sizeof(err)))
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(err, bad[i]));
	}
}

static int try_listen(const struct stack_listen *listen, char *err, size_t size)
{
	const struct stack_config config = {.listen = listen,
					    .listen_count = 1};
	struct stack *stack = NULL;
	int result = stack_alloc(&stack, &config, NULL, NULL, err, size);

	stack_free(stack);
	return result;
}

static void a_port_in_use_is_named_with_advice(void **state)
{
	static const char *const listens[] = {"udp:127.0.0.1:0",
					      "tcp:127.0.0.1:0", "udp:[::1]:0"};
	char err[256], name[64];
	size_t count;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(listens); i++) {
		stack_open(&a, listens[i]);
		assert_int_equal(try_listen(stack_listens(a.stack, &count), err,
					    sizeof(err)),
				 EADDRINUSE);
		(void)re_snprintf(name, sizeof(name),
				  "%s:%J: ", i == 1 ? "tcp" : "udp",
				  &stack_listens(a.stack, &count)->addr);
		assert_int_equal(strncmp(err, name, strlen(name)), 0);
		assert_non_null(strstr(err, "choose another port"));
		stack_free(a.stack);
		a.stack = NULL;
	}
}

static void an_address_that_is_not_ours_is_named(void **state)
{
	struct stack_listen listen;
	char err[256];
	(void)state;

	assert_true(stack_listen_parse(&listen, "udp:192.0.2.77:5060", err,
				       sizeof(err)));
	assert_int_equal(try_listen(&listen, err, sizeof(err)), EADDRNOTAVAIL);
	assert_non_null(strstr(err, "udp:192.0.2.77:5060: "));
}

static void trust_is_counted(void **state)
{
	struct sa one, other;
	(void)state;

	stack_open(&a, "udp:127.0.0.1:0");
	assert_int_equal(sa_set_str(&one, "192.0.2.1", 5060), 0);
	assert_int_equal(sa_set_str(&other, "192.0.2.1", 9), 0);
	assert_false(stack_trusted(a.stack, &one));
	stack_trust(a.stack, &one, true);
	stack_trust(a.stack, &other, true);
	stack_trust(a.stack, &one, false);
	assert_true(stack_trusted(a.stack, &other));
	stack_trust(a.stack, &one, false);
	assert_false(stack_trusted(a.stack, &one));
	stack_trust(a.stack, &one, false);
	stack_trust(a.stack, &one, true); /* and released with the stack */
}

static void open_many(const char *const *texts, size_t count)
{
	struct stack_listen listens[4];
	const struct stack_config config = {
		.listen = listens,
		.listen_count = count,
		.user_agent = "many",
	};
	char err[256];

	for (size_t i = 0; i < count; i++)
		assert_true(stack_listen_parse(&listens[i], texts[i], err,
					       sizeof(err)));
	if (stack_alloc(&a.stack, &config, on_invite, &a, err, sizeof(err)))
		fail_msg("%s", err);
}

static void our_address_is_that_of_the_route(void **state)
{
	static const char *const texts[] = {"udp:0.0.0.0:0", "udp:[::1]:0"};
	struct sa dst, laddr;
	(void)state;

	open_many(texts, 2);
	assert_int_equal(sa_set_str(&dst, "127.0.0.9", 5060), 0);
	assert_int_equal(stack_media_addr(a.stack, &dst, &laddr), 0);
	assert_false(sa_is_any(&laddr));
	assert_true(sa_is_loopback(&laddr));
	assert_int_equal(sa_set_str(&dst, "::1", 5060), 0);
	assert_int_equal(stack_media_addr(a.stack, &dst, &laddr), 0);
	assert_int_equal(sa_af(&laddr), AF_INET6);
}

static void no_address_for_a_family_without_listener(void **state)
{
	struct sa dst, laddr;
	(void)state;

	stack_open(&a, "udp:127.0.0.1:0");
	assert_int_equal(sa_set_str(&dst, "::1", 5060), 0);
	assert_int_equal(stack_media_addr(a.stack, &dst, &laddr), EAFNOSUPPORT);
}

/* Call the raw peer; its INVITE. */
static const char *call_raw(void)
{
	char uri[64];
	const struct session_invite invite = {
		.uri = uri,
		.from_uri = "sip:alice@example.test",
		.contact_user = "alice",
	};

	(void)re_snprintf(uri, sizeof(uri), "sip:bob@%J", &raw.addr);
	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	return raw_wait("INVITE");
}

static void options_from_raw(size_t listener, const char *branch)
{
	size_t count;

	raw.to = stack_listens(a.stack, &count)[listener].addr;
	raw_send("OPTIONS sip:x@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bK%s;rport\r\n"
		 "From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
		 "Call-ID: %s\r\nCSeq: 1 OPTIONS\r\n"
		 "Max-Forwards: 9\r\n\r\n",
		 &raw.to, &raw.addr, branch, branch);
}

static void a_wildcard_names_a_real_address(void **state)
{
	static const char *const texts[] = {"udp:0.0.0.0:0"};
	const struct stack_listen *listens;
	struct sip_msg *msg;
	const struct sip_hdr *contact;
	char want[64];
	size_t count, loopback = 0;
	(void)state;

	open_many(texts, 1);
	listens = stack_listens(a.stack, &count);
	for (size_t i = 0; i < count; i++) {
		assert_false(sa_is_any(&listens[i].addr));
		assert_int_equal(sa_port(&listens[i].addr),
				 sa_port(&listens[0].addr));
		if (sa_is_loopback(&listens[i].addr))
			loopback = i;
	}
	raw_open(&a);
	options_from_raw(loopback, "one");
	raw_wait("SIP/2.0 200");
	msg = decode(call_raw());
	(void)re_snprintf(want, sizeof(want), "127.0.0.1:%u",
			  sa_port(&listens[0].addr));
	assert_int_equal(pl_strcmp(&msg->via.sentby, want), 0);
	contact = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	assert_non_null(contact);
	(void)re_snprintf(want, sizeof(want), "<sip:alice@127.0.0.1:%u>",
			  sa_port(&listens[0].addr));
	assert_int_equal(pl_strcmp(&contact->val, want), 0);
	mem_deref(msg);
	raw_close();
}

static bool taps_settled(void)
{
	return raw.count >= 2;
}

static struct sa seen_from;

static void note_source(const struct sa *src, struct mbuf *mb, void *arg)
{
	seen_from = *src;
	on_datagram(src, mb, arg);
}

static void of_several_listeners_the_routes_own_sends(void **state)
{
	static const char *const texts[] = {"udp:127.0.0.2:0",
					    "udp:127.0.0.1:0"};
	struct sip_msg *msg;
	char want[64];
	size_t count;
	(void)state;

	open_many(texts, 2);
	raw_open(&a);
	options_from_raw(0, "one");
	options_from_raw(1, "two");
	WAIT(taps_settled);
	udp_handler_set(raw.socket, note_source, NULL);
	msg = decode(call_raw());
	assert_true(sa_cmp(&seen_from, &stack_listens(a.stack, &count)[1].addr,
			   SA_ALL));
	(void)re_snprintf(want, sizeof(want), "%J",
			  &stack_listens(a.stack, &count)[1].addr);
	assert_int_equal(pl_strcmp(&msg->via.sentby, want), 0);
	mem_deref(msg);
	raw_close();
}

static void secrets_are_masked(void **state)
{
	static const struct {
		const char *line, *masked;
	} lines[] = {
		{"Authorization: Digest username=\"u\", response=\"0123\", "
		 "uri=\"sip:x\"",
		 "Authorization: Digest username=\"u\", response=\"****\", "
		 "uri=\"sip:x\""},
		{"proxy-authorization : Digest response = \"ab\"",
		 "proxy-authorization : Digest response = \"**\""},
		{"Authorization: Digest RESPONSE=abcd,nc=1",
		 "Authorization: Digest RESPONSE=****,nc=1"},
		{"Authorization: Basic dXNlcjpwdw==",
		 "Authorization: Basic ************"},
		{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20",
		 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:********"},
		{"Subject: response=\"x\"", "Subject: response=\"x\""},
	};
	char line[256];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		(void)re_snprintf(line, sizeof(line), "%s", lines[i].line);
		trace_mask(line);
		assert_string_equal(line, lines[i].masked);
	}
}

static void a_trace_is_readable_line_by_line(void **state)
{
	static const char message[] =
		"OPTIONS sip:x SIP/2.0\r\n"
		"Authorization: Digest username=\"u\",\r\n"
		" response=\"secret\"\r\n\r\nbody\033[2J";
	char path[] = "/tmp/moondial-trace-XXXXXX", text[2048];
	struct sa src, dst;
	ssize_t n;
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(sa_set_str(&src, "192.0.2.1", 5060), 0);
	assert_int_equal(sa_set_str(&dst, "::1", 5061), 0);
	log_set_fd(fd);
	trace_message(true, SIP_TRANSP_UDP, &src, &dst,
		      (const uint8_t *)message, sizeof(message) - 1, NULL);
	log_set_fd(2);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(
		strstr(text, "sip sent UDP 192.0.2.1:5060 -> [::1]:5061, "));
	assert_non_null(strstr(text, "| OPTIONS sip:x SIP/2.0\n"));
	assert_non_null(strstr(text, "response=\"******\""));
	assert_null(strstr(text, "secret"));
	assert_null(strchr(text, '\033'));
}

static void statuses_have_phrases_and_causes(void **state)
{
	(void)state;
	assert_string_equal(status_phrase(486), "Busy Here");
	assert_string_equal(status_phrase(488), "Not Acceptable Here");
	assert_string_equal(status_phrase(499), "Unknown");
	assert_int_equal(q850_of_status(486), 17);
	assert_int_equal(q850_of_status(404), 1);
	assert_int_equal(q850_of_status(480), 18);
	assert_int_equal(q850_of_status(503), 41);
	assert_int_equal(q850_of_status(603), 21);
	assert_int_equal(q850_of_status(499), q850_of_status(400));
	assert_int_equal(q850_of_status(299), 16);
	assert_int_equal(q850_of_status(180), 0);
}

static void a_Reason_is_written_as_it_is_read(void **state)
{
	const struct reason_out out = {.q850 = 17, .text = "a \"b\" \\ c"};
	const struct reason_out none = {.q850 = 0, .text = "x"};
	const struct reason_out forged = {.q850 = 16, .text = "x\r\nY: z"};
	struct sip_msg *msg;
	struct reason reason;
	char text[512];
	(void)state;

	(void)re_snprintf(text, sizeof(text),
			  "BYE sip:x@y SIP/2.0\r\n"
			  "Via: SIP/2.0/UDP x;branch=z\r\n"
			  "Reason: SIP;cause=486;text=\"Busy\"\r\n%H\r\n",
			  reason_print, &out);
	msg = decode(text);
	assert_true(reason_decode(&reason, msg));
	assert_int_equal(reason.q850, 17);
	assert_int_equal(reason.sip, 486);
	assert_string_equal(reason.text, out.text);
	mem_deref(msg);
	(void)re_snprintf(text, sizeof(text), "%H", reason_print, &none);
	assert_string_equal(text, "");
	(void)re_snprintf(text, sizeof(text), "%H", reason_print, &forged);
	assert_string_equal(text, "Reason: Q.850;cause=16\r\n");
	assert_false(reason_decode(&reason, NULL));
}

#define LOOP_TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_loop, teardown_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listen_addresses_are_read),
		LOOP_TEST(a_port_in_use_is_named_with_advice),
		LOOP_TEST(an_address_that_is_not_ours_is_named),
		LOOP_TEST(trust_is_counted),
		LOOP_TEST(our_address_is_that_of_the_route),
		LOOP_TEST(no_address_for_a_family_without_listener),
		LOOP_TEST(a_wildcard_names_a_real_address),
		LOOP_TEST(of_several_listeners_the_routes_own_sends),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(a_trace_is_readable_line_by_line),
		cmocka_unit_test(statuses_have_phrases_and_causes),
		cmocka_unit_test(a_Reason_is_written_as_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
