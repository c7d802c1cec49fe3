/* A call's signalling: the verbs of a script, and what the session says. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "call/header.h"
#include "call/info_dtmf.h"
#include "call/target.h"
#include "sip/header.h"

static bool unanswered_in(const struct call *call)
{
	assert(loop_is_mine(call->calls->loop));
	return !call->out && call->session &&
	       (call->state == CALL_INCOMING || call->state == CALL_EARLY);
}

static void reject_with(struct call *call, const struct call_outcome *o,
			const char *more)
{
	char *headers = NULL;

	if (re_sdprintf(&headers, "%s%s", call->headers ? call->headers : "",
			more ? more : ""))
		headers = NULL;
	if (session_reject(call->session, o->scode, o->reason, headers))
		log_warn(call->cdr.id, "the response's headers are not sent");
	mem_deref(headers);
	call_end(call, o);
}

void call_refuse(struct call *call, const struct refusal *r, const char *reason)
{
	char headers[256];
	struct call_outcome o = {.scode = r->scode, .reason = r->reason};
	int n = re_snprintf(headers, sizeof(headers),
			    "Reason: Q.850;cause=%u;text=\"%s\"\r\n", r->q850,
			    r->reason);

	if (r->retry_after && n > 0)
		n += re_snprintf(headers + n, sizeof(headers) - (size_t)n,
				 "Retry-After: %u\r\n", r->retry_after);
	if (r->warning && n > 0)
		(void)re_snprintf(headers + n, sizeof(headers) - (size_t)n,
				  "Warning: %s\r\n", r->warning);
	(void)session_reject(call->session, o.scode, o.reason, headers);
	call_end_refused(call, r, reason);
}

/* ---- the offer and the answer of an incoming call --------------------- */

int call_sdp_check(struct call *call)
{
	struct mbuf *offer = session_sdp(call->session);
	struct sdp_agreed agreed;
	struct sdp *sdp = NULL;
	struct sa laddr;
	int err;

	if (!offer)
		return 0;
	/* The stream is opened when it is answered, so that a call that is
	 * rejected costs no port: until then our address has none. */
	err = stack_media_addr(call->calls->stack, session_peer(call->session),
			       &laddr);
	if (err)
		return err;
	err = sdp_alloc(&sdp, &laddr, call->codecs, call->codec_count);
	if (!err)
		err = sdp_offered(sdp, offer, &agreed);
	offer->pos = 0;
	if (err)
		mem_deref(sdp);
	else
		call->sdp = sdp;
	return err;
}

/* Open audio and make our side of the description. */
static int describe(struct call *call)
{
	int err;

	if (call->answer) {
		call->answer->pos = 0;
		return 0;
	}
	err = call_media_open(call, session_peer(call->session));
	if (err)
		return err;
	if (!session_sdp(call->session)) {
		if (!call->sdp)
			err = sdp_alloc(&call->sdp, &call->laddr, call->codecs,
					call->codec_count);
		return err ? err : sdp_offer(call->sdp, false, &call->answer);
	}
	/* call_sdp_check() has taken their offer */
	sdp_set_laddr(call->sdp, &call->laddr);
	err = sdp_answer(call->sdp, &call->answer);
	if (!err) {
		const struct sdp_agreed *agreed = sdp_agreed(call->sdp);

		call_media_set(call, agreed);
		call->held = agreed->held;
	}
	return err;
}

/* No port, no memory: the caller hears it, the script gets the errno. */
static int cannot_describe(struct call *call, int err)
{
	static struct log_limit limit = LOG_LIMIT(5, 10000);
	const struct refusal *r = &refuse_no_port;
	const struct call_outcome o = {
		.by = CALL_ENGINE,
		.cause = r->cause,
		.scode = r->scode,
		.reason = r->reason,
		.q850 = r->q850,
		.disposition = "refused",
	};

	log_limited(&limit, LOG_WARN, call->cdr.id, "no audio: %s",
		    strerror(err));
	call_refused(call);
	reject_with(call, &o, "Retry-After: 10\r\n");
	return err;
}

/* ---- verbs ------------------------------------------------------------ */

int call_ring(struct call *call)
{
	int err;

	if (!unanswered_in(call))
		return EPROTO;
	err = session_ring(call->session, call->headers);
	if (err)
		return err;
	call_set_state(call, CALL_EARLY);
	if (!call->cdr.ring_at_ms)
		call->cdr.ring_at_ms = call_wall_ms(call);
	if (!call->rang) {
		call->rang = true;
		endpoint_call_state(call, ENDPOINT_RINGING);
		call_emit_type(call, CALL_EV_RINGING);
	}
	return 0;
}

int call_progress(struct call *call)
{
	int err;

	/* an offer of ours can't be answered before the 200 without PRACK */
	if (!unanswered_in(call) || !session_sdp(call->session))
		return EPROTO;
	if (call->media_on)
		return 0;
	err = describe(call);
	if (err)
		return cannot_describe(call, err);
	err = session_progress(call->session, call->answer, call->headers);
	if (err)
		return err;
	call_set_state(call, CALL_EARLY);
	if (!call->cdr.ring_at_ms)
		call->cdr.ring_at_ms = call_wall_ms(call);
	call_emit_type(call, CALL_EV_PROGRESS);
	return 0;
}

int call_answer(struct call *call)
{
	int err;

	if (!unanswered_in(call))
		return EPROTO;
	err = describe(call);
	if (err)
		return cannot_describe(call, err);
	err = session_answer(call->session, call->answer, call->headers);
	if (err)
		return err;
	call_answered(call);
	return 0;
}

int call_reject(struct call *call, uint16_t scode, const char *reason)
{
	const struct call_outcome o = {
		.by = CALL_LOCAL,
		.cause = "rejected",
		.scode = scode,
		.reason = reason && *reason ? reason : status_phrase(scode),
		.q850 = q850_of_status(scode),
		.disposition = "rejected",
	};
	char q850[48];

	if (!unanswered_in(call))
		return EPROTO;
	if (scode < 300 || scode > 699 || !text_ok(reason))
		return EINVAL;
	(void)re_snprintf(q850, sizeof(q850), "Reason: Q.850;cause=%u\r\n",
			  o.q850);
	reject_with(call, &o, o.q850 ? q850 : NULL);
	return 0;
}

int call_redirect(struct call *call, const char *uri)
{
	const struct call_outcome o = {
		.by = CALL_LOCAL,
		.cause = "redirected",
		.scode = 302,
		.reason = status_phrase(302),
		.q850 = q850_of_status(302),
		.disposition = "redirected",
	};
	struct target target;
	char contact[300];

	if (!unanswered_in(call))
		return EPROTO;
	if (target_parse(&target, uri, NULL, 0) || target.type != TARGET_URI)
		return EINVAL;
	(void)re_snprintf(contact, sizeof(contact), "Contact: <%s>\r\n",
			  target.uri);
	reject_with(call, &o, contact);
	return 0;
}

static bool is(const char *why, const char *cause)
{
	return why && !strcmp(why, cause);
}

void call_hangup(struct call *call, enum call_party by, const char *why)
{
	struct call_outcome o = {
		.by = by,
		.cause = why && *why ? why : "normal",
		.q850 = 16,
		.disposition = "answered",
	};

	assert(loop_is_mine(call->calls->loop));
	if (call->state == CALL_ANSWERED || call->state == CALL_ENDED) {
		if (is(why, "media_timeout") || is(why, "keepalive_failed"))
			o.q850 = 102; /* recovery on timer expiry */
		if (is(why, "endpoint_restarted"))
			o.q850 = 27; /* destination out of order */
		call_end(call, &o);
		return;
	}
	if (is(why, "endpoint_restarted")) {
		o.scode = 480;
		o.q850 = 27;
		o.reason = "Terminal Restarted";
		o.disposition = "failed";
		call_end(call, &o);
		return;
	}
	if (call->out) {
		o.scode = 487;
		o.disposition =
			is(why, "no_answer") ? "no_answer" : "cancelled";
		o.q850 = is(why, "no_answer") ? 19 : 16;
		o.reason =
			is(why, "no_answer") ? "No Answer" : status_phrase(487);
		call_end(call, &o);
		return;
	}
	o.scode = by == CALL_ENGINE && !is(why, "no_answer") ? 503 : 480;
	o.reason = status_phrase(o.scode);
	o.q850 = is(why, "no_answer") ? 19 : q850_of_status(o.scode);
	o.disposition = is(why, "no_answer") ? "no_answer"
			: by == CALL_LOCAL   ? "rejected"
					     : "failed";
	if (is(why, "script_error")) {
		o.scode = 500;
		o.reason = status_phrase(500);
		o.q850 = q850_of_status(500);
		o.disposition = "failed";
	}
	call_end(call, &o);
}

int call_set_header(struct call *call, const char *name, const char *value)
{
	assert(loop_is_mine(call->calls->loop));
	if (call->out || call->state == CALL_ANSWERED ||
	    call->state == CALL_ENDED)
		return EPROTO;
	return headers_set(&call->headers, name, value);
}

/* ---- hold ------------------------------------------------------------- */

static int offer_hold(struct call *call, bool hold)
{
	struct mbuf *offer = NULL;
	int err;

	assert(loop_is_mine(call->calls->loop));
	if (call->state != CALL_ANSWERED || !call->sdp)
		return EPROTO;
	if (call->offering)
		return EALREADY;
	err = sdp_offer(call->sdp, hold, &offer);
	if (!err)
		err = session_offer(call->session, offer);
	mem_deref(offer);
	if (err)
		return err;
	call->offering = true;
	call->offer_hold = hold;
	return 0;
}

int call_hold(struct call *call)
{
	return offer_hold(call, true);
}

int call_unhold(struct call *call)
{
	return offer_hold(call, false);
}

static void set_held(struct call *call, bool held)
{
	if (call->held == held)
		return;
	call->held = held;
	call_media_watch(call);
	call_emit_type(call, held ? CALL_EV_HOLD : CALL_EV_RESUME);
}

/* ---- what the session says -------------------------------------------- */

static bool take_answer(struct call *call, struct mbuf *answer)
{
	struct sdp_agreed agreed;
	int err = sdp_answered(call->sdp, answer, &agreed);

	if (err) {
		log_warn(call->cdr.id, "their answer can't be used: %s",
			 err == EBADMSG ? "it can't be parsed"
					: "no audio in common");
		return false;
	}
	call_media_set(call, &agreed);
	call->held = agreed.held;
	return true;
}

/* The 200 or its ACK is useless to us: it is a call, so it ends by BYE. */
static void unusable(struct call *call)
{
	const struct call_outcome o = {
		.by = CALL_ENGINE,
		.cause = refuse_no_codec.cause,
		.scode = refuse_no_codec.scode,
		.reason = "No audio codec in common",
		.q850 = refuse_no_codec.q850,
		.disposition = "failed",
	};

	call_end(call, &o);
}

static void on_progress(uint16_t scode, struct mbuf *sdp, void *arg)
{
	struct call *call = arg;
	bool first = !call->media_on;

	call_peer(call);
	call_out_heard(call);
	tmr_cancel(&call->host_tmr);
	(void)mem_ref(call);
	if ((scode == 180 || scode == 183) && !call->cdr.ring_at_ms)
		call->cdr.ring_at_ms = call_wall_ms(call);
	if (scode == 180 && !call->rang) {
		call->rang = true;
		call_set_state(call, CALL_EARLY);
		endpoint_call_state(call, ENDPOINT_RINGING);
		call_emit_type(call, CALL_EV_RINGING);
	}
	if (sdp && call->session && take_answer(call, sdp) && first) {
		call_set_state(call, CALL_EARLY);
		call_emit_type(call, CALL_EV_PROGRESS);
	}
	mem_deref(call);
}

static void on_established(struct mbuf *sdp, const struct sip_msg *msg,
			   void *arg)
{
	struct call *call = arg;
	bool usable;

	(void)mem_ref(call);
	call_peer(call);
	call->acked = true;
	/* a 200 without SDP after a 183 with it means the same (RFC 6337) */
	usable = sdp && (call->out || !call->media_on) ? take_answer(call, sdp)
						       : call->media_on;
	if (call->out) {
		call_out_heard(call);
		mem_deref(call->msg);
		call->msg = mem_ref((void *)msg);
	}
	if (!usable)
		unusable(call);
	else if (call->out)
		call_answered(call);
	else if (!call->watched) /* its offer was ours */
		call_media_watch(call);
	if (call->network_changed && call->state == CALL_ANSWERED)
		(void)call_follow_network(call);
	mem_deref(call);
}

static uint16_t on_offered(struct mbuf *sdp, struct mbuf **answer,
			   const char **reason, void *arg)
{
	struct call *call = arg;
	struct sdp_agreed agreed;
	int err;

	if (!sdp) {
		if (!sdp_offer(call->sdp, call->on_hold, answer))
			return 0;
		*reason = "Server Internal Error";
		return 500;
	}
	err = sdp_offered(call->sdp, sdp, &agreed);
	if (!err)
		err = sdp_answer(call->sdp, answer);
	switch (err) {
	case 0:
		call_media_set(call, &agreed);
		set_held(call, agreed.held);
		return 0;
	case EBADMSG:
		*reason = refuse_bad_sdp.reason;
		return 400;
	case ENOTSUP:
		*reason = refuse_no_codec.reason;
		return 488;
	default:
		*reason = "Server Internal Error";
		return 500;
	}
}

static void on_answered(uint16_t scode, const char *reason, struct mbuf *sdp,
			void *arg)
{
	struct call *call = arg;
	struct call_event event = {
		.type = CALL_EV_OFFER_DONE, .scode = scode, .text = reason};
	const bool was_held = call->held, ours = call->offering;
	bool usable =
		scode >= 200 && scode < 300 && sdp && take_answer(call, sdp);

	call->offering = false;
	if (ours && usable) {
		call->on_hold = call->offer_hold;
	} else if (ours && scode >= 200 && scode < 300) {
		event.scode = 488;
		event.text = "their answer can't be used";
	}
	(void)mem_ref(call);
	if (usable)
		call_media_watch(call);
	if (ours)
		call_emit(call, &event);
	/* they may hold or resume in an answer, too */
	if (usable && call->held != was_held && call->state == CALL_ANSWERED)
		call_emit_type(call,
			       call->held ? CALL_EV_HOLD : CALL_EV_RESUME);
	if (call->network_changed && call->state == CALL_ANSWERED)
		(void)call_follow_network(call);
	mem_deref(call);
}

static uint16_t on_info(const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;
	uint32_t duration_ms;
	char digit;

	switch (info_dtmf_decode(msg, &digit, &duration_ms)) {
	case 0:
		call_digit(call, DIGIT_INFO, digit, duration_ms);
		return 200;
	case EBADMSG:
		return 400;
	default:
		/* an empty INFO asks whether we are there (RFC 2976 2.2) */
		return msg->ctyp.type.l ? 415 : 200;
	}
}

static void on_closed(const struct session_end *end, void *arg)
{
	struct call *call = arg;
	struct call_outcome o = {
		.by = end->by_peer ? CALL_REMOTE : CALL_ENGINE,
		.cause = "normal",
		.reason = end->reason && *end->reason ? end->reason : NULL,
		.q850 = end->q850,
		.disposition = "answered",
	};

	if (call->state == CALL_ANSWERED) {
		if (!end->by_peer)
			o.cause = call->acked ? "network" : "no_ack";
		if (!o.q850)
			o.q850 = end->by_peer ? 16 : 102;
		call_end(call, &o);
		return;
	}
	if (call->out) {
		call_out_closed(call, end);
		return;
	}
	o.scode = end->scode ? end->scode : 487;
	if (!o.reason)
		o.reason = status_phrase(o.scode);
	o.cause = end->by_peer ? "cancelled" : "network";
	o.disposition = end->by_peer ? "cancelled" : "failed";
	if (!o.q850)
		o.q850 = q850_of_status(o.scode);
	call_end(call, &o);
}

const struct session_handlers call_session_handlers = {
	.progress = on_progress,
	.established = on_established,
	.offered = on_offered,
	.answered = on_answered,
	.info = on_info,
	.closed = on_closed,
};
