/* What the stack says to requests outside of calls, sound and unsound. */
#include "sip_fixture.h"
#include "base/metrics.h"

static int setup_raw(void **state)
{
	(void)setup(state);
	raw_open(&b);
	return 0;
}

static int teardown_raw(void **state)
{
	raw_close();
	return teardown(state);
}

/* A sound request but for what the test puts in the place of a header. */
struct parts {
	const char *method, *uri, *via, *from, *to, *callid, *cseq, *hops,
		*more, *body;
};

static void send_parts(const struct parts *p)
{
	const char *method = p->method ? p->method : "OPTIONS";
	static unsigned n;
	char via[128], cseq[64], callid[64];

	n++;
	(void)re_snprintf(via, sizeof(via),
			  "Via: SIP/2.0/UDP %J;branch=z9hG4bK%u;rport\r\n",
			  &raw.addr, n);
	(void)re_snprintf(cseq, sizeof(cseq), "CSeq: 1 %s\r\n", method);
	(void)re_snprintf(callid, sizeof(callid), "Call-ID: c%u\r\n", n);
	raw_send("%s %s SIP/2.0\r\n%s%s%s%s%s%s%s%s%s", method,
		 p->uri ? p->uri : "sip:bob@127.0.0.1", p->via ? p->via : via,
		 p->from ? p->from : "From: <sip:eve@127.0.0.1>;tag=f\r\n",
		 p->to ? p->to : "To: <sip:bob@127.0.0.1>\r\n",
		 p->callid ? p->callid : callid, p->cseq ? p->cseq : cseq,
		 p->hops ? p->hops : "Max-Forwards: 70\r\n",
		 p->more ? p->more : "",
		 p->body ? "" : "Content-Length: 0\r\n\r\n",
		 p->body ? p->body : "");
}

static const char *answer_to(const struct parts *p)
{
	raw_forget();
	send_parts(p);
	return raw_wait("SIP/2.0");
}

static void assert_answer(const struct parts *p, const char *status)
{
	const char *answer = answer_to(p);

	if (strncmp(answer, status, strlen(status)) != 0)
		fail_msg("expected %s, got %.60s", status, answer);
}

#define ANSWERED(status_, ...) \
	assert_answer(&(const struct parts){__VA_ARGS__}, "SIP/2.0 " status_)

static void assert_line(const char *message, const char *line)
{
	if (!strstr(message, line))
		fail_msg("no '%s' in: %s", line, message);
}

static void OPTIONS_tells_what_we_can(void **state)
{
	const char *answer = answer_to(&(const struct parts){0});
	(void)state;

	assert_line(answer, "SIP/2.0 200 OK\r\n");
	assert_line(answer, "\r\nAllow: INVITE, ACK, CANCEL, BYE");
	assert_line(answer, "\r\nAccept: application/sdp\r\n");
	assert_line(answer, "\r\nSupported:");
	assert_line(answer, ";rport=");
}

static void methods_that_we_do_not_serve_get_405_with_Allow(void **state)
{
	static const char *const methods[] = {
		"REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH",
		"REFER",    "NOTIFY",	 "PRACK",   "FROBNICATE"};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		const char *answer =
			answer_to(&(const struct parts){.method = methods[i]});

		assert_line(answer, "SIP/2.0 405 ");
		assert_line(answer, "\r\nAllow: INVITE");
	}
}

static void a_missing_header_gets_400_and_a_reason(void **state)
{
	(void)state;
	ANSWERED("400 Missing From", .from = "");
	ANSWERED("400 Missing To", .to = "");
	ANSWERED("400 Missing Call-ID", .callid = "");
	ANSWERED("400 Missing CSeq", .cseq = "");
	ANSWERED("400 Missing Max-Forwards", .hops = "");
	ANSWERED("400 Missing From Tag", .from = "From: <sip:e@x.test>\r\n");
	assert_int_equal(b.invites, 0);
}

static void a_header_that_contradicts_gets_400(void **state)
{
	(void)state;
	ANSWERED("400 CSeq Method", .cseq = "CSeq: 1 INVITE\r\n");
	ANSWERED("400 Invalid CSeq", .cseq = "CSeq: 4294967296 OPTIONS\r\n");
	ANSWERED("400 Invalid CSeq", .cseq = "CSeq: 2147483648 OPTIONS\r\n");
	ANSWERED("400 Invalid CSeq", .cseq = "CSeq: x1 OPTIONS\r\n");
	ANSWERED("400 Invalid CSeq",
		 .cseq = "CSeq: 36893488147419103232 OPTIONS\r\n");
	ANSWERED("400 Invalid Max-Forwards", .hops = "Max-Forwards: 300\r\n");
	ANSWERED("400 Invalid Max-Forwards", .hops = "Max-Forwards: -1\r\n");
	ANSWERED("400 Repeated Header", .more = "Call-ID: another\r\n");
	ANSWERED("400 Repeated Header", .more = "To: <sip:other@x.test>\r\n");
	ANSWERED("400 Content-Length", .body = "Content-Length: 9\r\n\r\nabc");
	ANSWERED("400 Content-Length", .body = "Content-Length: -1\r\n\r\n");
	ANSWERED("400 Content-Length", .body = "Content-Length: 1e9\r\n\r\n");
}

static void leading_zeros_mean_nothing(void **state)
{
	(void)state;
	ANSWERED("200 ", .hops = "Max-Forwards: 0068\r\n",
		 .cseq = "CSeq: 000000000009 OPTIONS\r\n");
	ANSWERED("483 ", .hops = "Max-Forwards: 0000\r\n");
	ANSWERED("400 ", .hops = "Max-Forwards: 0256\r\n");
}

/* From before RFC 3261: libre can't read them as they are. */
static void a_Via_without_a_branch_is_enough(void **state)
{
	char via[256], other[256];
	struct sip_msg *first, *second;
	(void)state;

	ANSWERED("200 ", 0); /* the listener has settled */
	(void)re_snprintf(via, sizeof(via),
			  "v : SIP / 2.0/UDP\r\n %J ;rport , SIP/2.0/TCP x\r\n"
			  "Via: SIP/2.0/UDP y;branch=old\r\n",
			  &raw.addr);
	first = decode(answer_to(
		&(const struct parts){.via = via, .callid = "i: old\r\n"}));
	second = decode(answer_to(
		&(const struct parts){.via = via, .callid = "i: old\r\n"}));
	assert_int_equal(first->scode, 200);
	assert_true(pl_isset(&first->via.branch));
	assert_int_equal(pl_cmp(&first->via.branch, &second->via.branch), 0);
	assert_int_equal(sip_msg_hdr_count(first, SIP_HDR_VIA), 3);
	mem_deref(second);
	second = decode(answer_to(
		&(const struct parts){.via = via, .callid = "i: new\r\n"}));
	assert_int_not_equal(pl_cmp(&first->via.branch, &second->via.branch),
			     0);
	mem_deref(first);
	mem_deref(second);
	/* what has one keeps it */
	(void)re_snprintf(other, sizeof(other),
			  "Via: SIP/2.0/UDP %J;rport; branch = own\r\n",
			  &raw.addr);
	assert_line(answer_to(&(const struct parts){.via = other}),
		    "branch = own");
}

static void a_body_longer_than_its_length_is_cut(void **state)
{
	(void)state;
	ANSWERED("200 ", .body = "Content-Length: 1\r\n\r\nabcdef");
}

static void the_last_hop_gets_483_and_a_foreign_scheme_416(void **state)
{
	(void)state;
	ANSWERED("483 Too Many Hops", .hops = "Max-Forwards: 0\r\n");
	ANSWERED("416 ", .uri = "nobodyKnowsThis:totallyopaquecontent");
}

static void an_extension_that_we_lack_gets_420_with_its_name(void **state)
{
	const char *answer;
	(void)state;

	answer = answer_to(&(const struct parts){
		.more = "Require: 100rel, nothingSupportsThis\r\n"});
	assert_line(answer, "SIP/2.0 420 Bad Extension\r\n");
	assert_line(answer, "\r\nUnsupported: 100rel, nothingSupportsThis\r\n");
	answer = answer_to(&(const struct parts){
		.method = "INVITE",
		.more = "Require: timer\r\nContact: <sip:e@127.0.0.1>\r\n"});
	assert_line(answer, "SIP/2.0 420 ");
	answer = answer_to(&(const struct parts){
		.method = "INVITE",
		.more = "Replaces: 1@x;to-tag=a;from-tag=b\r\n"
			"Contact: <sip:e@127.0.0.1>\r\n"});
	assert_line(answer, "\r\nUnsupported: replaces\r\n");
	assert_int_equal(b.invites, 0);
}

static void requests_for_calls_that_are_not_get_481(void **state)
{
	static const char *const methods[] = {"BYE", "INFO", "UPDATE",
					      "OPTIONS", "INVITE"};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		ANSWERED("481 ", .method = methods[i],
			 .to = "To: <sip:bob@127.0.0.1>;tag=gone\r\n");
	ANSWERED("481 ", .method = "CANCEL");
	ANSWERED("481 ", .method = "BYE");
}

static void an_ACK_that_nobody_waits_for_is_dropped(void **state)
{
	(void)state;
	send_parts(&(const struct parts){
		.method = "ACK", .to = "To: <sip:bob@127.0.0.1>;tag=gone\r\n"});
	send_parts(&(const struct parts){.method = "ACK", .hops = ""});
	/* The next answer is the next request's. */
	ANSWERED("200 ", .method = "OPTIONS");
	assert_int_equal(raw.count, 1);
}

static void a_body_that_is_no_SDP_gets_415_with_Accept(void **state)
{
	const char *answer;
	(void)state;

	answer = answer_to(
		&(const struct parts){.method = "INVITE",
				      .more = "Contact: <sip:e@127.0.0.1>\r\n",
				      .body = "Content-Type: text/plain\r\n"
					      "Content-Length: 2\r\n\r\nhi"});
	assert_line(answer, "SIP/2.0 415 ");
	assert_line(answer, "\r\nAccept: application/sdp\r\n");
	ANSWERED("415 ", .method = "INVITE",
		 .more = "Contact: <sip:e@127.0.0.1>\r\n",
		 .body = "Content-Length: 2\r\n\r\nhi");
	ANSWERED("415 ", .method = "INVITE",
		 .more = "Contact: <sip:e@127.0.0.1>\r\n",
		 .body = "Content-Type: application/sdp\r\n"
			 "Content-Encoding: gzip\r\n"
			 "Content-Length: 2\r\n\r\nhi");
	ANSWERED("406 ", .method = "INVITE",
		 .more = "Contact: <sip:e@127.0.0.1>\r\n"
			 "Accept: text/nobodyKnowsThis\r\n");
	assert_int_equal(b.invites, 0);
}

static void an_INVITE_without_Contact_gets_400(void **state)
{
	(void)state;
	ANSWERED("400 Missing Or Invalid Contact", .method = "INVITE");
	ANSWERED("400 Missing Or Invalid Contact", .method = "INVITE",
		 .more = "Contact: <>\r\n");
}

static void another_version_gets_505(void **state)
{
	(void)state;
	ANSWERED("200 ", 0); /* the listener has settled */
	raw_forget();
	raw_send("OPTIONS sip:bob@127.0.0.1 SIP/7.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKv;rport\r\n"
		 "From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
		 "Call-ID: v\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\n\r\n",
		 &raw.addr);
	assert_line(raw_wait("SIP/2.0"), "505 Version Not Supported");
}

static void garbage_is_dropped_and_the_next_request_served(void **state)
{
	static const char *const garbage[] = {
		"\r\n\r\n\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS",
		"OPTIONS sip:bob SIP/2.0",
		"INVITE sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n",
		"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n",
		"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP x;;\r\ni: y\r\n"
		"CSeq: 1 INVITE\r\nFrom: <sip:e@x>;tag=1\r\nTo: <sip:x>\r\n"
		"\r\n",
		"SIP/2.0 99999 Hm\r\n\r\n",
		"SIP/2.0 200 OK\r\n\r\n",
		"\377\376\375\374\373\372",
		"INVITE sip:b@x SIP/2.0\r\n:\r\n\r\n",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		raw_send("%s", garbage[i]);
		ANSWERED("200 ", .method = "OPTIONS");
	}
	assert_int_equal(b.invites, 0);
}

static void a_datagram_over_8_KB_is_read_whole(void **state)
{
	char filler[20000], big[20100];
	(void)state;

	ANSWERED("200 ", 0); /* the listener has settled */
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	(void)re_snprintf(big, sizeof(big), "X-Big: %s\r\n", filler);
	ANSWERED("405 ", .method = "MESSAGE", .more = big);
}

static void the_To_tag_of_a_refusal_is_the_same_each_time(void **state)
{
	const struct parts again = {
		.method = "FROB",
		.via = "Via: SIP/2.0/UDP "
		       "127.0.0.1:9;branch=z9hG4bKsame;rport\r\n",
		.callid = "Call-ID: same\r\n",
	};
	struct sip_msg *first, *second;
	(void)state;

	first = decode(answer_to(&again));
	second = decode(answer_to(&again));
	assert_true(pl_isset(&first->to.tag));
	assert_int_equal(pl_cmp(&first->to.tag, &second->to.tag), 0);
	mem_deref(first);
	mem_deref(second);
}

static void a_merged_request_gets_482(void **state)
{
	const struct parts one = {.method = "INVITE",
				  .callid = "Call-ID: merged\r\n",
				  .more = "Contact: <sip:e@127.0.0.1>\r\n"};
	(void)state;

	ANSWERED("100 ", .method = one.method, .callid = one.callid,
		 .more = one.more);
	assert_answer(&one, "SIP/2.0 482 ");
	assert_int_equal(b.invites, 1);
}

static void the_SDP_of_a_multipart_body_is_found(void **state)
{
	(void)state;
	ANSWERED("100 ", .method = "INVITE",
		 .more = "Contact: <sip:e@127.0.0.1>\r\n"
			 "Content-Type: multipart/mixed;boundary=\"b1\"\r\n",
		 .body = "\r\npreamble\r\n--b1\r\nContent-Type: text/plain\r\n"
			 "\r\nhello\r\n--b1\r\nContent-Type: application/sdp"
			 "\r\n\r\nv=0 part\r\n--b1--\r\n");
	ANSWERED("400 Broken", .method = "INVITE",
		 .more = "Contact: <sip:e@127.0.0.1>\r\n"
			 "Content-Type: multipart/mixed;boundary=b1\r\n",
		 .body = "\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n"
			 "v=0 cut");
}

#define RAW_TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_raw, teardown_raw)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAW_TEST(OPTIONS_tells_what_we_can),
		RAW_TEST(methods_that_we_do_not_serve_get_405_with_Allow),
		RAW_TEST(a_missing_header_gets_400_and_a_reason),
		RAW_TEST(a_header_that_contradicts_gets_400),
		RAW_TEST(leading_zeros_mean_nothing),
		RAW_TEST(a_Via_without_a_branch_is_enough),
		RAW_TEST(a_body_longer_than_its_length_is_cut),
		RAW_TEST(the_last_hop_gets_483_and_a_foreign_scheme_416),
		RAW_TEST(an_extension_that_we_lack_gets_420_with_its_name),
		RAW_TEST(requests_for_calls_that_are_not_get_481),
		RAW_TEST(an_ACK_that_nobody_waits_for_is_dropped),
		RAW_TEST(a_body_that_is_no_SDP_gets_415_with_Accept),
		RAW_TEST(an_INVITE_without_Contact_gets_400),
		RAW_TEST(another_version_gets_505),
		RAW_TEST(garbage_is_dropped_and_the_next_request_served),
		RAW_TEST(a_datagram_over_8_KB_is_read_whole),
		RAW_TEST(the_To_tag_of_a_refusal_is_the_same_each_time),
		RAW_TEST(a_merged_request_gets_482),
		RAW_TEST(the_SDP_of_a_multipart_body_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
