/* The way out (trunk, account), and peers that behave otherwise than we do:
 * offers and answers that can't be used. */
#include "peer_fixture.h"

/* ---- limits ------------------------------------------------------------ */

static void a_trunks_limit_is_its_own(void **state)
{
	const char *const hosts[] = {peer_host(&p), NULL};
	const struct call_dial d = {.target = "trunk:carrier/2"};
	const char *reason;
	char err[200];

	(void)state;
	trunk_of("carrier", hosts, NULL, 1);
	dial("trunk:carrier/1");
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), EAGAIN);
	assert_string_equal(reason, "limit");
	assert_non_null(strstr(err, "trunk"));
	assert_string_equal(a.cdrs[0].trunk, "carrier");
}

/* ---- accounts --------------------------------------------------------- */

static void dial_peer(void)
{
	char uri[96];

	(void)snprintf(uri, sizeof(uri), "sip:peer@%s", peer_host(&p));
	dial(uri);
}

static void an_account_is_an_identity_and_a_way(void **state)
{
	char domain[64], uri[96];
	struct account_params params = {.name = "pbx",
					.uri = uri,
					.display_name = "Front desk",
					.password = "secret",
					.max_calls = 1};
	const struct call_dial d = {.target = "account:pbx/carol"};
	const char *reason;
	char err[200];

	(void)state;
	(void)snprintf(domain, sizeof(domain), "%s", peer_host(&p));
	(void)snprintf(uri, sizeof(uri), "sip:desk@%s", domain);
	assert_int_equal(account_set(a.accounts, &params, err, sizeof(err)), 0);
	p.answer_sdp = g711;
	dial("account:pbx/alice");
	WAIT(saw(&a, "answered"));
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), EAGAIN);
	assert_string_equal(reason, "limit");
	assert_non_null(strstr(err, "account"));
	session_close(p.session, 0, NULL, 0);
	p.session = NULL;
	WAIT(a.ended == 2);
	assert_string_equal(a.cdrs[1].account, "pbx");
	assert_string_equal(a.cdrs[1].from, uri);
	(void)snprintf(uri, sizeof(uri), "sip:alice@%s", domain);
	assert_string_equal(a.cdrs[1].to, uri);
}

static void only_the_accounts_realm_gets_its_credentials(void **state)
{
	char uri[96];
	struct account_params params = {
		.name = "pbx", .uri = uri, .password = "secret", .realm = "x"};
	char err[200];

	(void)state;
	(void)snprintf(uri, sizeof(uri), "sip:desk@%s", peer_host(&p));
	assert_int_equal(account_set(a.accounts, &params, err, sizeof(err)), 0);
	p.challenges = true;
	p.answer_sdp = g711;
	/* without the account there is nothing to give */
	dial_peer();
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].end,
			    "out failed 401 Unauthorized 21 remote rejected");
	dial("account:pbx/alice");
	WAIT(saw(&a, "answered"));
	assert_int_equal(p.credentials, 1);
	/* the same account in another realm */
	params.realm = "y";
	assert_int_equal(account_set(a.accounts, &params, err, sizeof(err)), 0);
	p.credentials = 0;
	dial("account:pbx/alice");
	WAIT(a.ended == 3); /* the peer has left the second one for it */
	assert_int_equal(p.invites, 4);
	assert_int_equal(p.credentials, 0);
}

/* ---- offers and answers ----------------------------------------------- */

static const char g711_other[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
				 "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				 "m=audio 40002 RTP/AVP 0\r\n";
static const char g729[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
			   "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 18\r\n";
static const char held[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
			   "c=IN IP4 0.0.0.0\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 8\r\na=sendonly\r\n";

/* The peer calls a with this SDP (NULL: none). */
static void peer_calls(struct peer *peer, const char *text)
{
	struct mbuf *sdp = text ? text_mbuf(text) : NULL;
	const struct session_invite invite = {
		.uri = uri_of(&a, "alice"),
		.from_uri = "sip:peer@127.0.0.1",
		.sdp = sdp,
	};

	assert_int_equal(session_connect(&peer->session, peer->stack, &invite,
					 &peer_handlers, peer),
			 0);
	mem_deref(sdp);
}

static void an_answer_that_cannot_be_used_fails_the_call(void **state)
{
	(void)state;
	p.answer_sdp = g729;
	dial_peer();
	WAIT(a.ended == 1 && p.closed == 1);
	assert_int_equal(p.established, 1); /* our ACK came, then the BYE */
	assert_int_equal(p.scode, 0);
	assert_int_equal(p.q850, 88);
	assert_string_equal(a.events, "ended closed");
	assert_string_equal(a.cdrs[0].end,
			    "out failed 488 No audio codec in common 88 "
			    "engine no_codec");
	assert_false(a.cdrs[0].answered);
}

static void a_200_may_differ_from_the_183(void **state)
{
	(void)state;
	p.progress_sdp = g711;
	p.answer_sdp = g711_other;
	dial_peer();
	WAIT(saw(&a, "answered"));
	assert_string_equal(a.events, "progress answered");
	assert_string_equal(call_cdr(a.call)->codec, "PCMU");
}

static void an_invite_without_an_offer_gets_ours(void **state)
{
	(void)state;
	a.incoming = answers;
	p.answer_sdp = g711;
	peer_calls(&p, NULL);
	WAIT(p.established && a.call && call_cdr(a.call)->codec);
	assert_non_null(strstr(p.got, "m=audio"));
	assert_string_equal(call_cdr(a.call)->codec, "PCMA");
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(p.closed == 1 && a.ended == 1);
	assert_string_equal(a.cdrs[0].end,
			    "in answered 200 OK 16 local normal");
}

static void an_unusable_answer_in_the_ack_fails_the_call(void **state)
{
	(void)state;
	a.incoming = answers;
	p.answer_sdp = g729;
	peer_calls(&p, NULL);
	WAIT(a.ended == 1 && p.closed == 1);
	assert_string_equal(a.cdrs[0].end,
			    "in failed 488 No audio codec in common 88 "
			    "engine no_codec");
}

static void a_session_description_that_is_none_gets_400(void **state)
{
	(void)state;
	a.incoming = answers;
	peer_calls(&p, "this is no SDP\r\n");
	WAIT(a.ended == 1 && p.closed == 1);
	assert_int_equal(p.scode, 400);
	assert_int_equal(p.q850, 100);
	assert_string_equal(a.cdrs[0].end,
			    "in refused 400 Bad Session Description 100 "
			    "engine bad_sdp");
	assert_null(a.call);
}

static void a_new_offer_may_hold_change_and_resume(void **state)
{
	struct mbuf *sdp;

	(void)state;
	a.incoming = answers;
	peer_calls(&p, g711);
	WAIT(p.established);
	assert_string_equal(call_cdr(a.call)->codec, "PCMA");

	sdp = text_mbuf(held);
	assert_int_equal(session_offer(p.session, sdp), 0);
	mem_deref(sdp);
	WAIT(saw(&a, "hold"));
	assert_true(call_held(a.call));
	WAIT(p.scode == 200);
	p.scode = 0;

	sdp = text_mbuf(g711_other); /* another codec at another address */
	assert_int_equal(session_offer(p.session, sdp), 0);
	mem_deref(sdp);
	WAIT(saw(&a, "resume"));
	assert_false(call_held(a.call));
	assert_string_equal(call_cdr(a.call)->codec, "PCMU");
	WAIT(p.scode == 200);

	sdp = text_mbuf(g729); /* refused: what was agreed stays */
	assert_int_equal(session_offer(p.session, sdp), 0);
	mem_deref(sdp);
	WAIT(p.scode == 488);
	assert_int_equal(call_state(a.call), CALL_ANSWERED);
	assert_string_equal(call_cdr(a.call)->codec, "PCMU");
	assert_string_equal(a.events, "answered hold resume");
}

static void a_hold_that_is_refused_changes_nothing(void **state)
{
	(void)state;
	a.incoming = answers;
	peer_calls(&p, g711);
	WAIT(p.established);
	p.offer_scode = 488;
	assert_int_equal(call_hold(a.call), 0);
	WAIT(saw(&a, "offered"));
	assert_int_equal(a.scode, 488);
	assert_string_equal(a.text, "Not Now");
	assert_false(call_on_hold(a.call));
	assert_int_equal(call_state(a.call), CALL_ANSWERED);
	/* and may be tried again */
	p.offer_scode = 0;
	p.answer_sdp = g711;
	a.events[0] = '\0';
	assert_int_equal(call_hold(a.call), 0);
	WAIT(saw(&a, "offered"));
	assert_int_equal(a.scode, 200);
	assert_true(call_on_hold(a.call));
	assert_non_null(strstr(p.got, "a=sendonly"));
}

static void a_refused_caller_is_told_when_to_try_again(void **state)
{
	(void)state;
	calls_refuse(a.calls, "the disk is full");
	peer_calls(&p, g711);
	WAIT(p.closed == 1 && a.ended == 1);
	assert_int_equal(p.scode, 503);
	assert_int_equal(p.q850, 41);
	assert_true(p.retry_after > 0);
}

static void info_that_is_no_digit_is_refused_politely(void **state)
{
	(void)state;
	a.incoming = answers;
	peer_calls(&p, g711);
	WAIT(p.established);
	assert_int_equal(session_info(p.session, "application/dtmf-relay",
				      "Signal=16\r\n", NULL, NULL),
			 0);
	assert_int_equal(session_info(p.session, "text/plain", "5", NULL, NULL),
			 0);
	assert_int_equal(
		session_info(p.session, "application/dtmf", "6", NULL, NULL),
		0);
	WAIT(saw(&a, "digit"));
	assert_string_equal(a.events, "answered digit:6");
	session_close(p.session, 0, NULL, 0);
	p.session = NULL;
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].digits, "6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_trunks_limit_is_its_own),
		TEST(an_account_is_an_identity_and_a_way),
		TEST(only_the_accounts_realm_gets_its_credentials),
		TEST(an_answer_that_cannot_be_used_fails_the_call),
		TEST(a_200_may_differ_from_the_183),
		TEST(an_invite_without_an_offer_gets_ours),
		TEST(an_unusable_answer_in_the_ack_fails_the_call),
		TEST(a_session_description_that_is_none_gets_400),
		TEST(a_new_offer_may_hold_change_and_resume),
		TEST(a_hold_that_is_refused_changes_nothing),
		TEST(a_refused_caller_is_told_when_to_try_again),
		TEST(info_that_is_no_digit_is_refused_politely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
