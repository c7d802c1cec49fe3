/* peer_fixture.h -- two peers on the bare session, p and q, beside the engines
 *
 * They answer as they are told, also otherwise than we would.
 */
#ifndef MOONDIAL_TEST_PEER_FIXTURE_H
#define MOONDIAL_TEST_PEER_FIXTURE_H

#include "call_fixture.h"

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

static UNUSED const char g711[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
				  "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				  "m=audio 40000 RTP/AVP 8\r\n";

static UNUSED struct mbuf *text_mbuf(const char *text)
{
	struct mbuf *mb = mbuf_alloc(strlen(text) + 1);

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, text), 0);
	mb->pos = 0;
	return mb;
}

static UNUSED void peer_established(struct mbuf *sdp, const struct sip_msg *msg,
				    void *arg)
{
	struct peer *peer = arg;

	(void)sdp;
	(void)msg;
	peer->established++;
}

/* The offer of the 2xx to an INVITE without one: answered in the ACK. */
static UNUSED uint16_t peer_offered(struct mbuf *sdp, struct mbuf **answer,
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

static UNUSED void peer_answered(uint16_t scode, const char *reason,
				 struct mbuf *sdp, void *arg)
{
	struct peer *peer = arg;

	(void)reason;
	peer->scode = scode;
	peer->got[0] = '\0';
	if (sdp)
		(void)re_snprintf(peer->got, sizeof(peer->got), "%b",
				  mbuf_buf(sdp), mbuf_get_left(sdp));
}

static UNUSED void peer_closed(const struct session_end *end, void *arg)
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

static UNUSED void peer_invite(struct session *session,
			       const struct sip_msg *msg, void *arg)
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

static UNUSED void peer_open(struct peer *peer)
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

static UNUSED void peer_close(struct peer *peer)
{
	if (peer->session)
		session_close(peer->session, 0, NULL, 0);
	stack_free(peer->stack);
}

static UNUSED const char *peer_host(const struct peer *peer)
{
	static char text[2][64];
	static unsigned turn;
	size_t count;

	turn ^= 1;
	(void)re_snprintf(text[turn], sizeof(text[turn]), "%J",
			  &stack_listens(peer->stack, &count)[0].addr);
	return text[turn];
}

static UNUSED int setup_peers(void **state)
{
	(void)setup(state);
	peer_open(&p);
	peer_open(&q);
	return 0;
}

static UNUSED int teardown_peers(void **state)
{
	peer_close(&p);
	peer_close(&q);
	return teardown(state);
}

static UNUSED void trunk_of(const char *name, const char *const *hosts,
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

#define TEST(name_) \
	cmocka_unit_test_setup_teardown(name_, setup_peers, teardown_peers)

#endif
