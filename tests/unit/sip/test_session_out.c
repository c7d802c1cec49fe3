/* Calls that we make, to a peer that speaks in literal messages. */
#include "sip_fixture.h"

static int setup_raw(void **state)
{
	(void)setup(state);
	raw_open(&a);
	return 0;
}

static int teardown_raw(void **state)
{
	raw_close();
	return teardown(state);
}

static unsigned asked; /* how often credentials were wanted */

static int give_credentials(char **user, char **password, const char *realm,
			    void *arg)
{
	(void)arg;
	asked++;
	if (strcmp(realm, "home") != 0)
		return EAUTH;
	return str_dup(user, "alice") | str_dup(password, "secret");
}

static int give_ha1(char **user, char **password, const char *realm, void *arg)
{
	(void)arg;
	if (strcmp(realm, "home") != 0)
		return EAUTH;
	/* MD5 of alice:home:secret */
	return str_dup(user, "alice") |
	       str_dup(password, DIGEST_HA1 "A04D8974E1F5016FCC94A91B1D0F4D9A");
}

/* Call the raw peer; its INVITE. */
static const char *call_raw(sip_auth_h *authh)
{
	struct mbuf *sdp = text_mbuf("v=0 alice");
	char uri[64];
	const struct session_invite invite = {
		.uri = uri,
		.from_uri = "sip:alice@example.test",
		.contact_user = "alice",
		.sdp = sdp,
		.authh = authh,
	};

	asked = 0;
	(void)re_snprintf(uri, sizeof(uri), "sip:bob@%J", &raw.addr);
	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	mem_deref(sdp);
	return raw_wait("INVITE");
}

static bool a_established(void)
{
	return a.establisheds;
}

static bool a_progressed(void)
{
	return a.progresses;
}

static bool a_answered(void)
{
	return a.answereds;
}

/* An answered call; its ACK. */
static const char *answered_call(sip_auth_h *authh)
{
	raw_reply(call_raw(authh), "200 OK", "one", NULL, "v=0 bob");
	WAIT(a_established);
	return raw_wait("ACK");
}

static void hang_up(void)
{
	session_close(a.session, 0, NULL, 0);
	a.session = NULL;
}

static void CANCEL_waits_for_a_provisional_response(void **state)
{
	const char *invite;
	(void)state;

	call_raw(NULL);
	hang_up();
	assert_int_equal(stack_pending(a.stack), 1);
	/* It is sent again before it is cancelled. */
	raw_forget();
	invite = raw_wait("INVITE");
	assert_null(raw_find("CANCEL"));
	raw_reply(invite, "180 Ringing", "one", NULL, NULL);
	raw_reply(raw_wait("CANCEL"), "200 OK", "one", NULL, NULL);
	raw_reply(raw_wait("INVITE"), "487 Request Terminated", "one", NULL,
		  NULL);
	raw_wait("ACK");
	assert_int_equal(stack_pending(a.stack), 0);
	assert_int_equal(a.closeds, 0);
}

static void a_200_that_crosses_the_CANCEL_gets_ACK_and_BYE(void **state)
{
	const char *invite = call_raw(NULL);
	(void)state;

	raw_reply(invite, "180 Ringing", "one", NULL, NULL);
	WAIT(a_progressed);
	hang_up();
	raw_reply(raw_wait("CANCEL"), "200 OK", "one", NULL, NULL);
	raw_reply(raw_wait("INVITE"), "200 OK", "one", NULL, "v=0 bob");
	raw_wait("ACK");
	raw_reply(raw_wait("BYE"), "200 OK", NULL, NULL, NULL);
	assert_int_equal(a.establisheds, 0);
}

static bool two_acks(void)
{
	return raw_number("ACK") >= 2;
}

static void retransmitted_200s_get_the_same_ACK(void **state)
{
	const char *invite;
	char first[RAW_SIZE];
	(void)state;

	answered_call(NULL);
	memcpy(first, raw_find("ACK"), sizeof(first));
	invite = raw_find("INVITE");
	raw_reply(invite, "200 OK", "one", NULL, "v=0 bob");
	WAIT(two_acks);
	assert_string_equal(raw_find("ACK"), first);
	assert_int_equal(a.establisheds, 1);
	assert_null(raw_find("BYE"));
}

static void another_forks_200_gets_ACK_and_BYE(void **state)
{
	const char *bye;
	(void)state;

	answered_call(NULL);
	raw_reply(raw_find("INVITE"), "200 OK", "two", NULL, "v=0 carol");
	WAIT(two_acks);
	assert_non_null(strstr(raw_find("ACK"), ";tag=two"));
	bye = raw_wait("BYE");
	assert_non_null(strstr(bye, ";tag=two"));
	raw_reply(bye, "200 OK", NULL, NULL, NULL);
	assert_int_equal(session_state(a.session), SESSION_ANSWERED);
	assert_int_equal(a.establisheds, 1);
}

/* Check the digest of REQUEST against alice's password. */
static void assert_authorized(const char *request, const char *header)
{
	struct sip_msg *msg = decode(request);
	const struct sip_hdr *hdr = sip_msg_xhdr(msg, header);
	struct httpauth_digest_resp resp;
	uint8_t ha1[MD5_SIZE];

	assert_non_null(hdr);
	assert_int_equal(httpauth_digest_response_decode(&resp, &hdr->val), 0);
	assert_int_equal(md5_printf(ha1, "alice:home:secret"), 0);
	assert_int_equal(httpauth_digest_response_auth(&resp, &msg->met, ha1),
			 0);
	assert_int_equal(pl_cmp(&resp.uri, &msg->ruri), 0);
	mem_deref(msg);
}

static bool authorized_INVITE(void)
{
	const char *invite = raw_find("INVITE");

	return invite && strstr(invite, "uthorization: Digest");
}

static void an_MD5_challenge_beside_SHA_256_is_answered(void **state)
{
	(void)state;

	raw_reply(call_raw(give_credentials), "401 Unauthorized", "one",
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"n256\", "
		  "algorithm=SHA-256, qop=\"auth\"\r\n"
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"nmd5\", "
		  "algorithm=MD5, qop=\"auth,auth-int\", opaque=\"o\"\r\n",
		  NULL);
	WAIT(authorized_INVITE);
	assert_authorized(raw_find("INVITE"), "Authorization");
	assert_non_null(strstr(raw_find("INVITE"), "nonce=\"nmd5\""));
	assert_non_null(strstr(raw_find("INVITE"), "opaque=\"o\""));
	raw_reply(raw_find("INVITE"), "200 OK", "one", NULL, "v=0 bob");
	WAIT(a_established);
	assert_int_equal(asked, 1);
}

static void a_proxys_challenge_without_qop_is_answered(void **state)
{
	(void)state;
	raw_reply(call_raw(give_credentials),
		  "407 Proxy Authentication Required", "one",
		  "Proxy-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
	WAIT(authorized_INVITE);
	assert_authorized(raw_find("INVITE"), "Proxy-Authorization");
	assert_null(strstr(raw_find("INVITE"), "qop"));
}

static void HA1_serves_in_the_place_of_a_password(void **state)
{
	(void)state;
	raw_reply(call_raw(give_ha1), "401 Unauthorized", "one",
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
	WAIT(authorized_INVITE);
	assert_authorized(raw_find("INVITE"), "Authorization");
}

static unsigned nonces;

static void challenge_always(const char *text)
{
	char more[128];

	if (strncmp(text, "INVITE", 6) != 0)
		return;
	(void)re_snprintf(more, sizeof(more),
			  "WWW-Authenticate: Digest realm=\"home\", "
			  "nonce=\"n%u\"\r\n",
			  ++nonces);
	raw_reply(text, "401 Unauthorized", "one", more, NULL);
}

static void a_wrong_password_is_tried_twice_at_most(void **state)
{
	(void)state;
	nonces = 0;
	raw.on_message = challenge_always;
	call_raw(give_credentials);
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 401);
	assert_int_equal(a.end.err, 0);
	assert_true(a.end.by_peer);
	assert_int_equal(nonces, 1 + DIGEST_TRIES);
	assert_int_equal(asked, 1);
}

static void challenge_same(const char *text)
{
	if (strncmp(text, "INVITE", 6) != 0)
		return;
	nonces++;
	raw_reply(text, "407 Proxy Authentication Required", "one",
		  "Proxy-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
}

static void the_same_nonce_is_answered_once(void **state)
{
	(void)state;
	nonces = 0;
	raw.on_message = challenge_same;
	call_raw(give_credentials);
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 407);
	assert_int_equal(nonces, 2);
}

static void another_realm_gets_no_credentials(void **state)
{
	(void)state;
	raw_reply(call_raw(give_credentials), "401 Unauthorized", "one",
		  "WWW-Authenticate: Digest realm=\"evil\", nonce=\"n\"\r\n",
		  NULL);
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 401);
	assert_int_equal(raw_number("INVITE"), 1);
	assert_null(strstr(raw_find("INVITE"), "uthorization"));
}

static void a_challenged_BYE_is_answered_to_whom_we_called(void **state)
{
	(void)state;
	answered_call(give_credentials);
	hang_up();
	raw_reply(raw_wait("BYE"), "401 Unauthorized", NULL,
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
	raw_forget();
	assert_authorized(raw_wait("BYE"), "Authorization");
}

/* The callee answers with a Contact elsewhere and challenges the BYE from
 * there, to make us hash the account's password for him. */
static void a_callee_elsewhere_gets_no_digest_for_the_BYE(void **state)
{
	struct udp_sock *elsewhere;
	struct sip_msg *msg;
	struct sa addr;
	char invite[RAW_SIZE];
	const char *bye;
	(void)state;

	assert_int_equal(sa_set_str(&addr, "127.0.0.2", 0), 0);
	assert_int_equal(udp_listen(&elsewhere, &addr, on_datagram, NULL), 0);
	assert_int_equal(udp_local_get(elsewhere, &addr), 0);
	memcpy(invite, call_raw(give_credentials), sizeof(invite));
	msg = decode(invite);
	raw_send("SIP/2.0 200 OK\r\nVia: %r\r\nFrom: %r\r\nTo: %r;tag=x\r\n"
		 "Call-ID: %r\r\nCSeq: %u INVITE\r\nContact: <sip:eve@%J>\r\n"
		 "Content-Length: 0\r\n\r\n",
		 &msg->via.val, &msg->from.val, &msg->to.val, &msg->callid,
		 msg->cseq.num, &addr);
	mem_deref(msg);
	WAIT(a_established);
	hang_up();
	bye = raw_wait("BYE");
	asked = 0;
	raw_reply(bye, "401 Unauthorized", NULL,
		  "WWW-Authenticate: Digest realm=\"home\", nonce=\"n\"\r\n",
		  NULL);
	/* A later request shows that the challenge has been dealt with. */
	raw_forget();
	raw_send("OPTIONS sip:x@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKlater;rport\r\n"
		 "From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
		 "Call-ID: later\r\nCSeq: 1 OPTIONS\r\n"
		 "Max-Forwards: 9\r\n\r\n",
		 &raw.to, &raw.addr);
	raw_wait("SIP/2.0 200");
	assert_null(raw_find("BYE"));
	assert_int_equal(asked, 0);
	mem_deref(elsewhere);
}

static bool two_INVITEs(void)
{
	return raw_number("INVITE") >= 2;
}

static void offer(void)
{
	struct mbuf *sdp = text_mbuf("v=0 hold");

	assert_int_equal(session_offer(a.session, sdp), 0);
	mem_deref(sdp);
}

/* The answered call's re-INVITE. */
static const char *re_INVITE(void)
{
	answered_call(NULL);
	raw_forget();
	offer();
	return raw_wait("INVITE");
}

static void a_491_is_tried_again_after_a_while(void **state)
{
	(void)state;
	raw_reply(re_INVITE(), "491 Request Pending", NULL, NULL, NULL);
	WAIT(two_INVITEs);
	assert_int_equal(a.answereds, 0);
	raw_reply(raw_find("INVITE"), "200 OK", NULL, NULL, "v=0 held");
	WAIT(a_answered);
	assert_int_equal(a.answered_scode, 200);
	assert_string_equal(a.answered, "v=0 held");
}

static void a_re_INVITE_that_meets_ours_gets_491(void **state)
{
	const char *invite = re_INVITE();
	(void)state;

	raw_request_in(invite, "INVITE", 1, NULL, "v=0 theirs");
	raw_wait("SIP/2.0 491");
	assert_int_equal(a.offereds, 0);
}

static void a_500_with_Retry_After_is_tried_again(void **state)
{
	(void)state;
	raw_reply(re_INVITE(), "500 Later", NULL, "Retry-After: 0\r\n", NULL);
	WAIT(two_INVITEs);
	raw_reply(raw_find("INVITE"), "500 Never", NULL, NULL, NULL);
	WAIT(a_answered);
	assert_int_equal(a.answered_scode, 500);
	assert_int_equal(session_state(a.session), SESSION_ANSWERED);
}

static void a_re_INVITE_that_gets_481_ends_the_call(void **state)
{
	(void)state;
	raw_reply(re_INVITE(), "481 Gone", NULL, NULL, NULL);
	WAIT(a_closed);
	assert_int_equal(a.answereds, 1);
	assert_int_equal(a.answered_scode, 481);
	assert_int_equal(a.end.scode, 481);
}

static void a_re_INVITE_that_gets_408_ends_the_call_with_BYE(void **state)
{
	(void)state;
	raw_reply(re_INVITE(), "408 Request Timeout", NULL, NULL, NULL);
	WAIT(a_closed);
	assert_int_equal(a.end.scode, 408);
	raw_wait("BYE");
}

static void an_early_dialog_may_change_before_the_answer(void **state)
{
	const char *invite = call_raw(NULL);
	(void)state;

	raw_reply(invite, "183 Session Progress", "fork1", NULL, "v=0 one");
	WAIT(a_progressed);
	assert_string_equal(a.sdp, "v=0 one");
	a.progresses = 0;
	raw_reply(invite, "183 Session Progress", "fork2", NULL, "v=0 two");
	WAIT(a_progressed);
	assert_string_equal(a.sdp, "v=0 two");
	raw_reply(invite, "200 OK", "fork2", NULL, "v=0 two");
	WAIT(a_established);
	assert_non_null(strstr(raw_wait("ACK"), ";tag=fork2"));
}

static void a_BYE_tells_its_Q850_cause(void **state)
{
	(void)state;
	answered_call(NULL);
	raw_request_in(raw_find("INVITE"), "BYE", 1,
		       "Reason: SIP;cause=200;text=\"elsewhere\"\r\n"
		       "Reason: Q.850;cause=38;text=\"out of order\"\r\n",
		       NULL);
	WAIT(a_closed);
	assert_int_equal(a.end.q850, 38);
	assert_string_equal(a.end.reason, "out of order");
	assert_true(a.end.by_peer);
	assert_int_equal(a.end.scode, 0);
}

static void a_200_without_Contact_ends_the_call(void **state)
{
	struct sip_msg *msg = decode(call_raw(NULL));
	(void)state;

	raw_send("SIP/2.0 200 OK\r\nVia: %r\r\nFrom: %r\r\nTo: %r;tag=x\r\n"
		 "Call-ID: %r\r\nCSeq: %u INVITE\r\n"
		 "Content-Length: 0\r\n\r\n",
		 &msg->via.val, &msg->from.val, &msg->to.val, &msg->callid,
		 msg->cseq.num);
	mem_deref(msg);
	WAIT(a_closed);
	assert_int_equal(a.end.err, EBADMSG);
}

static void localhost_needs_no_name_server(void **state)
{
	char uri[64], start[64];
	const struct session_invite invite = {
		.uri = uri,
		.from_uri = "sip:alice@example.test",
	};
	(void)state;

	(void)re_snprintf(uri, sizeof(uri), "sip:bob@localhost:%u",
			  sa_port(&raw.addr));
	(void)re_snprintf(start, sizeof(start), "INVITE %s SIP/2.0", uri);
	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	raw_wait(start);
}

static void the_outbound_proxy_gets_the_INVITE(void **state)
{
	char proxy[64], route[64];
	const char *const routes[] = {proxy, NULL};
	const struct session_invite invite = {
		.uri = "sip:bob@unreachable.invalid",
		.from_uri = "sip:alice@example.test",
		.routes = routes,
	};
	(void)state;

	(void)re_snprintf(proxy, sizeof(proxy), "sip:%J", &raw.addr);
	(void)re_snprintf(route, sizeof(route), "Route: <%s;lr>\r\n", proxy);
	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	assert_non_null(
		strstr(raw_wait("INVITE sip:bob@unreachable.invalid"), route));
}

#define RAW_TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_raw, teardown_raw)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAW_TEST(CANCEL_waits_for_a_provisional_response),
		RAW_TEST(a_200_that_crosses_the_CANCEL_gets_ACK_and_BYE),
		RAW_TEST(retransmitted_200s_get_the_same_ACK),
		RAW_TEST(another_forks_200_gets_ACK_and_BYE),
		RAW_TEST(an_MD5_challenge_beside_SHA_256_is_answered),
		RAW_TEST(a_proxys_challenge_without_qop_is_answered),
		RAW_TEST(HA1_serves_in_the_place_of_a_password),
		RAW_TEST(a_wrong_password_is_tried_twice_at_most),
		RAW_TEST(the_same_nonce_is_answered_once),
		RAW_TEST(another_realm_gets_no_credentials),
		RAW_TEST(a_challenged_BYE_is_answered_to_whom_we_called),
		RAW_TEST(a_callee_elsewhere_gets_no_digest_for_the_BYE),
		RAW_TEST(a_491_is_tried_again_after_a_while),
		RAW_TEST(a_re_INVITE_that_meets_ours_gets_491),
		RAW_TEST(a_500_with_Retry_After_is_tried_again),
		RAW_TEST(a_re_INVITE_that_gets_481_ends_the_call),
		RAW_TEST(a_re_INVITE_that_gets_408_ends_the_call_with_BYE),
		RAW_TEST(an_early_dialog_may_change_before_the_answer),
		RAW_TEST(a_BYE_tells_its_Q850_cause),
		RAW_TEST(a_200_without_Contact_ends_the_call),
		RAW_TEST(localhost_needs_no_name_server),
		RAW_TEST(the_outbound_proxy_gets_the_INVITE),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
