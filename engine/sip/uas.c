/* uas.c -- a session that begins with a peer's INVITE */
#include <string.h>
#include "base/log.h"
#include "sip/body.h"
#include "sip/header.h"
#include "sip/nat_contact.h"
#include "sip/session_private.h"

static void on_cancel(void *arg)
{
	struct session *session = mem_ref(arg);

	(void)sip_treply(&session->st, session->stack->sip, session->msg, 487,
			 "Request Terminated");
	session_end_by(session, 487, session->stack->request);
	mem_deref(session);
}

/* Whether the caller can make sense of SDP at all (RFC 3261 20.1). */
struct accepting {
	bool any, sdp;
};

static bool look_accept(const struct sip_hdr *hdr, const struct sip_msg *msg,
			void *arg)
{
	struct accepting *accepting = arg;
	struct msg_ctype type;
	(void)msg;

	if (!hdr->val.l || msg_ctype_decode(&type, &hdr->val))
		return false;
	accepting->any = true;
	if (msg_ctype_cmp(&type, "application", "sdp") ||
	    msg_ctype_cmp(&type, "application", "*") ||
	    msg_ctype_cmp(&type, "*", "*"))
		accepting->sdp = true;
	return false;
}

/* SDP: the offer in its body, or NULL. */
static bool acceptable(struct stack *stack, const struct sip_msg *msg,
		       struct mbuf **sdp)
{
	struct accepting accepting = {0};

	sip_msg_hdr_apply(msg, true, SIP_HDR_ACCEPT, look_accept, &accepting);
	if (accepting.any && !accepting.sdp) {
		refuse(stack, msg, 406, "Not Acceptable", NULL);
		return false;
	}
	switch (body_sdp(sdp, msg)) {
	case 0:
		return true;
	case ENOTSUP:
		refuse(stack, msg, 415, "Unsupported Media Type",
		       "Accept: application/sdp\r\n"
		       "Accept-Encoding: identity\r\n");
		return false;
	case EBADMSG:
		refuse(stack, msg, 400, "Broken Multipart Body", NULL);
		return false;
	default:
		refuse(stack, msg, 503, "Out of Memory", NULL);
		return false;
	}
}

static bool has_delimiter(const struct pl *user)
{
	for (size_t i = 0; i < user->l; i++) {
		if (strchr("<>\"", user->p[i]))
			return true;
	}
	return false;
}

/* A response that can't be sent, as its connection is gone, takes the
 * transaction with it. */
static int sent(struct session *session, int err)
{
	if (err && !session->st)
		session_end_soon(session, err);
	return err;
}

/* The 100 may be left out when another response leaves at once (RFC 3261
 * 17.2.1): most calls are answered, rung or refused in the same turn of the
 * loop, so that it would be one packet more of five. */
static void send_trying(void *arg)
{
	struct session *session = arg;

	if (session->state == SESSION_INCOMING && session->st)
		(void)sent(session,
			   sip_treply(&session->st, session->stack->sip,
				      session->msg, 100, "Trying"));
}

void uas_invite(struct stack *stack, const struct sip_msg *msg)
{
	struct session *session;
	struct nat_contact nc;
	struct mbuf *sdp = NULL;
	int err;

	if (!acceptable(stack, msg, &sdp))
		return;
	if (session_alloc(&session, stack, false)) {
		refuse(stack, msg, 503, "Out of Memory", NULL);
		mem_deref(sdp);
		return;
	}
	session->invite_sdp = sdp;
	session->nat =
		stack->identity ? stack->identity_nat : REGISTRAR_NAT_NEVER;
	nat_contact_on(&nc, session->nat, msg);
	err = sip_dialog_accept(&session->dlg, msg);
	nat_contact_off(&nc);
	/* Our Contact names the user that was called, if it can. */
	if (!err && pl_isset(&msg->uri.user) && !has_delimiter(&msg->uri.user))
		err = pl_strdup(&session->contact_user, &msg->uri.user);
	if (!err && stack->identity)
		err = str_dup(&session->identity, stack->identity);
	if (!err)
		err = sip_strans_alloc(&session->st, stack->sip, msg, on_cancel,
				       session);
	if (err) {
		if (err == ENOMEM)
			refuse(stack, msg, 503, "Out of Memory", NULL);
		else
			refuse(stack, msg, 400, "Missing Or Invalid Contact",
			       NULL);
		mem_deref(session);
		return;
	}
	session->msg = mem_ref((void *)msg);
	session->peer = msg->src;
	session->peer_tp = msg->tp;
	session_add(session, sip_dialog_callid(session->dlg));
	session->owned = true;
	(void)mem_ref(session);
	if (stack->inviteh)
		stack->inviteh(session, msg, stack->arg);
	else
		session_close(session, 480, NULL, 0);
	/* behind the scripts that now answer it, if they do at once */
	if (session->state == SESSION_INCOMING && session->st)
		soon_queue(&session->trying, send_trying, session);
	mem_deref(session);
}

static bool answerable(const struct session *session)
{
	return session && !session->out && session->st &&
	       (session->state == SESSION_INCOMING ||
		session->state == SESSION_EARLY);
}

static int provisional(struct session *session, uint16_t scode,
		       struct mbuf *sdp, const char *headers)
{
	struct sip_contact contact;
	struct sa laddr;
	int err;

	if (!headers_ok(headers))
		return EINVAL;
	if (!answerable(session))
		return EPROTO;
	stack_contact_addr(session->stack, session->msg, &laddr);
	sip_contact_set(&contact, session->contact_user, &laddr,
			session->msg->tp);
	err = sip_treplyf(&session->st, NULL, session->stack->sip, session->msg,
			  true, scode, status_phrase(scode),
			  "%H" SIP_ALLOW_LINE "%s%s"
			  "Content-Length: %zu\r\n"
			  "\r\n"
			  "%b",
			  contact_print, &contact, headers ? headers : "",
			  sdp ? "Content-Type: application/sdp\r\n" : "",
			  sdp ? mbuf_get_left(sdp) : (size_t)0,
			  sdp ? mbuf_buf(sdp) : NULL,
			  sdp ? mbuf_get_left(sdp) : (size_t)0);
	if (!err)
		session->state = SESSION_EARLY;
	return sent(session, err);
}

int session_ring(struct session *session, const char *headers)
{
	return provisional(session, 180, NULL, headers);
}

int session_progress(struct session *session, struct mbuf *sdp,
		     const char *headers)
{
	return provisional(session, 183, sdp, headers);
}

int session_answer(struct session *session, struct mbuf *sdp,
		   const char *headers)
{
	int err;

	if (!headers_ok(headers))
		return EINVAL;
	if (!answerable(session))
		return EPROTO;
	err = reply_send(session, &session->st, session->msg, sdp, headers,
			 true);
	if (!err)
		session->state = SESSION_ANSWERED;
	return sent(session, err);
}

/* What a call for a number or user that isn't there, or isn't for the caller,
 * ends with; somebody who tries out numbers gathers many. */
static bool is_fault(uint16_t scode)
{
	return scode == 401 || scode == 403 || scode == 404 || scode == 407 ||
	       scode == 410 || scode == 484 || scode == 604;
}

int session_reject(struct session *session, uint16_t scode, const char *reason,
		   const char *headers)
{
	int err;

	if (scode < 300 || scode > 699 || !text_ok(reason) ||
	    !redirect_headers_ok(headers))
		return EINVAL;
	if (!answerable(session))
		return EPROTO;
	if (is_fault(scode))
		stack_fault(session->stack, &session->peer);
	session->state = SESSION_CLOSED;
	memset(&session->h, 0, sizeof(session->h));
	err = sip_treplyf(
		&session->st, NULL, session->stack->sip, session->msg, false,
		scode, reason && *reason ? reason : status_phrase(scode),
		"%sContent-Length: 0\r\n\r\n", headers ? headers : "");
	if (err)
		log_debug(NULL, "sip: %u not sent: %s", scode, strerror(err));
	return 0;
}

void uas_acked(struct session *session, struct mbuf *sdp,
	       const struct sip_msg *msg)
{
	session->acked = true;
	if (session->state == SESSION_CLOSED) {
		if (session->bye_wanted)
			session_bye(session);
	} else if (session->h.established) {
		session->h.established(sdp, msg, session->arg);
	}
}
