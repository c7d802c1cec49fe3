/* session.c -- a session's life and its end */
#include <assert.h>
#include <string.h>
#include "base/log.h"
#include "base/metrics.h"
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/session_private.h"

METRIC(sip_sessions, "INVITE sessions begun, both ways")

static void session_destructor(void *arg)
{
	struct session *session = arg;

	hash_unlink(&session->he);
	soon_cancel(&session->trying);
	soon_cancel(&session->soon);
	tmr_cancel(&session->offer_tmr);
	session_count(session, false);
	mem_deref(session->st);
	mem_deref(session->dlg);
	mem_deref(session->seed);
	mem_deref(session->digest);
	mem_deref(session->msg);
	mem_deref(session->invite_sdp);
	mem_deref(session->offer);
	mem_deref(session->contact_user);
	mem_deref(session->identity);
	mem_deref(session->ack_auth);
	mem_deref(session->bye_extra);
}

int session_alloc(struct session **sp, struct stack *stack, bool out)
{
	struct session *session;

	session = mem_zalloc(sizeof(*session), session_destructor);
	if (!session)
		return ENOMEM;
	session->stack = stack;
	session->out = out;
	session->state = out ? SESSION_CALLING : SESSION_INCOMING;
	sa_init(&session->peer, AF_UNSPEC);
	metric_add(&sip_sessions, 1);
	*sp = session;
	return 0;
}

void session_add(struct session *session, const char *callid)
{
	hash_append(session->stack->sessions, hash_joaat_str(callid),
		    &session->he, session);
}

static bool is_for(struct le *le, void *arg)
{
	const struct session *session = le->data;
	const struct sip_msg *msg = arg;

	return session->dlg ? sip_dialog_cmp(session->dlg, msg)
			    : sip_dialog_cmp_half(session->seed, msg);
}

struct session *session_find(const struct stack *stack,
			     const struct sip_msg *msg)
{
	return list_ledata(hash_lookup(stack->sessions,
				       hash_joaat_pl(&msg->callid), is_for,
				       (void *)msg));
}

void session_count(struct session *session, bool waiting)
{
	if (session->counted == waiting)
		return;
	session->counted = waiting;
	session->stack->pending += waiting ? 1u : -1u;
}

void session_end(struct session *session, const struct session_end *end)
{
	void (*closed)(const struct session_end *, void *);

	if (session->state == SESSION_CLOSED)
		return;
	session->state = SESSION_CLOSED;
	tmr_cancel(&session->offer_tmr);
	soon_cancel(&session->soon);
	closed = session->h.closed;
	memset(&session->h, 0, sizeof(session->h));
	if (closed)
		closed(end, session->arg);
}

/* The contact of a 3xx that its sender prefers (RFC 3261 20.10: q). */
struct preferred {
	struct pl uri;
	uint32_t q;
};

static bool prefer(const struct sip_hdr *hdr, const struct sip_msg *msg,
		   void *arg)
{
	struct preferred *best = arg;
	struct sip_addr addr;
	struct pl value;
	uint32_t q = 1000;
	(void)msg;

	if (sip_addr_decode(&addr, &hdr->val))
		return false;
	if (!msg_param_decode(&addr.params, "q", &value) && value.l &&
	    value.p[0] == '0') {
		uint32_t weight = 100;

		q = 0;
		for (size_t i = 2; i < value.l && i < 5; i++, weight /= 10) {
			if (value.p[i] >= '0' && value.p[i] <= '9')
				q += (uint32_t)(value.p[i] - '0') * weight;
		}
	}
	if (!pl_isset(&best->uri) || q > best->q) {
		best->uri = addr.auri;
		best->q = q;
	}
	return false;
}

void session_end_by(struct session *session, uint16_t scode,
		    const struct sip_msg *msg)
{
	struct preferred preferred = {.uri = PL_INIT};
	struct session_end end = {.scode = scode, .by_peer = true};
	char *contact = NULL, *phrase = NULL;
	struct reason reason;

	(void)reason_decode(&reason, msg);
	end.q850 = reason.q850;
	end.reason = reason.text;
	if (msg && !msg->req) {
		end.retry_after = retry_after(msg);
		end.text = reason.text[0] ? reason.text : NULL;
		if (!pl_strdup(&phrase, &msg->reason) && *phrase &&
		    text_ok(phrase))
			end.reason = phrase;
		else
			end.reason = status_phrase(scode);
		if (scode >= 300 && scode < 400)
			sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, prefer,
					  &preferred);
		if (pl_isset(&preferred.uri) &&
		    !pl_strdup(&contact, &preferred.uri))
			end.contact = contact;
	}
	session_end(session, &end);
	mem_deref(contact);
	mem_deref(phrase);
}

const char *failure_text(int err)
{
	switch (err) {
	case ETIMEDOUT:
		return "no response";
	case EDESTADDRREQ:
		return "host name not found";
	case EPROTONOSUPPORT:
		return "no listener for that transport and address family";
	case ECONNABORTED:
		return "shutting down";
	default:
		return strerror(err);
	}
}

void session_end_failed(struct session *session, int err)
{
	const struct session_end end = {
		.err = err,
		.reason = failure_text(err),
	};

	session_end(session, &end);
}

static void tell_failure(void *arg)
{
	struct session *session = mem_ref(arg);

	session_end_failed(session, session->soon_err);
	mem_deref(session);
}

void session_end_soon(struct session *session, int err)
{
	if (session->state == SESSION_CLOSED || soon_pending(&session->soon))
		return;
	session->soon_err = err;
	soon_queue(&session->soon, tell_failure, session);
}

/* Whatever comes: after 32 s at the latest there is nothing left to wait for,
 * and a peer that has forgotten the call is what we want. */
static void on_bye_response(int err, const struct sip_msg *msg,
			    struct request *request)
{
	(void)err;
	(void)msg;
	(void)request;
}

void session_bye(struct session *session)
{
	int err;

	session->bye_wanted = false;
	if (session->peer_bye || !session->dlg)
		return;
	session->peer_bye = true;
	err = request_send(NULL, session, session->dlg, "BYE",
			   session->bye_extra, NULL, NULL, on_bye_response);
	if (err)
		log_debug(NULL, "sip: BYE not sent: %s", strerror(err));
}

static void hang_up(struct session *session, const char *reason, uint16_t q850)
{
	const struct reason_out out = {.q850 = q850, .text = reason};

	(void)re_sdprintf(&session->bye_extra, "%H", reason_print, &out);
	/* The callee mustn't say BYE before the ACK (RFC 3261 15). */
	if (session->out || session->acked)
		session_bye(session);
	else
		session->bye_wanted = true;
}

static void refuse_call(struct session *session, uint16_t scode,
			const char *reason, uint16_t q850)
{
	const struct reason_out out = {.q850 = q850, .text = reason};
	char *headers = NULL;

	if (scode < 300 || scode > 699)
		scode = 480;
	(void)re_sdprintf(&headers, "%H", reason_print, &out);
	(void)session_reject(
		session, scode,
		text_ok(reason) && reason && *reason ? reason : NULL, headers);
	mem_deref(headers);
}

void session_close(struct session *session, uint16_t scode, const char *reason,
		   uint16_t q850)
{
	if (!session)
		return;
	assert(session->owned);
	session->owned = false;
	memset(&session->h, 0, sizeof(session->h));
	soon_cancel(&session->soon);
	tmr_cancel(&session->offer_tmr);

	if (session->state == SESSION_ANSWERED) {
		session->state = SESSION_CLOSED;
		hang_up(session, reason, q850);
	} else if (session->state != SESSION_CLOSED) {
		if (!session->out)
			refuse_call(session, scode, reason, q850);
		session->state = SESSION_CLOSED;
		if (session->invite) {
			session_count(session, true);
			/* libre waits for a provisional response before it
			 * says CANCEL (RFC 3261 9.1). */
			sip_request_cancel(session->invite->sip);
		}
	}
	mem_deref(session);
}

static bool abandon(struct le *le, void *arg)
{
	struct session *session = mem_ref(le->data);
	(void)arg;

	session->state = SESSION_CLOSED;
	memset(&session->h, 0, sizeof(session->h));
	soon_cancel(&session->soon);
	session->peer_bye = true;
	session->invite = NULL;
	session->st = mem_deref(session->st);
	list_flush(&session->replies);
	for (struct le *r = session->requests.head; r; r = r->next) {
		((struct request *)r->data)->handler = NULL;
		((struct request *)r->data)->resph = NULL;
	}
	list_flush(&session->requests);
	if (session->owned) {
		session->owned = false;
		mem_deref(session);
	}
	mem_deref(session);
	return false;
}

void sessions_abandon(struct stack *stack)
{
	if (stack->sessions)
		(void)hash_apply(stack->sessions, abandon, NULL);
}

void session_handlers_set(struct session *session,
			  const struct session_handlers *handlers, void *arg)
{
	session->h = *handlers;
	session->arg = arg;
}

static void on_final_response(int err, const struct sip_msg *msg,
			      struct request *request)
{
	if (request->resph && request->session->owned &&
	    (err || msg->scode >= 200))
		request->resph(err, msg, request->arg);
}

int session_info(struct session *session, const char *ctype, const char *body,
		 sip_resp_h *resph, void *arg)
{
	struct request *request;
	struct mbuf *mb;
	int err;

	if (!session || !ctype || !body || !text_ok(ctype))
		return EINVAL;
	if (session->state != SESSION_ANSWERED)
		return EPROTO;
	mb = mbuf_alloc(strlen(body) + 1);
	if (!mb)
		return ENOMEM;
	err = mbuf_write_str(mb, body);
	mb->pos = 0;
	if (!err)
		err = request_send(&request, session, session->dlg, "INFO",
				   NULL, ctype, mb, on_final_response);
	if (!err) {
		request->resph = resph;
		request->arg = arg;
	}
	mem_deref(mb);
	return err;
}

int session_options(struct session *session, sip_resp_h *resph, void *arg)
{
	struct request *request;
	int err;

	if (!session)
		return EINVAL;
	if (session->state != SESSION_ANSWERED)
		return EPROTO;
	err = request_send(&request, session, session->dlg, "OPTIONS",
			   "Accept: application/sdp\r\n", NULL, NULL,
			   on_final_response);
	if (!err) {
		request->resph = resph;
		request->arg = arg;
	}
	return err;
}

bool session_offering(const struct session *session)
{
	return session->offering;
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const char *session_callid(const struct session *session)
{
	return sip_dialog_callid(session->dlg ? session->dlg : session->seed);
}

const struct sa *session_peer(const struct session *session)
{
	return &session->peer;
}

const char *session_peer_transport(const struct session *session)
{
	switch (session->peer_tp) {
	case SIP_TRANSP_TCP:
		return "tcp";
	case SIP_TRANSP_TLS:
		return "tls";
	default:
		return "udp";
	}
}

const struct sip_msg *session_msg(const struct session *session)
{
	return session->msg;
}

const char *session_identity(const struct session *session)
{
	return session->identity;
}

struct mbuf *session_sdp(const struct session *session)
{
	return session->invite_sdp;
}
