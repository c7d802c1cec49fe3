/* uac.c -- a session that begins with our INVITE */
#include <string.h>
#include "sip/body.h"
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/nat_contact.h"
#include "sip/session_private.h"

enum { ROUTES_MAX = 8 };

static void provisional(struct session *session, const struct sip_msg *msg)
{
	struct mbuf *sdp = NULL;

	if (msg->scode == 100 || session->state == SESSION_CLOSED)
		return;
	session->state = SESSION_EARLY;
	(void)body_sdp(&sdp, msg);
	if (session->h.progress)
		session->h.progress(msg->scode, sdp, session->arg);
	mem_deref(sdp);
}

/* An INVITE without an offer: the 2xx has it, the ACK takes our answer. */
static bool answer_in_ack(struct session *session, struct mbuf *sdp,
			  struct mbuf **answer)
{
	const char *reason = NULL;

	if (session->offered_body || session->state == SESSION_CLOSED)
		return true;
	return sdp && session->h.offered &&
	       !session->h.offered(sdp, answer, &reason, session->arg);
}

static void answered(struct session *session, const struct sip_msg *msg)
{
	struct mbuf *sdp = NULL, *answer = NULL;
	struct nat_contact nc;
	bool usable;
	int err;

	nat_contact_on(&nc, session->nat, msg);
	err = sip_dialog_fork(&session->dlg, session->seed, msg);
	nat_contact_off(&nc);
	if (err) {
		const struct session_end end = {
			.err = err,
			.reason = "2xx without a usable Contact",
		};

		session_end(session, &end);
		return;
	}
	(void)body_sdp(&sdp, msg);
	usable = answer_in_ack(session, sdp, &answer);
	err = ack_send(session, msg, answer, true);

	/* CANCEL and 200 have crossed, or the offer is of no use. */
	if (session->state == SESSION_CLOSED) {
		session_bye(session);
	} else if (err || !usable) {
		const struct session_end end = {
			.err = err ? err : EBADMSG,
			.reason = err ? strerror(err)
				      : "no usable offer in the 2xx",
		};

		session_bye(session);
		session_end(session, &end);
	} else {
		session->state = SESSION_ANSWERED;
		session->acked = true;
		session->msg = mem_ref((void *)msg);
		if (session->h.established)
			session->h.established(session->offered_body ? sdp
								     : NULL,
					       msg, session->arg);
	}
	mem_deref(answer);
	mem_deref(sdp);
}

static void on_invite_response(int err, const struct sip_msg *msg,
			       struct request *request)
{
	struct session *session = request->session;

	if (msg) {
		session->peer = msg->src;
		session->peer_tp = msg->tp;
	}
	if (msg && msg->scode < 200) {
		provisional(session, msg);
		return;
	}
	session->invite = NULL;
	session_count(session, false);
	if (err || !msg) {
		session_end_failed(session, err);
	} else if (msg->scode < 300) {
		answered(session, msg);
	} else {
		session_end_by(session, msg->scode, msg);
	}
}

static bool invite_ok(const struct session_invite *invite)
{
	if (!uri_ok(invite->uri) || !uri_ok(invite->from_uri) ||
	    !text_ok(invite->from_name) || !headers_ok(invite->headers))
		return false;
	for (const char *p = invite->contact_user; p && *p; p++) {
		if ((unsigned char)*p <= ' ' || strchr("<>\"@;?:", *p))
			return false;
	}
	for (size_t i = 0; invite->routes && invite->routes[i]; i++) {
		if (i == ROUTES_MAX || !uri_ok(invite->routes[i]))
			return false;
	}
	return true;
}

/* "localhost" is in no name server, and is what a first try calls. */
static char *local_route(const char *uri)
{
	struct uri decoded;
	char *route = NULL;
	struct pl pl;

	pl_set_str(&pl, uri);
	if (uri_decode(&decoded, &pl) ||
	    pl_strcasecmp(&decoded.host, "localhost"))
		return NULL;
	(void)re_sdprintf(&route, "sip:127.0.0.1:%u%r",
			  decoded.port ? decoded.port : SIP_PORT,
			  &decoded.params);
	return route;
}

static int dialog_alloc(struct session *session,
			const struct session_invite *invite)
{
	const char *routes[ROUTES_MAX];
	char *name = NULL, *local = NULL;
	uint32_t count = 0;
	int err = 0;

	if (invite->from_name && *invite->from_name) {
		name = quoted_dup(invite->from_name);
		if (!name)
			return ENOMEM;
	}
	for (; invite->routes && invite->routes[count]; count++)
		routes[count] = invite->routes[count];
	local = count ? NULL : local_route(invite->uri);
	if (local)
		routes[count++] = local;
	err = sip_dialog_alloc(&session->seed, invite->uri, invite->uri, name,
			       invite->from_uri, count ? routes : NULL, count);
	mem_deref(name);
	mem_deref(local);
	return err;
}

int session_connect(struct session **sp, struct stack *stack,
		    const struct session_invite *invite,
		    const struct session_handlers *handlers, void *arg)
{
	struct session *session;
	char *headers = NULL;
	int err;

	if (!sp || !stack || !invite || !handlers || !invite_ok(invite))
		return EINVAL;
	err = session_alloc(&session, stack, true);
	if (err)
		return err;
	err = dialog_alloc(session, invite);
	err = err ? err
		  : digest_alloc(&session->digest, invite->authh,
				 invite->auth_arg);
	if (!err && invite->contact_user)
		err = str_dup(&session->contact_user, invite->contact_user);
	if (!err && re_sdprintf(&headers, "%s%s", SIP_ALLOW_LINE,
				invite->headers ? invite->headers : ""))
		err = ENOMEM;
	if (err) {
		mem_deref(session);
		return err;
	}
	session->h = *handlers;
	session->arg = arg;
	session->nat = invite->nat;
	session->offered_body = invite->sdp != NULL;
	session_add(session, sip_dialog_callid(session->seed));

	err = request_send(&session->invite, session, session->seed, "INVITE",
			   headers, "application/sdp", invite->sdp,
			   on_invite_response);
	mem_deref(headers);
	if (err == ENOMEM) {
		mem_deref(session);
		return err;
	}
	session->owned = true;
	/* The URI was sound: what libre finds invalid is a name to look up
	 * without any name server. */
	if (err)
		session_end_soon(session, err == EINVAL ? EDESTADDRREQ : err);
	*sp = session;
	return 0;
}
