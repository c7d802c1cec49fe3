/* Ways out, and peers that behave otherwise than we do: trunks with several
 * hosts, accounts, offers and answers that can't be used. */
#include "call_fixture.h"

/* ---- a peer on the bare session ---------------------------------------- */

struct peer {
	struct stack *stack;
	struct session *session;
	const char *answer_sdp;	  /* to our offer */
	const char *progress_sdp; /* 183 before */
	uint16_t reject;
	bool silent, challenges;
	unsigned credentials; /* INVITEs that brought some */
	unsigned invites, established, closed;
	uint16_t scode, q850, offer_scode;
	uint32_t retry_after;
	char got[1024]; /* SDP that we sent */
};

static struct peer p, q;

static const char g711[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
			   "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 8\r\n";
static const char g711_other[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
				 "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				 "m=audio 40002 RTP/AVP 0\r\n";
static const char g729[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
			   "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 18\r\n";
static const char held[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
			   "c=IN IP4 0.0.0.0\r\nt=0 0\r\n"
			   "m=audio 40000 RTP/AVP 8\r\na=sendonly\r\n";

static struct mbuf *text_mbuf(const char *text)
{
	struct mbuf *mb = mbuf_alloc(strlen(text) + 1);

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, text), 0);
	mb->pos = 0;
	return mb;
}

static void peer_established(struct mbuf *sdp, const struct sip_msg *msg,
			     void *arg)
{
	struct peer *peer = arg;

	(void)sdp;
	(void)msg;
	peer->established++;
}

/* The offer of the 2xx to an INVITE without one: answered in the ACK. */
static uint16_t peer_offered(struct mbuf *sdp, struct mbuf **answer,
			     const char **reason, void *arg)
{
	struct peer *peer = arg;

	if (peer->offer_scode) {
		*reason = "Not Now";
		return peer->offer_scode;
	}
	if (sdp)
		(void)re_snprintf(peer->got, sizeof(peer->got), "%b",
				  mbuf_buf(sdp), mbuf_get_left(sdp));
	*answer = text_mbuf(peer->answer_sdp);
	return 0;
}

static void peer_answered(uint16_t scode, const char *reason, struct mbuf *sdp,
			  void *arg)
{
	struct peer *peer = arg;

	(void)reason;
	peer->scode = scode;
	peer->got[0] = '\0';
	if (sdp)
		(void)re_snprintf(peer->got, sizeof(peer->got), "%b",
				  mbuf_buf(sdp), mbuf_get_left(sdp));
}

static void peer_closed(const struct session_end *end, void *arg)
{
	struct peer *peer = arg;

	peer->closed++;
	peer->scode = end->scode;
	peer->q850 = end->q850;
	peer->retry_after = end->retry_after;
}

static const struct session_handlers peer_handlers = {
	.established = peer_established,
	.offered = peer_offered,
	.answered = peer_answered,
	.closed = peer_closed,
};

static void peer_invite(struct session *session, const struct sip_msg *msg,
			void *arg)
{
	struct peer *peer = arg;
	struct mbuf *sdp;

	peer->invites++;
	if (sip_msg_hdr(msg, SIP_HDR_AUTHORIZATION))
		peer->credentials++;
	if (peer->session)
		session_close(peer->session, 0, NULL, 0);
	peer->session = session;
	session_handlers_set(session, &peer_handlers, peer);
	if (peer->challenges && !peer->credentials) {
		assert_int_equal(
			session_reject(session, 401, NULL,
				       "WWW-Authenticate: Digest realm=\"x\", "
				       "nonce=\"abc\", qop=\"auth\"\r\n"),
			0);
		return;
	}
	if (peer->reject) {
		assert_int_equal(
			session_reject(session, peer->reject, NULL, NULL), 0);
		return;
	}
	if (peer->progress_sdp) {
		sdp = text_mbuf(peer->progress_sdp);
		assert_int_equal(session_progress(session, sdp, NULL), 0);
		mem_deref(sdp);
	}
	if (peer->answer_sdp) {
		sdp = text_mbuf(peer->answer_sdp);
		assert_int_equal(session_answer(session, sdp, NULL), 0);
		mem_deref(sdp);
	} else if (!peer->silent) {
		assert_int_equal(session_ring(session, NULL), 0);
	}
}

static void peer_open(struct peer *peer)
{
	struct stack_listen where;
	struct stack_config config = {
		.listen = &where, .listen_count = 1, .user_agent = "peer"};
	char err[128];

	memset(peer, 0, sizeof(*peer));
	assert_true(stack_listen_parse(&where, "udp:127.0.0.1:0", err,
				       sizeof(err)));
	assert_int_equal(stack_alloc(&peer->stack, &config, peer_invite, peer,
				     err, sizeof(err)),
			 0);
}

static void peer_close(struct peer *peer)
{
	if (peer->session)
		session_close(peer->session, 0, NULL, 0);
	stack_free(peer->stack);
}

static const char *peer_host(const struct peer *peer)
{
	static char text[2][64];
	static unsigned turn;
	size_t count;

	turn ^= 1;
	(void)re_snprintf(text[turn], sizeof(text[turn]), "%J",
			  &stack_listens(peer->stack, &count)[0].addr);
	return text[turn];
}

/* A CDR names its peer with the transport. */
static void assert_peer(const char *text, const struct peer *peer)
{
	char expected[80];

	(void)snprintf(expected, sizeof(expected), "udp:%s", peer_host(peer));
	assert_string_equal(text, expected);
}

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

static int setup_peers(void **state)
{
	(void)setup(state);
	peer_open(&p);
	peer_open(&q);
	return 0;
}

static int teardown_peers(void **state)
{
	peer_close(&p);
	peer_close(&q);
	return teardown(state);
}

static void dial_peer(void)
{
	char uri[96];

	(void)snprintf(uri, sizeof(uri), "sip:peer@%s", peer_host(&p));
	dial(uri);
}

static void trunk_of(const char *name, const char *const *hosts,
		     const char *prefix, unsigned max_calls)
{
	const struct trunk_params params = {.name = name,
					    .hosts = hosts,
					    .prefix = prefix,
					    .from = "+15550199",
					    .max_calls = max_calls};
	char err[200];

	if (trunk_set(a.trunks, &params, err, sizeof(err)))
		fail_msg("%s", err);
}

/* ---- trunks ----------------------------------------------------------- */

static void congestion_goes_to_the_trunks_next_host(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, "00", 0);
	p.reject = 503;
	q.answer_sdp = g711;
	dial("trunk:carrier/+49 30 1234");
	WAIT(saw(&a, "answered"));
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "carrier")), 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
	assert_string_equal(a.cdrs[0].trunk, "carrier");
	assert_peer(a.cdrs[0].peer, &q);
	assert_non_null(strstr(a.cdrs[0].to, "sip:0049301234@"));
	assert_string_equal(a.cdrs[0].from, "sip:+15550199@127.0.0.1");
	assert_string_equal(a.cdrs[0].codec, "PCMA");
	assert_int_equal(trunk_active(trunk_find(a.trunks, "carrier")), 0);
	assert_int_equal(a.begun, 1);
}

static void a_host_that_is_not_there_is_passed_over(void **state)
{
	struct tcp_sock *gone = NULL;
	char dead[64];
	const char *const hosts[] = {dead, peer_host(&q), NULL};
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(tcp_listen(&gone, &sa, NULL, NULL), 0);
	assert_int_equal(tcp_local_get(gone, &sa), 0);
	mem_deref(gone);
	(void)re_snprintf(dead, sizeof(dead), "%J;transport=tcp", &sa);
	trunk_of("carrier", hosts, NULL, 0);
	q.answer_sdp = g711;
	dial("4711"); /* the only trunk is the default one */
	WAIT(saw(&a, "answered"));
	assert_int_equal(q.invites, 1);
}

static void a_silent_host_is_not_waited_for_when_there_is_another(void **state)
{
	struct udp_sock *silent = NULL;
	char quiet[64];
	const char *const hosts[] = {quiet, peer_host(&q), NULL};
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&silent, &sa, NULL, NULL), 0);
	assert_int_equal(udp_local_get(silent, &sa), 0);
	(void)re_snprintf(quiet, sizeof(quiet), "%J", &sa);
	trunk_of("carrier", hosts, NULL, 0);
	q.answer_sdp = g711;
	dial("trunk:carrier/1");
	WAIT(saw(&a, "answered"));
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_peer(a.cdrs[0].peer, &q);
	mem_deref(silent);
}

static void nobody_is_rung_again_by_another_way(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	dial("trunk:carrier/1");
	WAIT(saw(&a, "ringing"));
	assert_int_equal(session_reject(p.session, 503, NULL, NULL), 0);
	WAIT(a.ended == 1);
	assert_int_equal(q.invites, 0);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 503"));
}

static void a_word_of_the_called_party_is_final(void **state)
{
	static const uint16_t final[] = {603, 486, 480, 404, 488, 607, 600};
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(final); i++) {
		p.reject = final[i];
		dial("trunk:carrier/1");
		WAIT(a.ended == i + 1);
	}
	assert_int_equal(q.invites, 0);
	assert_non_null(strstr(a.cdrs[0].end, "out declined 603"));
}

static void when_every_host_is_congested_so_is_the_call(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	p.reject = 500;
	q.reject = 504;
	dial("trunk:carrier/1");
	WAIT(a.ended == 1);
	assert_string_equal(
		a.cdrs[0].end,
		"out congestion 504 Server Time-out 102 remote rejected");
	assert_string_equal(a.events, "ended closed");
}

/* ---- lists of trunks --------------------------------------------------- */

static const char *const both[] = {"first", "second", NULL};

/* Two trunks with a host each, p and q. */
static void two_trunks(unsigned max_calls)
{
	const char *const one[] = {peer_host(&p), NULL};
	const char *const other[] = {peer_host(&q), NULL};

	trunk_of("first", one, NULL, 0);
	trunk_of("second", other, "00", max_calls);
}

static void dial_list(const char *const *trunks)
{
	const struct call_dial d = {.target = "+49301234", .trunks = trunks};
	const char *reason;
	char err[200];

	if (dial_with(&d, &reason, err, sizeof(err)))
		fail_msg("%s: %s", reason, err);
}

static void congestion_goes_to_the_next_trunk(void **state)
{
	(void)state;
	two_trunks(0);
	p.reject = 503;
	q.answer_sdp = g711;
	dial_list(both);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "first")), 1);
	WAIT(saw(&a, "answered"));
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "first")), 0);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "second")), 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_int_equal(a.begun, 1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].tried, "first:503");
	assert_non_null(strstr(a.cdrs[0].to, "sip:0049301234@"));
	assert_int_equal(trunk_active(trunk_find(a.trunks, "second")), 0);
}

static void what_the_called_party_says_is_final_for_all_trunks(void **state)
{
	static const uint16_t final[] = {603, 486, 480, 404, 607};

	(void)state;
	two_trunks(0);
	for (unsigned i = 0; i < ARRAY_SIZE(final); i++) {
		p.reject = final[i];
		dial_list(both);
		WAIT(a.ended == i + 1);
		assert_string_equal(a.cdrs[i].trunk, "first");
		assert_string_equal(a.cdrs[i].tried, "");
	}
	p.reject = 0;
	dial_list(both);
	WAIT(saw(&a, "ringing"));
	assert_int_equal(session_reject(p.session, 503, NULL, NULL), 0);
	WAIT(a.ended == ARRAY_SIZE(final) + 1);
	assert_int_equal(q.invites, 0);
}

static void a_trunk_without_room_is_not_the_next(void **state)
{
	const struct call_dial d = {.target = "trunk:second/1"};
	struct call *other;
	const char *reason;
	char err[200];

	(void)state;
	two_trunks(1);
	assert_int_equal(call_dial(&other, a.calls, &d, on_event, &a, &reason,
				   err, sizeof(err)),
			 0);
	WAIT(q.invites == 1);
	p.reject = 503;
	dial_list(both);
	WAIT(a.ended == 1);
	assert_int_equal(q.invites, 1);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 503"));
	assert_string_equal(a.cdrs[0].trunk, "first");
	call_hangup(other, CALL_LOCAL, NULL);
	mem_deref(other);
}

static void each_trunk_of_a_list_has_one_turn(void **state)
{
	static const char *const list[] = {"first", "second", "first", NULL};

	(void)state;
	two_trunks(0);
	p.reject = 500;
	q.reject = 504;
	dial_list(list);
	WAIT(a.ended == 1);
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 504"));
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].tried, "first:500");
	assert_string_equal(a.events, "ended closed");
}

static void the_next_trunk_has_its_own_account(void **state)
{
	const char *const hosts[] = {peer_host(&q), NULL};
	const struct trunk_params params = {
		.name = "second", .hosts = hosts, .account = "pbx"};
	const struct account_params account = {.name = "pbx",
					       .uri = "sip:desk@example.test",
					       .display_name = "Front desk",
					       .password = "secret",
					       .realm = "x"};
	char err[200];

	(void)state;
	two_trunks(0);
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	p.reject = 502;
	q.challenges = true;
	q.answer_sdp = g711;
	dial_list(both);
	WAIT(saw(&a, "answered"));
	assert_int_equal(q.credentials, 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].account, "pbx");
	assert_string_equal(a.cdrs[0].from, "sip:desk@example.test");
}

/* Its registrar is silent: whether the password is for it isn't known. */
static void
an_account_is_not_waited_for_when_there_is_another_trunk(void **state)
{
	static const char *const list[] = {"waits", "second", NULL};
	const struct trunk_params params = {.name = "waits", .account = "pbx"};
	struct udp_sock *silent = NULL;
	struct account_params account = {.name = "pbx",
					 .uri = "sip:desk@example.test",
					 .password = "secret",
					 .registers = true};
	char uri[64], err[200];
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&silent, &sa, NULL, NULL), 0);
	assert_int_equal(udp_local_get(silent, &sa), 0);
	(void)re_snprintf(uri, sizeof(uri), "sip:%J", &sa);
	account.registrar = uri;
	two_trunks(0);
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	q.answer_sdp = g711;
	dial_list(list);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "waits")), 1);
	WAIT(saw(&a, "answered"));
	assert_int_equal(trunk_active(trunk_find(a.trunks, "waits")), 0);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].account, "");
	assert_string_equal(a.cdrs[0].tried, "waits:0");
	mem_deref(silent);
}

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
#define TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_peers, teardown_peers)
	const struct CMUnitTest tests[] = {
		TEST(congestion_goes_to_the_trunks_next_host),
		TEST(a_host_that_is_not_there_is_passed_over),
		TEST(a_silent_host_is_not_waited_for_when_there_is_another),
		TEST(nobody_is_rung_again_by_another_way),
		TEST(a_word_of_the_called_party_is_final),
		TEST(when_every_host_is_congested_so_is_the_call),
		TEST(congestion_goes_to_the_next_trunk),
		TEST(what_the_called_party_says_is_final_for_all_trunks),
		TEST(a_trunk_without_room_is_not_the_next),
		TEST(each_trunk_of_a_list_has_one_turn),
		TEST(the_next_trunk_has_its_own_account),
		TEST(an_account_is_not_waited_for_when_there_is_another_trunk),
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
