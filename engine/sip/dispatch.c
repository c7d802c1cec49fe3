/* dispatch.c -- where each message goes
 *
 *   first: counted, checked, before libre's transactions see it
 *   (libre: retransmissions, CANCEL, ACK of failures, merged requests)
 *   last: a session's dialog; a new INVITE; OPTIONS; else refused
 */
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/header.h"
#include "sip/reach/ping.h"
#include "sip/registrar/registrar_private.h"
#include "sip/sanity.h"
#include "sip/session_private.h"
#include "sip/sources.h"
#include "sip/tcp_guard.h"
#include "sip/udp_tap.h"

METRIC(sip_rx_requests, "SIP requests received, retransmissions included")
METRIC(sip_rx_responses, "SIP responses received, retransmissions included")
METRIC(sip_rx_malformed, "SIP messages refused or dropped as malformed")
METRIC(sip_rx_stray, "SIP responses and ACKs that nothing waits for, dropped")
METRIC(sip_rx_refused, "SIP requests refused outside of calls")

/* As libre has it, privately; dispatch_listen() looks whether it does. */
struct listener {
	struct le le;
	struct sip_lsnr **own;
	sip_msg_h *handler;
	void *arg;
	bool req;
};

static bool is(const struct sip_msg *msg, const char *method)
{
	return !pl_strcmp(&msg->met, method);
}

void refuse(const struct stack *stack, const struct sip_msg *msg,
	    uint16_t scode, const char *reason, const char *headers)
{
	int err;

	if (is(msg, "ACK"))
		return;
	metric_add(&sip_rx_refused, 1);
	/* A BYE to what has just ended is no fault. */
	if (scode < 500 && scode != 481)
		stack_fault(stack, &msg->src);
	/* An INVITE's final response is repeated until its ACK; for the rest
	 * the request itself is repeated, and stateless is cheaper. */
	if (is(msg, "INVITE"))
		err = sip_treplyf(NULL, NULL, stack->sip, msg, false, scode,
				  reason, "%sContent-Length: 0\r\n\r\n",
				  headers ? headers : "");
	else
		err = sip_replyf(stack->sip, msg, scode, reason,
				 "%sContent-Length: 0\r\n\r\n",
				 headers ? headers : "");
	if (err)
		log_debug(NULL, "sip: %u not sent: %s", scode, strerror(err));
}

void steady_tag(const struct sip_msg *msg)
{
	struct sip_msg *writable = (struct sip_msg *)msg;

	writable->tag = (uint64_t)hash_joaat_pl(&msg->callid) << 32 |
			(hash_joaat_pl(&msg->via.branch) ^
			 hash_joaat_pl(&msg->from.tag));
}

static void refuse_for_a_while(const struct stack *stack,
			       const struct sip_msg *msg, unsigned seconds)
{
	metric_add(&sip_rx_refused, 1);
	if (is(msg, "ACK"))
		return;
	/* Stateless: what answers a flood must not be kept for 32 s. */
	steady_tag(msg);
	(void)sip_replyf(stack->sip, msg, 503, "Service Unavailable",
			 "Retry-After: %u\r\nContent-Length: 0\r\n\r\n",
			 seconds);
}

static bool same_call_id(struct le *le, void *arg)
{
	const struct session *session = le->data;
	const struct sip_dialog *dlg =
		session->dlg ? session->dlg : session->seed;

	return dlg && !pl_strcmp(arg, sip_dialog_callid(dlg));
}

bool stack_knows_call(const struct stack *stack, const struct pl *call_id)
{
	return pl_isset(call_id) &&
	       hash_lookup(stack->sessions, hash_joaat_pl(call_id),
			   same_call_id, (void *)call_id);
}

/* The limits of its source, for what intake.c has not looked at. */
static bool within_limits(struct stack *stack, const struct sip_msg *msg)
{
	const uint64_t now = clock_mono_ms();
	struct source *source = source_see(stack->sources, &msg->src, now);
	const bool call = is(msg, "INVITE") && !pl_isset(&msg->to.tag);
	enum source_verdict verdict;

	if (!source || stack_knows_call(stack, &msg->callid))
		return true;
	if (source_banned(source, now)) {
		source_dropped(source);
		return false;
	}
	verdict = source_charge(stack->sources, source,
				call ? SOURCE_INVITE : SOURCE_REQUEST, now);
	if (verdict == SOURCE_PASS)
		return true;
	if (call)
		stack_turn_away(stack, TURNED_AWAY_SOURCE);
	if (verdict == SOURCE_REFUSE)
		refuse_for_a_while(stack, msg, RETRY_AFTER_SOURCE_S);
	return false;
}

static bool enters(struct stack *stack, const struct sip_msg *msg)
{
	if (msg->tp == SIP_TRANSP_UDP)
		return true;
	tcp_guard_heard(stack->tcp, &msg->src);
	return within_limits(stack, msg);
}

/* Whether a new call can be taken; else it has been refused. */
static bool takes_call(struct stack *stack, const struct sip_msg *msg)
{
	if (stack->peeked)
		return true;
	/* One that hid from intake.c, in an odd To for instance. */
	if (msg->tp == SIP_TRANSP_UDP && !within_limits(stack, msg))
		return false;
	if (stack->gateh && stack->gateh(stack->arg)) {
		stack_turn_away(stack, TURNED_AWAY_TROUBLE);
		refuse_for_a_while(stack, msg, RETRY_AFTER_TROUBLE_S);
		return false;
	}
	if (overload_admits(&stack->overload, clock_mono_ms()))
		return true;
	stack_turn_away(stack, TURNED_AWAY_OVERLOAD);
	refuse_for_a_while(stack, msg, overload_retry_after(&stack->overload));
	return false;
}

static bool on_first_request(const struct sip_msg *msg, void *arg)
{
	struct stack *stack = arg;
	const char *reason = NULL;
	uint16_t scode;

	metric_add(&sip_rx_requests, 1);
	(void)udp_tap_see(stack, msg);
	stack->request = msg;
	if (!enters(stack, msg))
		return true;
	scode = sanity_request(msg, &reason);
	if (!scode)
		return false;
	metric_add(&sip_rx_malformed, 1);
	stack_fault(stack, &msg->src);
	if (!is(msg, "ACK")) {
		steady_tag(msg);
		(void)sip_reply(stack->sip, msg, scode, reason);
	}
	return true;
}

static bool on_first_response(const struct sip_msg *msg, void *arg)
{
	struct stack *stack = arg;

	if (udp_tap_see(stack, msg))
		return true;
	metric_add(&sip_rx_responses, 1);
	if (sanity_response(msg))
		return false;
	metric_add(&sip_rx_malformed, 1);
	return true;
}

/* --- what libre's transactions leave */

static bool append_option(const struct sip_hdr *hdr, const struct sip_msg *msg,
			  void *arg)
{
	struct mbuf *mb = arg;
	(void)msg;

	/* Path is the registrar's business (RFC 3327). */
	if (!pl_strcasecmp(&hdr->val, "path") && is(msg, "REGISTER"))
		return false;
	if (hdr->val.l)
		(void)mbuf_printf(mb, "%s%r",
				  mb->pos ? ", " : "Unsupported: ", &hdr->val);
	return false;
}

/* We know no other extension that a peer could require (RFC 3261 8.2.2.3). */
static bool requires(const struct stack *stack, const struct sip_msg *msg)
{
	struct mbuf *mb;
	bool any;

	if (is(msg, "ACK") || is(msg, "CANCEL") ||
	    !sip_msg_hdr(msg, SIP_HDR_REQUIRE))
		return false;
	mb = mbuf_alloc(128);
	if (!mb)
		return false;
	sip_msg_hdr_apply(msg, true, SIP_HDR_REQUIRE, append_option, mb);
	any = mb->pos > 0;
	if (any && !mbuf_write_str(mb, "\r\n") && !mbuf_write_u8(mb, 0))
		refuse(stack, msg, 420, "Bad Extension", (char *)mb->buf);
	mem_deref(mb);
	return any;
}

static void answer_options(const struct stack *stack, const struct sip_msg *msg)
{
	(void)sip_replyf(stack->sip, msg, 200, "OK",
			 SIP_ALLOW_LINE "Accept: application/sdp\r\n"
					"Accept-Encoding: identity\r\n"
					"Accept-Language: en\r\n"
					"Supported: \r\n"
					"Content-Length: 0\r\n\r\n");
}

static void on_bye(struct session *session, const struct sip_msg *msg)
{
	(void)sip_treply(NULL, session->stack->sip, msg, 200, "OK");
	session->peer_bye = true;
	session->bye_wanted = false;
	replies_stop(session);
	if (session->st)
		(void)sip_treply(&session->st, session->stack->sip,
				 session->msg, 487, "Request Terminated");
	session_end_by(session, 0, msg);
}

static void on_info(struct session *session, const struct sip_msg *msg)
{
	uint16_t scode = 405;

	if (session->state == SESSION_CLOSED) {
		refuse(session->stack, msg, 481,
		       "Call/Transaction Does Not Exist", NULL);
		return;
	}
	if (session->h.info)
		scode = session->h.info(msg, session->arg);
	if (scode < 200 || scode > 699)
		scode = 500;
	(void)sip_treplyf(NULL, NULL, session->stack->sip, msg, false, scode,
			  status_phrase(scode), "%sContent-Length: 0\r\n\r\n",
			  scode == 405 ? SIP_ALLOW_LINE : "");
}

static void in_dialog(struct session *session, const struct sip_msg *msg)
{
	struct stack *stack = session->stack;

	if (is(msg, "ACK")) {
		reply_acked(session, msg);
		return;
	}
	if (session->dlg && !sip_dialog_rseq_valid(session->dlg, msg)) {
		refuse(stack, msg, 500, "CSeq Out Of Order", NULL);
		return;
	}
	if (requires(stack, msg))
		return;
	if (is(msg, "BYE"))
		on_bye(session, msg);
	else if (is(msg, "INVITE") || is(msg, "UPDATE"))
		offer_received(session, msg);
	else if (is(msg, "INFO"))
		on_info(session, msg);
	else if (is(msg, "OPTIONS"))
		answer_options(stack, msg);
	else
		refuse(stack, msg, 405, "Method Not Allowed", SIP_ALLOW_LINE);
}

static void out_of_dialog(struct stack *stack, const struct sip_msg *msg)
{
	if (is(msg, "CANCEL") && registrar_cancel(stack->registrar, msg))
		return;
	if (is(msg, "CANCEL") || is(msg, "BYE") || is(msg, "INFO") ||
	    is(msg, "UPDATE")) {
		refuse(stack, msg, 481, "Call/Transaction Does Not Exist",
		       NULL);
	} else if (is(msg, "INVITE")) {
		if (!takes_call(stack, msg) || requires(stack, msg))
			return;
		/* Ignored, it would ring beside the call that it is to take
		 * the place of (RFC 3891). */
		if (sip_msg_hdr(msg, SIP_HDR_REPLACES))
			refuse(stack, msg, 420, "Bad Extension",
			       "Unsupported: replaces\r\n");
		else if (!registrar_guard(stack->registrar, msg))
			uas_invite(stack, msg);
	} else if (is(msg, "REGISTER") && stack->registrar) {
		if (!requires(stack, msg) &&
		    !registrar_register(stack->registrar, msg))
			refuse(stack, msg, 405, "Method Not Allowed",
			       SIP_ALLOW_LINE);
	} else if (is(msg, "OPTIONS")) {
		if (!requires(stack, msg))
			answer_options(stack, msg);
	} else {
		refuse(stack, msg, 405, "Method Not Allowed", SIP_ALLOW_LINE);
	}
}

static bool on_last_request(const struct sip_msg *msg, void *arg)
{
	struct stack *stack = arg;
	struct session *session;

	session = pl_isset(&msg->to.tag) ? session_find(stack, msg) : NULL;
	if (session) {
		mem_ref(session);
		in_dialog(session, msg);
		mem_deref(session);
	} else if (is(msg, "ACK")) {
		metric_add(&sip_rx_stray, 1);
	} else if (pl_isset(&msg->to.tag)) {
		steady_tag(msg);
		refuse(stack, msg, 481, "Call/Transaction Does Not Exist",
		       NULL);
	} else {
		if (!is(msg, "INVITE"))
			steady_tag(msg);
		out_of_dialog(stack, msg);
	}
	return true;
}

static bool on_last_response(const struct sip_msg *msg, void *arg)
{
	struct stack *stack = arg;

	if (msg->scode >= 200 && msg->scode < 300 &&
	    !pl_strcmp(&msg->cseq.met, "INVITE") && ack_again(stack, msg))
		return true;
	if (ping_response(stack->pings, msg))
		return true;
	metric_add(&sip_rx_stray, 1);
	return true;
}

/* libre registers its transactions first; we must see a message before them.
 * struct sip_lsnr begins with its list element: checked, as it is private. */
static int move_to_front(struct sip_lsnr *lsnr)
{
	struct le *le = (struct le *)lsnr;
	struct list *list = le->list;

	if (le->data != lsnr || !list || list->tail != le)
		return EPROTO;
	list_unlink(le);
	list_prepend(list, le, lsnr);
	return 0;
}

static bool is_listener(const struct sip_lsnr *lsnr, struct sip_lsnr **own,
			sip_msg_h *handler, const struct stack *stack, bool req)
{
	const struct listener *l = (const struct listener *)lsnr;

	return l->own == own && l->handler == handler && l->arg == stack &&
	       l->req == req;
}

void dispatch_message(struct stack *stack, const struct sip_msg *msg)
{
	const struct le *le = ((struct le *)stack->first_req)->list->head;

	if (stack->traceh)
		stack->traceh(false, msg->tp, &msg->src, &msg->dst,
			      msg->mb->buf, msg->mb->end, NULL);
	while (le) {
		const struct listener *listener = le->data;

		le = le->next;
		if (listener->req == msg->req &&
		    listener->handler(msg, listener->arg))
			return;
	}
}

int dispatch_listen(struct stack *stack)
{
	int err;

	err = sip_listen(&stack->first_req, stack->sip, true, on_first_request,
			 stack);
	err = err ? err : move_to_front(stack->first_req);
	err = err ? err
		  : sip_listen(&stack->first_resp, stack->sip, false,
			       on_first_response, stack);
	err = err ? err : move_to_front(stack->first_resp);
	err = err ? err
		  : sip_listen(&stack->last_req, stack->sip, true,
			       on_last_request, stack);
	err = err ? err
		  : sip_listen(&stack->last_resp, stack->sip, false,
			       on_last_response, stack);
	stack->direct = !err &&
			is_listener(stack->first_req, &stack->first_req,
				    on_first_request, stack, true) &&
			is_listener(stack->last_resp, &stack->last_resp,
				    on_last_response, stack, false);
	return err;
}
