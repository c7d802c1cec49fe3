/* Calls between two stacks over loopback, in one process. */
#include "sip_fixture.h"

static int setup_tcp(void **state)
{
	(void)state;
	return open_on("tcp:127.0.0.1:0");
}

static int setup_ipv6(void **state)
{
	(void)state;
	return open_on("udp:[::1]:0");
}

static void establish(void)
{
	b.on_invite = ring_and_answer;
	call_with("v=0 alice");
	WAIT(both_established);
}

static void hang_up(struct side *side, const char *reason, uint16_t q850)
{
	session_close(side->session, 0, reason, q850);
	side->session = NULL;
}

static void a_call_rings_is_answered_and_ends_by_BYE(void **state)
{
	(void)state;
	establish();
	assert_int_equal(a.progresses, 1);
	assert_int_equal(a.progress_scode, 180);
	assert_string_equal(a.sdp, "v=0 bob");
	assert_int_equal(session_state(a.session), SESSION_ANSWERED);
	assert_int_equal(session_state(b.session), SESSION_ANSWERED);
	assert_string_equal(session_callid(a.session),
			    session_callid(b.session));
	assert_non_null(session_msg(a.session));
	assert_int_equal(session_msg(a.session)->scode, 200);
	assert_true(session_msg(b.session)->req);

	hang_up(&a, "said \"bye\"", 16);
	WAIT(b_closed);
	assert_true(b.end.by_peer);
	assert_int_equal(b.end.err, 0);
	assert_int_equal(b.end.scode, 0);
	assert_int_equal(b.end.q850, 16);
	assert_string_equal(b.end.reason, "said \"bye\"");
	assert_int_equal(a.closeds, 0);
	assert_int_equal(session_state(b.session), SESSION_CLOSED);
}

static void the_callee_hangs_up(void **state)
{
	(void)state;
	establish();
	hang_up(&b, NULL, 0);
	WAIT(a_closed);
	assert_true(a.end.by_peer);
	assert_int_equal(a.end.q850, 0);
	assert_int_equal(b.closeds, 0);
}

static void both_hang_up_at_once(void **state)
{
	(void)state;
	establish();
	hang_up(&a, NULL, 0);
	hang_up(&b, NULL, 0);
	assert_int_equal(a.closeds + b.closeds, 0);
}

static void look_at_invite(struct side *side)
{
	const struct sip_msg *msg = session_msg(side->session);
	const struct sip_hdr *hdr = sip_msg_xhdr(msg, "X-Test");

	assert_non_null(hdr);
	assert_int_equal(pl_strcmp(&hdr->val, "yes"), 0);
	assert_int_equal(pl_strcmp(&msg->from.dname, "Alice \\\"A\\\""), 0);
	assert_int_equal(pl_strcmp(&msg->from.auri, "sip:alice@example.test"),
			 0);
	assert_true(sa_cmp(session_peer(side->session), &msg->src, SA_ALL));
}

static bool b_invited(void)
{
	return b.invites;
}

static void our_headers_and_names_arrive(void **state)
{
	(void)state;
	b.on_invite = look_at_invite;
	call_with("v=0 alice");
	WAIT(b_invited);
}

static void progress_with_sdp(struct side *side)
{
	struct mbuf *sdp = text_mbuf("v=0 early");

	assert_int_equal(session_progress(side->session, sdp, NULL), 0);
	mem_deref(sdp);
}

static bool a_progressed(void)
{
	return a.progresses;
}

static void early_media_brings_its_SDP(void **state)
{
	(void)state;
	b.on_invite = progress_with_sdp;
	call_with("v=0 alice");
	WAIT(a_progressed);
	assert_int_equal(a.progress_scode, 183);
	assert_string_equal(a.sdp, "v=0 early");
	assert_int_equal(session_state(a.session), SESSION_EARLY);
	assert_int_equal(session_state(b.session), SESSION_EARLY);
}

static void reject_busy(struct side *side)
{
	assert_int_equal(session_reject(side->session, 486, "Not today",
					"Retry-After: 30\r\n"
					"Reason: Q.850;cause=17\r\n"),
			 0);
	assert_int_equal(session_state(side->session), SESSION_CLOSED);
}

static void a_rejection_tells_code_reason_cause_and_when_to_try(void **state)
{
	(void)state;
	b.on_invite = reject_busy;
	call_with("v=0 alice");
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 486);
	assert_string_equal(a.end.reason, "Not today");
	assert_int_equal(a.end.q850, 17);
	assert_int_equal(a.end.retry_after, 30);
	assert_true(a.end.by_peer);
	assert_int_equal(b.closeds, 0);
}

static void redirect(struct side *side)
{
	assert_int_equal(session_reject(side->session, 302, NULL,
					"Contact: <sip:less@x.test>;q=0.3\r\n"
					"Contact: <sip:more@x.test>;q=0.7\r\n"),
			 0);
}

static void a_redirection_is_told_and_not_followed(void **state)
{
	(void)state;
	b.on_invite = redirect;
	call_with("v=0 alice");
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 302);
	assert_string_equal(a.end.reason, "Moved Temporarily");
	assert_string_equal(a.end.contact, "sip:more@x.test");
	assert_int_equal(b.invites, 1);
}

static void ring_only(struct side *side)
{
	assert_int_equal(session_ring(side->session, NULL), 0);
}

static void hanging_up_while_it_rings_cancels(void **state)
{
	(void)state;
	b.on_invite = ring_only;
	call_with("v=0 alice");
	WAIT(a_progressed);
	hang_up(&a, NULL, 0);
	assert_int_equal(stack_pending(a.stack), 1);
	WAIT(b_closed);
	assert_int_equal(b.end.scode, 487);
	assert_true(b.end.by_peer);
	assert_int_equal(session_ring(b.session, NULL), EPROTO);
}

static bool a_not_pending(void)
{
	return !stack_pending(a.stack);
}

static void poll(void *arg)
{
	struct tmr *tmr = arg;

	check();
	tmr_start(tmr, 1, poll, tmr);
}

static void a_cancelled_INVITE_counts_until_its_final_response(void **state)
{
	struct tmr tmr = {0};
	(void)state;

	b.on_invite = ring_only;
	call_with("v=0 alice");
	WAIT(a_progressed);
	hang_up(&a, NULL, 0);
	assert_int_equal(stack_pending(a.stack), 1);
	poll(&tmr);
	WAIT(a_not_pending);
	tmr_cancel(&tmr);
}

static void closing_an_incoming_call_refuses_it(void **state)
{
	(void)state;
	b.on_invite = ring_only;
	call_with("v=0 alice");
	WAIT(a_progressed);
	session_close(b.session, 603, "No, thanks", 21);
	b.session = NULL;
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 603);
	assert_string_equal(a.end.reason, "No, thanks");
	assert_int_equal(a.end.q850, 21);
}

static bool a_answered(void)
{
	return a.answereds;
}

static bool b_answered(void)
{
	return b.answereds;
}

static void offer(struct side *side, const char *text)
{
	struct mbuf *sdp = text_mbuf(text);

	assert_int_equal(session_offer(side->session, sdp), 0);
	assert_int_equal(session_offer(side->session, sdp), EALREADY);
	mem_deref(sdp);
}

static void both_sides_can_make_new_offers(void **state)
{
	(void)state;
	establish();
	offer(&a, "v=0 hold");
	WAIT(a_answered);
	assert_int_equal(a.answered_scode, 200);
	assert_string_equal(a.answered, "v=0 answer");
	assert_string_equal(b.offered, "v=0 hold");

	offer(&b, "v=0 resume");
	WAIT(b_answered);
	assert_int_equal(b.answered_scode, 200);
	assert_string_equal(b.answered, "v=0 answer");
	assert_string_equal(a.offered, "v=0 resume");
}

static void a_refused_offer_leaves_the_call_as_it_was(void **state)
{
	(void)state;
	establish();
	b.offer_scode = 488;
	offer(&a, "v=0 hold");
	WAIT(a_answered);
	assert_int_equal(a.answered_scode, 488);
	assert_int_equal(session_state(a.session), SESSION_ANSWERED);
	assert_int_equal(session_state(b.session), SESSION_ANSWERED);
	b.offer_scode = 0;
	a.answereds = 0;
	offer(&a, "v=0 again");
	WAIT(a_answered);
	assert_int_equal(a.answered_scode, 200);
}

static bool either_answered(void)
{
	return a.answereds || b.answereds;
}

static bool both_answered(void)
{
	return a.answereds && b.answereds;
}

static void crossing_offers_both_succeed_in_the_end(void **state)
{
	(void)state;
	establish();
	offer(&a, "v=0 from a");
	offer(&b, "v=0 from b");
	WAIT(either_answered);
	WAIT(both_answered);
	assert_int_equal(a.answered_scode, 200);
	assert_int_equal(b.answered_scode, 200);
	assert_string_equal(b.offered, "v=0 from a");
	assert_string_equal(a.offered, "v=0 from b");
}

static void answer_and_offer(struct side *side)
{
	ring_and_answer(side);
	offer(side, "v=0 at once");
}

static void an_offer_made_before_the_ACK_waits_for_it(void **state)
{
	(void)state;
	b.on_invite = answer_and_offer;
	call_with("v=0 alice");
	WAIT(b_answered);
	assert_int_equal(b.answered_scode, 200);
	assert_string_equal(a.offered, "v=0 at once");
}

static void without_an_offer_in_the_INVITE_the_200_has_it(void **state)
{
	(void)state;
	b.on_invite = ring_and_answer;
	call_with(NULL);
	WAIT(both_established);
	assert_string_equal(a.offered, "v=0 bob");
	assert_string_equal(b.sdp, "v=0 answer");
}

static void an_offer_in_the_200_that_is_refused_ends_the_call(void **state)
{
	(void)state;
	a.offer_scode = 488;
	b.on_invite = ring_and_answer;
	call_with(NULL);
	WAIT(a_closed);
	assert_int_equal(a.establisheds, 0);
	assert_int_equal(a.end.err, EBADMSG);
	WAIT(b_closed);
	assert_true(b.end.by_peer);
}

static unsigned info_responses;
static uint16_t info_scode;

static void on_info_response(int err, const struct sip_msg *msg, void *arg)
{
	(void)arg;
	assert_int_equal(err, 0);
	info_scode = msg->scode;
	info_responses++;
	check();
}

static bool info_answered(void)
{
	return info_responses;
}

static void INFO_reaches_the_other_side(void **state)
{
	(void)state;
	establish();
	info_responses = 0;
	assert_int_equal(session_info(a.session, "application/dtmf-relay",
				      "Signal=5\r\nDuration=160\r\n",
				      on_info_response, NULL),
			 0);
	WAIT(info_answered);
	assert_int_equal(info_scode, 200);
	assert_int_equal(b.infos, 1);
	assert_int_equal(
		session_info(a.session, "x/y\r\nEvil: 1", "", NULL, NULL),
		EINVAL);
}

static void hang_up_here(struct side *side)
{
	hang_up(side, NULL, 0);
}

static void closing_inside_a_handler_is_safe(void **state)
{
	(void)state;
	a.on_established = hang_up_here;
	b.on_invite = ring_and_answer;
	call_with("v=0 alice");
	WAIT(b_closed);
	assert_int_equal(a.establisheds, 1);
	assert_int_equal(a.closeds, 0);
}

static void what_would_inject_a_header_is_refused(void **state)
{
	static const char *const bad[] = {
		"X-A: 1\r\nVia: SIP/2.0/UDP evil\r\n",
		"X-A: 1\r\n\r\nbody",
		"X-A: 1",
		"X-A: 1\nX-B: 2\r\n",
		"X A: 1\r\n",
		": 1\r\n",
		"From: <sip:root@x.test>;tag=1\r\n",
		"f: <sip:root@x.test>;tag=1\r\n",
		"content-length: 5\r\n",
		"Call-ID: mine\r\n",
		"Authorization: Digest x\r\n",
		"Contact: <sip:me@x.test>\r\n",
		" X-Folded: 1\r\n",
		"X-A: a\001b\r\n",
	};
	static const char *const bad_uris[] = {
		"sip:a@b>;tag=x",
		"sip:a b@c.test",
		"http://x.test",
		"sip:a@b\r\nX: y",
		"",
		"bob",
		"sip:\"x\"@b",
	};
	struct session_invite invite = {
		.uri = "sip:x@127.0.0.1:9",
		.from_uri = "sip:y@127.0.0.1",
	};
	struct session *session = NULL;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		invite.headers = bad[i];
		assert_int_equal(session_connect(&session, a.stack, &invite,
						 &handlers, &a),
				 EINVAL);
	}
	invite.headers = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(bad_uris); i++) {
		invite.uri = bad_uris[i];
		assert_int_equal(session_connect(&session, a.stack, &invite,
						 &handlers, &a),
				 EINVAL);
		invite.uri = "sip:x@127.0.0.1:9";
		invite.from_uri = bad_uris[i];
		assert_int_equal(session_connect(&session, a.stack, &invite,
						 &handlers, &a),
				 EINVAL);
		invite.from_uri = "sip:y@127.0.0.1";
	}
	invite.from_name = "A\r\nX: y";
	assert_int_equal(
		session_connect(&session, a.stack, &invite, &handlers, &a),
		EINVAL);
	assert_null(session);
}

static void a_refused_TCP_connection_ends_the_call(void **state)
{
	const struct session_invite invite = {
		.uri = "sip:x@127.0.0.1:1;transport=tcp",
		.from_uri = "sip:y@127.0.0.1",
	};
	(void)state;

	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	assert_int_equal(a.closeds, 0);
	WAIT(a_closed);
	assert_int_equal(a.end.err, ECONNREFUSED);
	assert_int_equal(a.end.scode, 0);
	assert_false(a.end.by_peer);
}

static void a_transport_that_we_lack_ends_the_call_later(void **state)
{
	const struct session_invite invite = {
		.uri = "sip:x@127.0.0.1:1;transport=tcp",
		.from_uri = "sip:y@127.0.0.1",
	};
	(void)state;

	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	assert_int_equal(a.closeds, 0);
	WAIT(a_closed);
	assert_int_equal(a.end.err, EPROTONOSUPPORT);
}

static void stacks_end_with_calls_in_any_state(void **state)
{
	struct session *more[3];
	const struct session_invite invite = {
		.uri = "sip:x@127.0.0.1:9",
		.from_uri = "sip:y@127.0.0.1",
	};
	(void)state;

	establish();
	offer(&a, "v=0 hold");
	/* One is left open, one cancelled, one closed and not yet sent. */
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		assert_int_equal(session_connect(&more[i], a.stack, &invite,
						 &handlers, &a),
				 0);
	session_close(more[1], 0, NULL, 0);
	hang_up(&b, NULL, 0);
}

#define CALL_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALL_TEST(a_call_rings_is_answered_and_ends_by_BYE),
		{"a call over TCP", a_call_rings_is_answered_and_ends_by_BYE,
		 setup_tcp, teardown, NULL},
		{"a call over IPv6", a_call_rings_is_answered_and_ends_by_BYE,
		 setup_ipv6, teardown, NULL},
		CALL_TEST(the_callee_hangs_up),
		{"the callee hangs up over TCP", the_callee_hangs_up, setup_tcp,
		 teardown, NULL},
		CALL_TEST(both_hang_up_at_once),
		CALL_TEST(our_headers_and_names_arrive),
		CALL_TEST(early_media_brings_its_SDP),
		CALL_TEST(a_rejection_tells_code_reason_cause_and_when_to_try),
		CALL_TEST(a_redirection_is_told_and_not_followed),
		CALL_TEST(hanging_up_while_it_rings_cancels),
		{"cancelling over TCP", hanging_up_while_it_rings_cancels,
		 setup_tcp, teardown, NULL},
		CALL_TEST(a_cancelled_INVITE_counts_until_its_final_response),
		CALL_TEST(closing_an_incoming_call_refuses_it),
		CALL_TEST(both_sides_can_make_new_offers),
		{"new offers over TCP", both_sides_can_make_new_offers,
		 setup_tcp, teardown, NULL},
		CALL_TEST(a_refused_offer_leaves_the_call_as_it_was),
		CALL_TEST(crossing_offers_both_succeed_in_the_end),
		CALL_TEST(an_offer_made_before_the_ACK_waits_for_it),
		CALL_TEST(without_an_offer_in_the_INVITE_the_200_has_it),
		CALL_TEST(an_offer_in_the_200_that_is_refused_ends_the_call),
		CALL_TEST(INFO_reaches_the_other_side),
		CALL_TEST(closing_inside_a_handler_is_safe),
		CALL_TEST(what_would_inject_a_header_is_refused),
		{"a refused TCP connection ends the call",
		 a_refused_TCP_connection_ends_the_call, setup_tcp, teardown,
		 NULL},
		CALL_TEST(a_transport_that_we_lack_ends_the_call_later),
		CALL_TEST(stacks_end_with_calls_in_any_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
