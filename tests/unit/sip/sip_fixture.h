/* sip_fixture.h -- two stacks on one loop, and a peer made of literal messages
 *
 * Included by one test program each: everything is static. A test waits for a
 * condition (WAIT), never for time to pass.
 */
#ifndef MOONDIAL_TEST_SIP_FIXTURE_H
#define MOONDIAL_TEST_SIP_FIXTURE_H

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

static __attribute__((unused)) struct mbuf *text_mbuf(const char *text)
{
	struct mbuf *mb = mbuf_alloc(strlen(text) + 1);

	assert_non_null(mb);
	assert_int_equal(mbuf_write_str(mb, text), 0);
	mb->pos = 0;
	return mb;
}

static __attribute__((unused)) void keep(char *out, size_t size,
					 const struct mbuf *mb)
{
	out[0] = '\0';
	if (mb)
		(void)re_snprintf(out, size, "%b", mbuf_buf(mb),
				  mbuf_get_left(mb));
}

static __attribute__((unused)) void check(void)
{
	if (until && until())
		loop_stop(loop);
}

static __attribute__((unused)) void on_progress(uint16_t scode,
						struct mbuf *sdp, void *arg)
{
	struct side *side = arg;

	side->progresses++;
	side->progress_scode = scode;
	keep(side->sdp, sizeof(side->sdp), sdp);
	check();
}

static __attribute__((unused)) void
on_established(struct mbuf *sdp, const struct sip_msg *msg, void *arg)
{
	struct side *side = arg;

	assert_non_null(msg);
	side->establisheds++;
	keep(side->sdp, sizeof(side->sdp), sdp);
	if (side->on_established)
		side->on_established(side);
	check();
}

static __attribute__((unused)) uint16_t on_offered(struct mbuf *sdp,
						   struct mbuf **answer,
						   const char **reason,
						   void *arg)
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

static __attribute__((unused)) void
on_answered(uint16_t scode, const char *reason, struct mbuf *sdp, void *arg)
{
	struct side *side = arg;

	assert_non_null(reason);
	side->answereds++;
	side->answered_scode = scode;
	keep(side->answered, sizeof(side->answered), sdp);
	check();
}

static __attribute__((unused)) uint16_t on_info(const struct sip_msg *msg,
						void *arg)
{
	struct side *side = arg;
	(void)msg;

	side->infos++;
	check();
	return 200;
}

static __attribute__((unused)) void on_closed(const struct session_end *end,
					      void *arg)
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

static __attribute__((unused)) void
on_invite(struct session *session, const struct sip_msg *msg, void *arg)
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

static __attribute__((unused)) void out_of_patience(void *arg)
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

static __attribute__((unused)) void stack_open(struct side *side,
					       const char *listen)
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

static __attribute__((unused)) void side_close(struct side *side)
{
	if (side->session)
		session_close(side->session, 0, NULL, 0);
	side->session = NULL;
	stack_free(side->stack);
}

static __attribute__((unused)) int open_on(const char *listen)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	stack_open(&a, listen);
	stack_open(&b, listen);
	return 0;
}

static __attribute__((unused)) int setup(void **state)
{
	(void)state;
	return open_on("udp:127.0.0.1:0");
}

static __attribute__((unused)) int teardown(void **state)
{
	(void)state;
	side_close(&a);
	side_close(&b);
	tmr_cancel(&patience);
	loop_free(loop);
	return 0;
}

static __attribute__((unused)) void uri_of(const struct side *side, char *uri,
					   size_t size)
{
	size_t count;
	const struct stack_listen *listens = stack_listens(side->stack, &count);

	assert_true(count > 0);
	(void)re_snprintf(uri, size, "sip:bob@%J%s", &listens[0].addr,
			  listens[0].tp == SIP_TRANSP_TCP ? ";transport=tcp"
							  : "");
}

static __attribute__((unused)) void call_with(const char *offer)
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

static __attribute__((unused)) void ring_and_answer(struct side *side)
{
	struct mbuf *sdp = text_mbuf("v=0 bob");

	assert_int_equal(session_ring(side->session, NULL), 0);
	assert_int_equal(session_answer(side->session, sdp, NULL), 0);
	mem_deref(sdp);
}

static __attribute__((unused)) bool both_established(void)
{
	return a.establisheds && b.establisheds;
}

static __attribute__((unused)) bool a_closed(void)
{
	return a.closeds;
}

static __attribute__((unused)) bool b_closed(void)
{
	return b.closeds;
}

/* --- a peer made of literal messages, over UDP */

enum { RAW_KEPT = 32, RAW_SIZE = 4096 };

struct raw {
	struct udp_sock *socket;
	struct sa addr;
	struct sa to; /* the stack that it talks to */
	char got[RAW_KEPT][RAW_SIZE];
	unsigned count;
	void (*on_message)(const char *text);
};

static struct raw raw;

static __attribute__((unused)) void on_datagram(const struct sa *src,
						struct mbuf *mb, void *arg)
{
	char *text = raw.got[raw.count % RAW_KEPT];
	(void)src;
	(void)arg;

	/* The probe that a stack sends itself never comes here. */
	(void)re_snprintf(text, RAW_SIZE, "%b", mbuf_buf(mb),
			  mbuf_get_left(mb));
	raw.count++;
	if (raw.on_message)
		raw.on_message(text);
	check();
}

/* Talk to the stack of SIDE. */
static __attribute__((unused)) void raw_open(const struct side *side)
{
	const struct stack_listen *listens;
	size_t count;

	memset(&raw, 0, sizeof(raw));
	listens = stack_listens(side->stack, &count);
	raw.to = listens[0].addr;
	assert_int_equal(sa_set_str(&raw.addr, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&raw.socket, &raw.addr, on_datagram, NULL),
			 0);
	assert_int_equal(udp_local_get(raw.socket, &raw.addr), 0);
}

static __attribute__((unused)) void raw_close(void)
{
	raw.socket = mem_deref(raw.socket);
}

static __attribute__((unused)) void raw_send(const char *fmt, ...)
{
	struct mbuf *mb = mbuf_alloc(2048);
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(mbuf_vprintf(mb, fmt, ap), 0);
	va_end(ap);
	mb->pos = 0;
	assert_int_equal(udp_send(raw.socket, &raw.to, mb), 0);
	mem_deref(mb);
}

/* The latest message that begins with START, or NULL. */
static __attribute__((unused)) const char *raw_find(const char *start)
{
	for (unsigned i = raw.count; i-- > 0 && raw.count - i <= RAW_KEPT;) {
		if (!strncmp(raw.got[i % RAW_KEPT], start, strlen(start)))
			return raw.got[i % RAW_KEPT];
	}
	return NULL;
}

static __attribute__((unused)) unsigned raw_number(const char *start)
{
	unsigned n = 0;

	for (unsigned i = 0; i < raw.count && i < RAW_KEPT; i++)
		n += !strncmp(raw.got[i], start, strlen(start));
	return n;
}

static const char *raw_goal;

static __attribute__((unused)) bool raw_has_it(void)
{
	return raw_find(raw_goal) != NULL;
}

/* Wait until a message has come that begins with START; it. */
static __attribute__((unused)) const char *raw_wait(const char *start)
{
	raw_goal = start;
	until = raw_has_it;
	goal = start;
	if (!until()) {
		tmr_start(&patience, PATIENCE_MS, out_of_patience, NULL);
		assert_int_equal(loop_run(loop), 0);
		tmr_cancel(&patience);
	}
	until = NULL;
	return raw_find(start);
}

/* Forget what has come. */
static __attribute__((unused)) void raw_forget(void)
{
	memset(raw.got, 0, sizeof(raw.got));
	raw.count = 0;
}

static __attribute__((unused)) struct sip_msg *decode(const char *text)
{
	struct sip_msg *msg = NULL;
	struct mbuf *mb = text_mbuf(text);

	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	mem_deref(mb);
	return msg;
}

/* Answer REQUEST: "200 OK", with a To tag (NULL: none), more header lines and
 * a body of SDP (NULL: none). */
static __attribute__((unused)) void raw_reply(const char *request,
					      const char *status,
					      const char *tag, const char *more,
					      const char *sdp)
{
	struct sip_msg *msg = decode(request);

	raw_send("SIP/2.0 %s\r\n"
		 "Via: %r\r\n"
		 "From: %r\r\n"
		 "To: %r%s%s\r\n"
		 "Call-ID: %r\r\n"
		 "CSeq: %u %r\r\n"
		 "Contact: <sip:bob@%J>\r\n"
		 "%s%s"
		 "Content-Length: %zu\r\n\r\n%s",
		 status, &msg->via.val, &msg->from.val, &msg->to.val,
		 tag && !pl_isset(&msg->to.tag) ? ";tag=" : "",
		 tag && !pl_isset(&msg->to.tag) ? tag : "", &msg->callid,
		 msg->cseq.num, &msg->cseq.met, &raw.addr, more ? more : "",
		 sdp ? "Content-Type: application/sdp\r\n" : "",
		 sdp ? strlen(sdp) : (size_t)0, sdp ? sdp : "");
	mem_deref(msg);
}

/* A request in the dialog that the INVITE of a stack has begun with us, or
 * that our INVITE has begun (RESPONSE: its 2xx). */
static __attribute__((unused)) void
raw_request_in(const char *message, const char *method, unsigned cseq,
	       const char *more, const char *sdp)
{
	struct sip_msg *msg = decode(message);
	static unsigned branch;
	const bool theirs = msg->req;

	raw_send("%s sip:alice@%J SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKin%u;rport\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: %r%s\r\n"
		 "To: %r\r\n"
		 "Call-ID: %r\r\n"
		 "CSeq: %u %s\r\n"
		 "Contact: <sip:bob@%J>\r\n"
		 "%s%s"
		 "Content-Length: %zu\r\n\r\n%s",
		 method, &raw.to, &raw.addr, ++branch,
		 theirs ? &msg->to.val : &msg->from.val,
		 theirs && !pl_isset(&msg->to.tag) ? ";tag=one" : "",
		 theirs ? &msg->from.val : &msg->to.val, &msg->callid, cseq,
		 method, &raw.addr, more ? more : "",
		 sdp ? "Content-Type: application/sdp\r\n" : "",
		 sdp ? strlen(sdp) : (size_t)0, sdp ? sdp : "");
	mem_deref(msg);
}

#endif
