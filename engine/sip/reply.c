/* reply.c -- 2xx to INVITE, sent again until the ACK (RFC 3261 13.3.1.4)
 *
 * Over TCP too: a proxy on the way may use UDP.
 */
#include "sip/body.h"
#include "sip/header.h"
#include "sip/session_private.h"

struct reply {
	struct le le; /* session->replies */
	struct tmr tmr, again;
	struct session *session;
	struct sip_msg *msg;
	struct mbuf *mb;
	struct sa dst;
	uint32_t sent;
	bool first;   /* of the call's first INVITE */
	bool offered; /* it carries an offer: the ACK has the answer */
};

static void reply_destructor(void *arg)
{
	struct reply *reply = arg;

	list_unlink(&reply->le);
	tmr_cancel(&reply->tmr);
	tmr_cancel(&reply->again);
	mem_deref(reply->msg);
	mem_deref(reply->mb);
	mem_deref(reply->session);
}

int contact_print(struct re_printf *pf, const struct sip_contact *contact)
{
	if (contact->uri && *contact->uri)
		return sip_contact_print(pf, contact);
	return re_hprintf(pf, "Contact: <sip:%J%s>\r\n", contact->addr,
			  sip_transp_param(contact->tp));
}

static void on_timeout(void *arg)
{
	struct reply *reply = arg;
	struct session *session = mem_ref(reply->session);

	mem_deref(reply);
	session->acked = true; /* as good as: nothing more will come */
	if (session->state == SESSION_CLOSED) {
		if (session->bye_wanted)
			session_bye(session);
	} else {
		const struct session_end end = {
			.err = ETIMEDOUT,
			.reason = "no ACK for the 200",
		};

		session_bye(session);
		session_end(session, &end);
	}
	mem_deref(session);
}

static void on_again(void *arg)
{
	struct reply *reply = arg;
	uint32_t wait;

	(void)sip_send(reply->session->stack->sip, reply->msg->sock,
		       reply->msg->tp, &reply->dst, reply->mb);
	reply->sent++;
	wait = reply->sent < 3 ? (uint32_t)SIP_T1 << reply->sent
			       : (uint32_t)SIP_T2;
	tmr_start(&reply->again, wait, on_again, reply);
}

int reply_send(struct session *session, struct sip_strans **st,
	       const struct sip_msg *msg, struct mbuf *sdp, const char *headers,
	       bool first)
{
	struct sip_contact contact;
	struct reply *reply;
	struct sa laddr;
	struct pl end;
	int err;

	reply = mem_zalloc(sizeof(*reply), reply_destructor);
	if (!reply)
		return ENOMEM;
	reply->session = mem_ref(session);
	reply->msg = mem_ref((void *)msg);
	reply->first = first;
	reply->offered = sdp && !mbuf_get_left(msg->mb);
	sip_reply_addr(&reply->dst, msg,
		       !msg_param_exists(&msg->via.params, "rport", &end));
	stack_contact_addr(session->stack, msg, &laddr);
	sip_contact_set(&contact, session->contact_user, &laddr, msg->tp);

	err = sip_treplyf(st, &reply->mb, session->stack->sip, msg, true, 200,
			  "OK",
			  "%H" SIP_ALLOW_LINE "%s%s"
			  "Content-Length: %zu\r\n"
			  "\r\n"
			  "%b",
			  contact_print, &contact, headers ? headers : "",
			  sdp ? "Content-Type: application/sdp\r\n" : "",
			  sdp ? mbuf_get_left(sdp) : (size_t)0,
			  sdp ? mbuf_buf(sdp) : NULL,
			  sdp ? mbuf_get_left(sdp) : (size_t)0);
	if (err) {
		mem_deref(reply);
		return err;
	}
	list_append(&session->replies, &reply->le, reply);
	tmr_start(&reply->tmr, SIP_64_T1, on_timeout, reply);
	tmr_start(&reply->again, SIP_T1, on_again, reply);
	return 0;
}

bool reply_awaits_answer(const struct session *session)
{
	for (struct le *le = session->replies.head; le; le = le->next) {
		if (((struct reply *)le->data)->offered)
			return true;
	}
	return false;
}

void reply_acked(struct session *session, const struct sip_msg *msg)
{
	struct mbuf *sdp = NULL;

	for (struct le *le = session->replies.head; le; le = le->next) {
		struct reply *reply = le->data;
		const bool first = reply->first, offered = reply->offered;

		if (reply->msg->cseq.num != msg->cseq.num)
			continue;
		mem_deref(reply);
		if (offered)
			(void)body_sdp(&sdp, msg);
		if (first)
			uas_acked(session, sdp, msg);
		else if (offered && session->state == SESSION_ANSWERED &&
			 session->h.answered)
			session->h.answered(200, "OK", sdp, session->arg);
		offer_flush(session);
		mem_deref(sdp);
		return;
	}
}

void replies_stop(struct session *session)
{
	list_flush(&session->replies);
}
