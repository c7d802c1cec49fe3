/* Calls between two stacks over loopback, in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "base/loop.h"
#include "sip/digest.h"
#include "sip/session.h"
#include "sip/stack.h"

enum { PATIENCE_MS = 10000 };

static struct loop *loop;
static struct tmr patience;
static const char *goal;

/* One side of a call: what it does when called, and what it has seen. */
struct side {
	struct stack *stack;
	struct session *session;
	/* what to do */
	void (*on_invite)(struct side *side);
	void (*on_established)(struct side *side);
	uint16_t offer_scode;
	/* what was seen */
	unsigned invites, progresses, establisheds, offereds, answereds, infos,
		closeds;
	uint16_t progress_scode, answered_scode;
	char sdp[512], offered[512], answered[512];
	struct {
		int err;
		uint16_t scode, q850;
		bool by_peer;
		char reason[128], contact[128];
		uint32_t retry_after;
	} end;
};

static struct side a, b;
static bool (*until)(void);

static struct mbuf *text_mbuf(const char *text)
{
	struct mbuf *mb = mbuf_alloc(strlen(text) + 1);

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, text), 0);
	mb->pos = 0;
	return mb;
}

static void keep(char *out, size_t size, const struct mbuf *mb)
{
	out[0] = '\0';
	if (mb)
		(void)re_snprintf(out, size, "%b", mbuf_buf(mb),
				  mbuf_get_left(mb));
}

static void check(void)
{
	if (until && until())
		loop_stop(loop);
}

static void on_progress(uint16_t scode, struct mbuf *sdp, void *arg)
{
	struct side *side = arg;

	side->progresses++;
	side->progress_scode = scode;
	keep(side->sdp, sizeof(side->sdp), sdp);
	check();
}

static void on_established(struct mbuf *sdp, const struct sip_msg *msg,
			   void *arg)
{
	struct side *side = arg;

	assert_non_null(msg);
	side->establisheds++;
	keep(side->sdp, sizeof(side->sdp), sdp);
	if (side->on_established)
		side->on_established(side);
	check();
}

static uint16_t on_offered(struct mbuf *sdp, struct mbuf **answer,
			   const char **reason, void *arg)
{
	struct side *side = arg;

	side->offereds++;
	keep(side->offered, sizeof(side->offered), sdp);
	if (side->offer_scode) {
		*reason = "No";
		return side->offer_scode;
	}
	*answer = text_mbuf("v=0 answer");
	check();
	return 0;
}

static void on_answered(uint16_t scode, const char *reason, struct mbuf *sdp,
			void *arg)
{
	struct side *side = arg;

	assert_non_null(reason);
	side->answereds++;
	side->answered_scode = scode;
	keep(side->answered, sizeof(side->answered), sdp);
	check();
}

static uint16_t on_info(const struct sip_msg *msg, void *arg)
{
	struct side *side = arg;
	(void)msg;

	side->infos++;
	check();
	return 200;
}

static void on_closed(const struct session_end *end, void *arg)
{
	struct side *side = arg;

	side->closeds++;
	side->end.err = end->err;
	side->end.scode = end->scode;
	side->end.q850 = end->q850;
	side->end.by_peer = end->by_peer;
	side->end.retry_after = end->retry_after;
	(void)re_snprintf(side->end.reason, sizeof(side->end.reason), "%s",
			  end->reason ? end->reason : "");
	(void)re_snprintf(side->end.contact, sizeof(side->end.contact), "%s",
			  end->contact ? end->contact : "");
	check();
}

static const struct session_handlers handlers = {
	.progress = on_progress,
	.established = on_established,
	.offered = on_offered,
	.answered = on_answered,
	.info = on_info,
	.closed = on_closed,
};

static void on_invite(struct session *session, const struct sip_msg *msg,
		      void *arg)
{
	struct side *side = arg;
	(void)msg;

	side->invites++;
	side->session = session;
	session_handlers_set(session, &handlers, side);
	if (side->on_invite)
		side->on_invite(side);
	check();
}

static void out_of_patience(void *arg)
{
	(void)arg;
	fail_msg("waited too long for: %s", goal);
}

#define WAIT(condition_)                                                   \
	do {                                                               \
		until = condition_;                                        \
		goal = #condition_;                                        \
		if (!until()) {                                            \
			tmr_start(&patience, PATIENCE_MS, out_of_patience, \
				  NULL);                                   \
			assert_int_equal(loop_run(loop), 0);               \
			tmr_cancel(&patience);                             \
		}                                                          \
		until = NULL;                                              \
	} while (0)

static void stack_open(struct side *side, const char *listen)
{
	struct stack_listen where;
	struct stack_config config = {
		.listen = &where,
		.listen_count = 1,
		.user_agent = "moondial test",
	};
	char err[256];

	if (!stack_listen_parse(&where, listen, err, sizeof(err)))
		fail_msg("%s", err);
	if (stack_alloc(&side->stack, &config, on_invite, side, err,
			sizeof(err)))
		fail_msg("%s", err);
}

static void side_close(struct side *side)
{
	if (side->session)
		session_close(side->session, 0, NULL, 0);
	side->session = NULL;
	stack_free(side->stack);
}

static int open_on(const char *listen)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	stack_open(&a, listen);
	stack_open(&b, listen);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return open_on("udp:127.0.0.1:0");
}

static int teardown(void **state)
{
	(void)state;
	side_close(&a);
	side_close(&b);
	tmr_cancel(&patience);
	loop_free(loop);
	return 0;
}

static void uri_of(const struct side *side, char *uri, size_t size)
{
	size_t count;
	const struct stack_listen *listens = stack_listens(side->stack, &count);

	assert_true(count > 0);
	(void)re_snprintf(uri, size, "sip:bob@%J%s", &listens[0].addr,
			  listens[0].tp == SIP_TRANSP_TCP ? ";transport=tcp"
							  : "");
}

static void call_with(const char *offer)
{
	struct mbuf *sdp = offer ? text_mbuf(offer) : NULL;
	char uri[128];
	const struct session_invite invite = {
		.uri = uri,
		.from_uri = "sip:alice@example.test",
		.from_name = "Alice \"A\"",
		.contact_user = "alice",
		.headers = "X-Test: yes\r\n",
		.sdp = sdp,
	};

	uri_of(&b, uri, sizeof(uri));
	assert_int_equal(
		session_connect(&a.session, a.stack, &invite, &handlers, &a),
		0);
	mem_deref(sdp);
}

static void ring_and_answer(struct side *side)
{
	struct mbuf *sdp = text_mbuf("v=0 bob");

	assert_int_equal(session_ring(side->session, NULL), 0);
	assert_int_equal(session_answer(side->session, sdp, NULL), 0);
	mem_deref(sdp);
}

static bool both_established(void)
{
	return a.establisheds && b.establisheds;
}

static bool a_closed(void)
{
	return a.closeds;
}

static bool b_closed(void)
{
	return b.closeds;
}

static void a_call_rings_is_answered_and_ends_by_BYE(void **state)
{
	(void)state;
	b.on_invite = ring_and_answer;
	call_with("v=0 alice");
	WAIT(both_established);
	assert_int_equal(a.progresses, 1);
	assert_int_equal(a.progress_scode, 180);
	assert_string_equal(a.sdp, "v=0 bob");
	assert_int_equal(session_state(a.session), SESSION_ANSWERED);
	assert_int_equal(session_state(b.session), SESSION_ANSWERED);
	assert_string_equal(session_callid(a.session),
			    session_callid(b.session));

	session_close(a.session, 0, "done", 16);
	a.session = NULL;
	WAIT(b_closed);
	assert_true(b.end.by_peer);
	assert_int_equal(b.end.err, 0);
	assert_int_equal(b.end.scode, 0);
	assert_int_equal(b.end.q850, 16);
	assert_string_equal(b.end.reason, "done");
	assert_int_equal(a.closeds, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_call_rings_is_answered_and_ends_by_BYE, setup,
			teardown),
	};

	(void)a_closed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
