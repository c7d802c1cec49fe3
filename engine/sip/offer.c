/* offer.c -- a new offer in a call: re-INVITE both ways, UPDATE from the peer
 * (RFC 3261 14, RFC 3311) */
#include <string.h>
#include "sip/body.h"
#include "sip/header.h"
#include "sip/nat_contact.h"
#include "sip/session_private.h"

enum {
	TRIES = 10,	   /* 491 and 500 answered by another try */
	WAIT_MAX_S = 30,   /* of a Retry-After */
	GLARE_STEP_MS = 10 /* RFC 3261 14.1 */
};

static void offer_transmit(struct session *session);

static void finish(struct session *session, uint16_t scode, const char *reason,
		   struct mbuf *sdp)
{
	session->offering = false;
	session->offer = mem_deref(session->offer);
	if (session->h.answered)
		session->h.answered(scode, reason, sdp, session->arg);
}

/* While a 2xx of ours waits for its ACK, the offer waits too: offer_flush(). */
static void on_again(void *arg)
{
	struct session *session = arg;

	if (session->acked && !session->replies.head)
		offer_transmit(session);
}

/* The owner of the Call-ID waits longer, so that one of both comes first. */
static uint32_t glare_wait(const struct session *session)
{
	return session->out ? 2100 + GLARE_STEP_MS * (rand_u32() % 191)
			    : GLARE_STEP_MS * (rand_u32() % 201);
}

static bool wait_and_try_again(struct session *session,
			       const struct sip_msg *msg)
{
	const uint32_t after = retry_after(msg);
	uint32_t wait;

	if (msg->scode == 491)
		wait = glare_wait(session);
	else if (msg->scode == 500 && sip_msg_hdr(msg, SIP_HDR_RETRY_AFTER) &&
		 after <= WAIT_MAX_S)
		wait = 1000 * after;
	else
		return false;
	if (++session->offer_tries >= TRIES)
		return false;
	tmr_start(&session->offer_tmr, wait, on_again, session);
	return true;
}

static void update_target(struct session *session, const struct sip_msg *msg)
{
	struct nat_contact nc;

	nat_contact_on(&nc, session->nat, msg);
	(void)sip_dialog_update(session->dlg, msg);
	nat_contact_off(&nc);
}

/* No answer, or none that knows the call: it is over (RFC 3261 12.2.1.2). */
static void lost(struct session *session, int err, const struct sip_msg *msg)
{
	finish(session, msg ? msg->scode : 408,
	       msg ? status_phrase(msg->scode) : "Request Timeout", NULL);
	if (session->state == SESSION_CLOSED)
		return;
	if (!msg || msg->scode == 408)
		session_bye(session);
	if (msg)
		session_end_by(session, msg->scode, msg);
	else
		session_end_failed(session, err);
}

static void accepted(struct session *session, const struct sip_msg *msg)
{
	struct mbuf *sdp = NULL;

	update_target(session, msg);
	(void)ack_send(session, msg, NULL, false);
	if (session->state != SESSION_CLOSED) {
		(void)body_sdp(&sdp, msg);
		finish(session, 200, "OK", sdp);
		mem_deref(sdp);
	}
}

static void on_response(int err, const struct sip_msg *msg,
			struct request *request)
{
	struct session *session = request->session;
	char *phrase = NULL;

	if (!err && msg->scode < 200)
		return;
	session->offer_sent = false;
	if (!err && msg->scode < 300) {
		accepted(session, msg);
		return;
	}
	if (session->state == SESSION_CLOSED)
		return;
	if (err || msg->scode == 408 || msg->scode == 481) {
		lost(session, err, err ? NULL : msg);
		return;
	}
	if (wait_and_try_again(session, msg))
		return;
	(void)pl_strdup(&phrase, &msg->reason);
	finish(session, msg->scode,
	       phrase && *phrase ? phrase : status_phrase(msg->scode), NULL);
	mem_deref(phrase);
}

static void offer_transmit(struct session *session)
{
	int err = request_send(NULL, session, session->dlg, "INVITE",
			       SIP_ALLOW_LINE, "application/sdp",
			       session->offer, on_response);

	session->offer_sent = !err;
	if (err) {
		mem_ref(session);
		lost(session, err, NULL);
		mem_deref(session);
	}
}

int session_offer(struct session *session, struct mbuf *sdp)
{
	if (!session || !sdp)
		return EINVAL;
	if (session->state != SESSION_ANSWERED)
		return EPROTO;
	if (session->offering)
		return EALREADY;
	session->offer = mbuf_alloc(mbuf_get_left(sdp) + 1);
	if (!session->offer ||
	    mbuf_write_mem(session->offer, mbuf_buf(sdp), mbuf_get_left(sdp))) {
		session->offer = mem_deref(session->offer);
		return ENOMEM;
	}
	session->offer->pos = 0;
	session->offering = true;
	session->offer_tries = 0;
	/* Later, so that a failure to send comes after our return. */
	tmr_start(&session->offer_tmr, 0, on_again, session);
	return 0;
}

/* What had to wait for an ACK. */
void offer_flush(struct session *session)
{
	if (session->state == SESSION_ANSWERED && session->offering &&
	    !session->offer_sent && session->acked && !session->replies.head &&
	    !tmr_isrunning(&session->offer_tmr))
		tmr_start(&session->offer_tmr, 0, on_again, session);
}

/* --- from the peer */

static void answer_update(struct session *session, const struct sip_msg *msg,
			  struct mbuf *sdp)
{
	struct sip_contact contact;
	struct sa laddr;

	stack_contact_addr(session->stack, msg, &laddr);
	sip_contact_set(&contact, session->contact_user, &laddr, msg->tp);
	(void)sip_treplyf(NULL, NULL, session->stack->sip, msg, false, 200,
			  "OK",
			  "%H" SIP_ALLOW_LINE "%s"
			  "Content-Length: %zu\r\n"
			  "\r\n"
			  "%b",
			  contact_print, &contact,
			  sdp ? "Content-Type: application/sdp\r\n" : "",
			  sdp ? mbuf_get_left(sdp) : (size_t)0,
			  sdp ? mbuf_buf(sdp) : NULL,
			  sdp ? mbuf_get_left(sdp) : (size_t)0);
}

static void answer_offer(struct session *session, const struct sip_msg *msg,
			 struct mbuf *sdp, bool update)
{
	struct mbuf *answer = NULL;
	const char *reason = NULL;
	uint16_t scode = 0;

	if (update && !sdp)
		; /* refreshes the target only */
	else if (session->h.offered)
		scode = session->h.offered(sdp, &answer, &reason, session->arg);
	else
		scode = 488;

	if (session->state != SESSION_ANSWERED) {
		refuse(session->stack, msg, 487, "Request Terminated", NULL);
	} else if (scode || (!answer && !(update && !sdp))) {
		if (scode < 300 || scode > 699)
			scode = 500;
		refuse(session->stack, msg, scode,
		       reason ? reason : status_phrase(scode), NULL);
	} else {
		update_target(session, msg);
		if (update)
			answer_update(session, msg, answer);
		else
			(void)reply_send(session, NULL, msg, answer, NULL,
					 false);
	}
	mem_deref(answer);
}

void offer_received(struct session *session, const struct sip_msg *msg)
{
	const bool update = !pl_strcmp(&msg->met, "UPDATE");
	struct mbuf *sdp = NULL;
	char later[32];

	if (session->state == SESSION_CLOSED) {
		refuse(session->stack, msg, 481,
		       "Call/Transaction Does Not Exist", NULL);
		return;
	}
	if (session->state != SESSION_ANSWERED ||
	    reply_awaits_answer(session)) {
		(void)re_snprintf(later, sizeof(later), "Retry-After: %u\r\n",
				  rand_u32() % 11);
		refuse(session->stack, msg, 500, "Server Internal Error",
		       later);
		return;
	}
	if (session->offer_sent) {
		refuse(session->stack, msg, 491, "Request Pending", NULL);
		return;
	}
	switch (body_sdp(&sdp, msg)) {
	case 0:
		answer_offer(session, msg, sdp, update);
		break;
	case ENOTSUP:
		refuse(session->stack, msg, 415, "Unsupported Media Type",
		       "Accept: application/sdp\r\n");
		break;
	case EBADMSG:
		refuse(session->stack, msg, 400, "Broken Multipart Body", NULL);
		break;
	default:
		refuse(session->stack, msg, 500, "Out of Memory", NULL);
		break;
	}
	mem_deref(sdp);
}
