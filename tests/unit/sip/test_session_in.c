/* Calls that come in, from a peer that speaks in literal messages. */
#include "sip_fixture.h"

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

static void send_invite(const char *sdp)
{
	raw_send("INVITE sip:bob@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKinvite;rport\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: \"Eve\" <sip:eve@127.0.0.1>;tag=eve\r\n"
		 "To: <sip:bob@127.0.0.1>\r\n"
		 "Call-ID: wire\r\n"
		 "CSeq: 7 INVITE\r\n"
		 "Contact: <sip:eve@%J>\r\n"
		 "Record-Route: <sip:%J;lr>\r\n"
		 "%sContent-Length: %zu\r\n\r\n%s",
		 &raw.to, &raw.addr, &raw.addr, &raw.addr,
		 sdp ? "Content-Type: application/sdp\r\n" : "",
		 sdp ? strlen(sdp) : (size_t)0, sdp ? sdp : "");
}

/* CANCEL has the INVITE's branch, and so has the ACK of a failure. */
static void send_beside_invite(const char *method, const char *more)
{
	raw_send("%s sip:bob@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKinvite;rport\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: \"Eve\" <sip:eve@127.0.0.1>;tag=eve\r\n"
		 "To: <sip:bob@127.0.0.1>\r\n"
		 "Call-ID: wire\r\n"
		 "CSeq: 7 %s\r\n%s"
		 "Content-Length: 0\r\n\r\n",
		 method, &raw.to, &raw.addr, method, more ? more : "");
}

static bool b_established(void)
{
	return b.establisheds;
}

static bool b_invited(void)
{
	return b.invites;
}

static bool b_offered(void)
{
	return b.offereds;
}

static bool b_answered(void)
{
	return b.answereds;
}

static void ring_only(struct side *side)
{
	assert_int_equal(session_ring(side->session, NULL), 0);
}

/* An answered call; its 200. */
static const char *answered_call(void)
{
	const char *ok;

	b.on_invite = ring_and_answer;
	send_invite("v=0 eve");
	ok = raw_wait("SIP/2.0 200");
	raw_request_in(ok, "ACK", 7, NULL, NULL);
	WAIT(b_established);
	return ok;
}

static void hang_up(void)
{
	session_close(b.session, 0, NULL, 0);
	b.session = NULL;
}

static void a_100_comes_at_once_and_tags_agree(void **state)
{
	struct sip_msg *trying, *ringing, *ok;
	(void)state;

	send_invite("v=0 eve");
	raw_wait("SIP/2.0 100");
	ring_and_answer(&b);
	ok = decode(raw_wait("SIP/2.0 200"));
	trying = decode(raw.got[0]);
	ringing = decode(raw.got[1]);
	assert_int_equal(trying->scode, 100);
	assert_int_equal(ringing->scode, 180);
	assert_true(pl_isset(&ringing->to.tag));
	assert_int_equal(pl_cmp(&ringing->to.tag, &ok->to.tag), 0);
	assert_non_null(sip_msg_hdr(ok, SIP_HDR_RECORD_ROUTE));
	assert_non_null(sip_msg_hdr(ok, SIP_HDR_ALLOW));
	mem_deref(trying);
	mem_deref(ringing);
	mem_deref(ok);
}

static void no_100_beside_a_response_that_leaves_at_once(void **state)
{
	(void)state;
	b.on_invite = ring_and_answer;
	send_invite("v=0 eve");
	raw_wait("SIP/2.0 200");
	assert_int_equal(raw_number("SIP/2.0 180"), 1);
	assert_int_equal(raw_number("SIP/2.0 100"), 0);
}

static bool two_ringings(void)
{
	return raw_number("SIP/2.0 180") >= 2;
}

static void a_retransmitted_INVITE_is_one_call(void **state)
{
	(void)state;
	b.on_invite = ring_only;
	send_invite("v=0 eve");
	raw_wait("SIP/2.0 180");
	send_invite("v=0 eve");
	WAIT(two_ringings);
	assert_int_equal(b.invites, 1);
}

static void CANCEL_ends_the_call_and_tells_why(void **state)
{
	(void)state;
	b.on_invite = ring_only;
	send_invite("v=0 eve");
	raw_wait("SIP/2.0 180");
	send_beside_invite(
		"CANCEL",
		"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
	raw_wait("SIP/2.0 487");
	send_beside_invite("ACK", NULL);
	WAIT(b_closed);
	assert_int_equal(b.end.scode, 487);
	assert_true(b.end.by_peer);
	assert_string_equal(b.end.reason, "Call completed elsewhere");
}

static void CANCEL_after_the_answer_changes_nothing(void **state)
{
	(void)state;
	answered_call();
	raw_forget();
	send_beside_invite("CANCEL", NULL);
	raw_wait("SIP/2.0 200");
	assert_int_equal(b.closeds, 0);
	assert_int_equal(session_state(b.session), SESSION_ANSWERED);
}

static bool two_200s(void)
{
	return raw_number("SIP/2.0 200") >= 2;
}

static void the_200_is_repeated_until_its_ACK(void **state)
{
	(void)state;
	b.on_invite = ring_and_answer;
	send_invite("v=0 eve");
	WAIT(two_200s);
	assert_int_equal(b.establisheds, 0);
	raw_request_in(raw_find("SIP/2.0 200"), "ACK", 7, NULL, NULL);
	WAIT(b_established);
	/* A second ACK is of no interest. */
	raw_request_in(raw_find("SIP/2.0 200"), "ACK", 7, NULL, NULL);
	raw_request_in(raw_find("SIP/2.0 200"), "INFO", 8, NULL, NULL);
	raw_wait("SIP/2.0 200");
	assert_int_equal(b.establisheds, 1);
}

static void BYE_before_the_ACK_ends_the_call(void **state)
{
	const char *ok;
	(void)state;

	b.on_invite = ring_and_answer;
	send_invite("v=0 eve");
	ok = raw_wait("SIP/2.0 200");
	raw_request_in(ok, "BYE", 8, "Reason: Q.850;cause=16\r\n", NULL);
	WAIT(b_closed);
	assert_true(b.end.by_peer);
	assert_int_equal(b.end.q850, 16);
	assert_int_equal(b.establisheds, 0);
}

static void our_BYE_waits_for_the_ACK(void **state)
{
	const char *ok;
	(void)state;

	b.on_invite = ring_and_answer;
	send_invite("v=0 eve");
	ok = raw_wait("SIP/2.0 200");
	hang_up();
	WAIT(two_200s); /* still waits for the ACK */
	assert_null(raw_find("BYE"));
	raw_request_in(ok, "ACK", 7, NULL, NULL);
	raw_reply(raw_wait("BYE"), "200 OK", NULL, NULL, NULL);
	assert_int_equal(b.establisheds + b.closeds, 0);
}

static void BYE_in_the_early_dialog_ends_the_call(void **state)
{
	(void)state;
	b.on_invite = ring_only;
	send_invite("v=0 eve");
	raw_request_in(raw_wait("SIP/2.0 180"), "BYE", 8, NULL, NULL);
	raw_wait("SIP/2.0 200");
	raw_wait("SIP/2.0 487");
	WAIT(b_closed);
	assert_true(b.end.by_peer);
}

static void BYE_after_our_BYE_gets_200(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	hang_up();
	raw_wait("BYE");
	raw_forget();
	raw_request_in(ok, "BYE", 8, NULL, NULL);
	assert_non_null(strstr(raw_wait("SIP/2.0 200"), "8 BYE"));
	raw_request_in(ok, "INVITE", 9, NULL, "v=0 late");
	raw_wait("SIP/2.0 481");
}

static bool two_busys(void)
{
	return raw_number("SIP/2.0 486") >= 2;
}

static void a_rejection_is_repeated_until_its_ACK(void **state)
{
	char busy[RAW_SIZE];
	(void)state;
	send_invite("v=0 eve");
	WAIT(b_invited);
	assert_int_equal(session_reject(b.session, 486, NULL, NULL), 0);
	b.session = NULL;
	raw_wait("SIP/2.0 486");
	/* by itself, and at once for an INVITE that comes again */
	WAIT(two_busys);
	raw_forget();
	send_invite("v=0 eve");
	memcpy(busy, raw_wait("SIP/2.0 486"), sizeof(busy));
	raw_forget();
	/* after the ACK nothing more leaves, and no second call begins */
	send_beside_invite("ACK", NULL);
	send_invite("v=0 eve");
	raw_request_in(busy, "BYE", 8, NULL, NULL);
	raw_wait("SIP/2.0 200");
	assert_int_equal(raw_number("SIP/2.0 486"), 0);
	assert_int_equal(b.invites, 1);
}

static bool two_oks(void)
{
	return raw_number("SIP/2.0 200") >= 2;
}

static void what_comes_again_after_the_end_is_answered_as_before(void **state)
{
	char ok[RAW_SIZE];
	struct sip_msg *msg;
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	msg = decode(ok);
	raw_forget();
	for (int i = 0; i < 2; i++)
		raw_send("BYE sip:bob@%J SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP %J;branch=z9hG4bKbye;rport\r\n"
			 "Max-Forwards: 70\r\n"
			 "From: <sip:eve@127.0.0.1>;tag=eve\r\n"
			 "To: <sip:bob@127.0.0.1>;tag=%r\r\n"
			 "Call-ID: wire\r\n"
			 "CSeq: 8 BYE\r\n"
			 "Content-Length: 0\r\n\r\n",
			 &raw.to, &raw.addr, &msg->to.tag);
	mem_deref(msg);
	WAIT(two_oks);
	assert_string_equal(raw.got[0], raw.got[1]);
	assert_int_equal(raw_number("SIP/2.0 481"), 0);
}

static void hold_by_re_INVITE_is_answered_and_repeated_until_ACK(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	raw_forget();
	raw_request_in(ok, "INVITE", 8, NULL, "v=0 sendonly");
	WAIT(b_offered);
	assert_string_equal(b.offered, "v=0 sendonly");
	assert_non_null(strstr(raw_wait("SIP/2.0 200"), "v=0 answer"));
	WAIT(two_200s);
	raw_request_in(ok, "ACK", 8, NULL, NULL);
	raw_request_in(ok, "OPTIONS", 9, NULL, NULL);
	raw_wait("SIP/2.0 200");
	assert_int_equal(b.establisheds, 1);
	assert_int_equal(b.answereds, 0);
}

static void a_re_INVITE_without_offer_gets_one(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	raw_forget();
	raw_request_in(ok, "INVITE", 8, NULL, NULL);
	assert_non_null(strstr(raw_wait("SIP/2.0 200"), "v=0 answer"));
	assert_string_equal(b.offered, "");
	/* Another one while the answer to ours is awaited: later. */
	raw_request_in(ok, "INVITE", 9, NULL, "v=0 x");
	assert_non_null(strstr(raw_wait("SIP/2.0 500"), "Retry-After: "));
	raw_request_in(ok, "ACK", 8, NULL, "v=0 their answer");
	WAIT(b_answered);
	assert_int_equal(b.answered_scode, 200);
	assert_string_equal(b.answered, "v=0 their answer");
}

static void the_answer_to_a_late_offer_comes_in_the_ACK(void **state)
{
	const char *ok;
	(void)state;

	b.on_invite = ring_and_answer;
	send_invite(NULL);
	ok = raw_wait("SIP/2.0 200");
	assert_non_null(strstr(ok, "v=0 bob"));
	raw_request_in(ok, "ACK", 7, NULL, "v=0 eve's answer");
	WAIT(b_established);
	assert_string_equal(b.sdp, "v=0 eve's answer");
}

static void a_re_INVITE_that_is_refused_changes_nothing(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	b.offer_scode = 488;
	raw_request_in(ok, "INVITE", 8, NULL, "v=0 video");
	assert_non_null(strstr(raw_wait("SIP/2.0 488"), "SIP/2.0 488 No\r\n"));
	assert_int_equal(session_state(b.session), SESSION_ANSWERED);
	raw_request_in(ok, "INVITE", 9, "Content-Type: text/plain\r\n", NULL);
	WAIT(b_offered);
}

static void UPDATE_offers_too_or_refreshes(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	raw_forget();
	raw_request_in(ok, "UPDATE", 8, NULL, "v=0 update");
	assert_non_null(strstr(raw_wait("SIP/2.0 200"), "v=0 answer"));
	assert_string_equal(b.offered, "v=0 update");
	raw_forget();
	raw_request_in(ok, "UPDATE", 9, NULL, NULL);
	assert_non_null(
		strstr(raw_wait("SIP/2.0 200"), "Content-Length: 0\r\n"));
	assert_int_equal(b.offereds, 1);
}

static void a_lower_CSeq_gets_500(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	raw_request_in(ok, "BYE", 6, NULL, NULL);
	raw_wait("SIP/2.0 500");
	assert_int_equal(b.closeds, 0);
}

static void in_the_dialog_unknown_methods_get_405_and_OPTIONS_200(void **state)
{
	char ok[RAW_SIZE];
	(void)state;

	memcpy(ok, answered_call(), sizeof(ok));
	raw_request_in(ok, "REFER", 8, "Refer-To: <sip:x@y>\r\n", NULL);
	assert_non_null(strstr(raw_wait("SIP/2.0 405"), "\r\nAllow: "));
	raw_request_in(ok, "MESSAGE", 9, "Require: x\r\n", NULL);
	assert_non_null(
		strstr(raw_wait("SIP/2.0 420"), "\r\nUnsupported: x\r\n"));
	raw_forget();
	raw_request_in(ok, "OPTIONS", 10, NULL, NULL);
	assert_non_null(strstr(raw_wait("SIP/2.0 200"), "\r\nAccept: "));
}

static bool two_INVITEs(void)
{
	return raw_number("INVITE") >= 2;
}

static void glare_as_the_callee_is_tried_again(void **state)
{
	struct mbuf *sdp = text_mbuf("v=0 ours");
	(void)state;

	answered_call();
	raw_forget();
	assert_int_equal(session_offer(b.session, sdp), 0);
	mem_deref(sdp);
	raw_reply(raw_wait("INVITE"), "491 Request Pending", NULL, NULL, NULL);
	WAIT(two_INVITEs);
	raw_reply(raw_find("INVITE"), "200 OK", NULL, NULL, "v=0 theirs");
	WAIT(b_answered);
	assert_int_equal(b.answered_scode, 200);
	assert_non_null(strstr(raw_wait("ACK"), "Route: <sip:127.0.0.1:"));
}

static void a_challenge_to_our_BYE_gets_no_credentials(void **state)
{
	(void)state;
	answered_call();
	hang_up();
	raw_reply(raw_wait("BYE"), "401 Unauthorized", NULL,
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
	raw_forget();
	raw_send("OPTIONS sip:x@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKlater;rport\r\n"
		 "From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
		 "Call-ID: later\r\nCSeq: 1 OPTIONS\r\n"
		 "Max-Forwards: 9\r\n\r\n",
		 &raw.to, &raw.addr);
	raw_wait("SIP/2.0 200");
	assert_null(raw_find("BYE"));
}

static void wrong_states_and_bad_headers_are_refused(void **state)
{
	(void)state;
	send_invite("v=0 eve");
	WAIT(b_invited);
	assert_int_equal(session_ring(b.session, "Via: x\r\n"), EINVAL);
	assert_int_equal(session_answer(b.session, NULL, "X: y"), EINVAL);
	assert_int_equal(session_reject(b.session, 200, NULL, NULL), EINVAL);
	assert_int_equal(session_reject(b.session, 486, "a\r\nX: y", NULL),
			 EINVAL);
	assert_int_equal(
		session_reject(b.session, 302, NULL, "Contact: <sip:a@b>\r\n"),
		0);
	assert_int_equal(session_answer(b.session, NULL, NULL), EPROTO);
	assert_int_equal(session_reject(b.session, 486, NULL, NULL), EPROTO);
	assert_non_null(
		strstr(raw_wait("SIP/2.0 302"), "\r\nContact: <sip:a@b>\r\n"));
}

#define RAW_TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_raw, teardown_raw)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAW_TEST(a_100_comes_at_once_and_tags_agree),
		RAW_TEST(no_100_beside_a_response_that_leaves_at_once),
		RAW_TEST(a_retransmitted_INVITE_is_one_call),
		RAW_TEST(CANCEL_ends_the_call_and_tells_why),
		RAW_TEST(CANCEL_after_the_answer_changes_nothing),
		RAW_TEST(the_200_is_repeated_until_its_ACK),
		RAW_TEST(BYE_before_the_ACK_ends_the_call),
		RAW_TEST(our_BYE_waits_for_the_ACK),
		RAW_TEST(BYE_in_the_early_dialog_ends_the_call),
		RAW_TEST(BYE_after_our_BYE_gets_200),
		RAW_TEST(a_rejection_is_repeated_until_its_ACK),
		RAW_TEST(what_comes_again_after_the_end_is_answered_as_before),
		RAW_TEST(hold_by_re_INVITE_is_answered_and_repeated_until_ACK),
		RAW_TEST(a_re_INVITE_without_offer_gets_one),
		RAW_TEST(the_answer_to_a_late_offer_comes_in_the_ACK),
		RAW_TEST(a_re_INVITE_that_is_refused_changes_nothing),
		RAW_TEST(UPDATE_offers_too_or_refreshes),
		RAW_TEST(a_lower_CSeq_gets_500),
		RAW_TEST(in_the_dialog_unknown_methods_get_405_and_OPTIONS_200),
		RAW_TEST(glare_as_the_callee_is_tried_again),
		RAW_TEST(a_challenge_to_our_BYE_gets_no_credentials),
		RAW_TEST(wrong_states_and_bad_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
