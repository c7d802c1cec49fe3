/* A call's life: its states, its end, its record, and what is read of it.
 * Each transition happens in one place here and emits one event. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "call/header.h"
#include "call/target.h"

METRIC(calls_answered, "calls that were answered, both ways")
METRIC(calls_refused, "calls that the engine refused, both ways")

static void call_destructor(void *arg)
{
	struct call *call = arg;

	tmr_cancel(&call->ring_tmr);
	tmr_cancel(&call->max_tmr);
	tmr_cancel(&call->host_tmr);
	call_keepalive_stop(call);
	call_detect_end(call);
	mem_deref(call->detect.keep_path);
	mem_deref(call->wanted_disposition);
	mem_deref(call->msg);
	mem_deref(call->dialed_user);
	mem_deref(call->headers);
	mem_deref(call->route);
	mem_deref(call->reroute);
	mem_deref(call->sdp);
	mem_deref(call->answer);
	mem_deref(call->codecs);
	mem_deref((void *)call->media_codecs);
	cdr_clear(&call->cdr);
}

int call_alloc(struct call **cp, struct calls *calls, bool out)
{
	struct call *call = mem_zalloc(sizeof(*call), call_destructor);

	if (!call || cdr_reserve(&call->cdr)) {
		mem_deref(call);
		return ENOMEM;
	}
	call->calls = calls;
	call->out = out;
	call->state = CALL_IDLE;
	call->codecs = mem_ref(calls->codecs);
	call->media_codecs = mem_ref((void *)calls->media_codecs);
	call->codec_count = calls->codec_count;
	call->max_ms = calls->config.max_duration_ms;
	call->timeout_ms = calls->config.media_timeout_ms;
	call->vanished_ms = calls->config.media_hangup_ms;
	call->pt_dtmf_tx = -1;
	tmr_init(&call->ring_tmr);
	tmr_init(&call->max_tmr);
	tmr_init(&call->host_tmr);
	tmr_init(&call->keepalive.tmr);
	call_detect_init(call);
	id_make(call->cdr.id);
	call->cdr.direction = out ? "out" : "in";
	call->cdr.hangup_by = "";
	call->cdr.started_at_ms = clock_wall_ms();
	call->begun_ms = clock_mono_ms();
	*cp = call;
	return 0;
}

int64_t call_wall_ms(const struct call *call)
{
	return call->cdr.started_at_ms +
	       (int64_t)(clock_mono_ms() - call->begun_ms);
}

void call_begin_cdr(struct call *call)
{
	struct calls *calls = call->calls;

	calls_add(calls, call);
	if (calls->h.cdr_begun)
		calls->h.cdr_begun(&call->cdr, calls->arg);
}

/* ---- events ----------------------------------------------------------- */

void call_emit(struct call *call, const struct call_event *event)
{
	if (!call->handler)
		return;
	(void)mem_ref(call); /* the handler may drop the last one */
	call->handler(call, event, call->arg);
	mem_deref(call);
}

void call_emit_type(struct call *call, enum call_event_type type)
{
	const struct call_event event = {.type = type};

	call_emit(call, &event);
}

void call_set_handler(struct call *call, call_event_h *handler, void *arg)
{
	assert(loop_is_mine(call->calls->loop));
	call->handler = handler;
	call->arg = arg;
}

/* ---- transitions ------------------------------------------------------ */

void call_set_state(struct call *call, enum call_state state)
{
	assert(state > call->state || state == call->state);
	if (call->state != state)
		log_debug(call->cdr.id, "%s -> %s",
			  call_state_name(call->state), call_state_name(state));
	call->state = state;
}

void call_peer(struct call *call)
{
	const struct sa *peer =
		call->session ? session_peer(call->session) : NULL;
	char text[64];

	if (peer && sa_isset(peer, SA_ALL) &&
	    re_snprintf(text, sizeof(text), "%s:%J",
			session_peer_transport(call->session), peer) > 0)
		cdr_set(&call->cdr, &call->cdr.peer, text);
}

static void max_duration(void *arg)
{
	call_hangup(arg, CALL_ENGINE, "max_duration");
}

void call_answered(struct call *call)
{
	call_set_state(call, CALL_ANSWERED);
	endpoint_call_state(call, ENDPOINT_ANSWERED);
	tmr_cancel(&call->ring_tmr);
	tmr_cancel(&call->host_tmr);
	call->cdr.answered_at_ms = call_wall_ms(call);
	call->cdr.sip_code = 200;
	cdr_set(&call->cdr, &call->cdr.reason, "OK");
	call->calls->total_answered++;
	metric_add(&calls_answered, 1);
	if (call->wanted_disposition)
		cdr_set(&call->cdr, &call->cdr.disposition,
			call->wanted_disposition);
	if (call->max_ms)
		tmr_start(&call->max_tmr, call->max_ms, max_duration, call);
	call_media_watch(call);
	call_keepalive_apply(call);
	call_detect_apply(call);
	log_info(call->cdr.id, "answered after %.1f s",
		 (double)(call->cdr.answered_at_ms - call->cdr.started_at_ms) /
			 1000.0);
	call_emit_type(call, CALL_EV_ANSWERED);
}

static const char *party_name(enum call_party by)
{
	switch (by) {
	case CALL_LOCAL:
		return "local";
	case CALL_REMOTE:
		return "remote";
	case CALL_ENGINE:
		return "engine";
	case CALL_NOBODY:
		break;
	}
	return "";
}

static void drop_session(struct call *call, const struct call_outcome *o)
{
	struct session *session = call->session;
	bool bye = call->state == CALL_ANSWERED;

	if (!session)
		return;
	call->session = NULL;
	call_peer(call);
	/* a phrase is for a response; a BYE's Reason says it by its cause */
	session_close(session, bye ? 0 : o->scode, bye ? NULL : o->reason,
		      o->q850);
}

static void fill_end(struct call *call, const struct call_outcome *o)
{
	struct cdr *cdr = &call->cdr;

	cdr->ended_at_ms = call_wall_ms(call);
	cdr->hangup_by = party_name(o->by);
	cdr_set(cdr, &cdr->hangup_cause, o->cause);
	if (o->scode)
		cdr->sip_code = o->scode;
	if (o->reason)
		cdr_set(cdr, &cdr->reason, o->reason);
	cdr->q850 = o->q850;
	if (!cdr->answered_at_ms || strcmp(o->disposition, "answered") != 0 ||
	    !call->wanted_disposition)
		cdr_set(cdr, &cdr->disposition, o->disposition);
	else
		cdr_set(cdr, &cdr->disposition, call->wanted_disposition);
}

void call_end(struct call *call, const struct call_outcome *o)
{
	struct call_event event = {.type = CALL_EV_ENDED};
	char contact[256] = "";

	if (call->state == CALL_ENDED)
		return;
	(void)mem_ref(call);
	if (o->contact)
		str_ncpy(contact, o->contact, sizeof(contact));
	fill_end(call, o);
	event.scode = o->scode;
	event.text = contact[0] ? contact : NULL;
	call_peer(call);
	drop_session(call, o);
	call_set_state(call, CALL_ENDED);
	tmr_cancel(&call->ring_tmr);
	tmr_cancel(&call->max_tmr);
	tmr_cancel(&call->host_tmr);
	list_unlink(&call->we);
	info_send_flush(call);
	call_options_flush(call);
	call_keepalive_stop(call);
	call_detect_end(call);
	bridge_leave(call);
	call_media_close(call);
	call_count_out(call);
	log_info(call->cdr.id, "ended: %s, by %s (%s)", call->cdr.disposition,
		 *call->cdr.hangup_by ? call->cdr.hangup_by : "nobody",
		 call->cdr.hangup_cause ? call->cdr.hangup_cause : "");
	if (o->silent)
		call->handler = NULL;
	call_emit(call, &event);
	call_check_complete(call);
	mem_deref(call);
}

void call_refused(struct call *call)
{
	call->calls->total_refused++;
	metric_add(&calls_refused, 1);
}

void call_end_refused(struct call *call, const struct refusal *r,
		      const char *reason)
{
	const struct call_outcome o = {
		.by = CALL_ENGINE,
		.cause = r->cause,
		.scode = r->scode,
		.q850 = r->q850,
		.reason = reason ? reason : r->reason,
		.disposition = r == &refuse_invalid ? "invalid" : "refused",
		.silent = true,
	};

	call_refused(call);
	call_end(call, &o);
}

void call_check_complete(struct call *call)
{
	struct calls *calls = call->calls;
	struct cdr *cdr = &call->cdr;

	if (call->state != CALL_ENDED || call->streams || call->complete)
		return;
	if (!call->closed_told) {
		call->closed_told = true;
		(void)mem_ref(call);
		call_emit_type(call, CALL_EV_CLOSED);
		call_check_complete(call);
		mem_deref(call);
		return;
	}
	if (call->scripts)
		return;
	call->complete = true;
	/* a script that failed didn't reject the caller of its own will */
	if (!call->out && cdr->script_error && cdr->disposition &&
	    !strcmp(cdr->disposition, "rejected"))
		cdr_set(cdr, &cdr->disposition, "failed");
	if (calls->h.cdr_ended)
		calls->h.cdr_ended(cdr, calls->arg);
	calls_remove(calls, call);
}

/* ---- what the script leaves ------------------------------------------- */

void call_set_disposition(struct call *call, const char *disposition)
{
	assert(loop_is_mine(call->calls->loop));
	cdr_set(&call->cdr, &call->wanted_disposition, disposition);
	if (call->cdr.answered_at_ms && call->wanted_disposition)
		cdr_set(&call->cdr, &call->cdr.disposition, disposition);
}

void call_set_agent(struct call *call, const char *agent)
{
	assert(loop_is_mine(call->calls->loop));
	cdr_set(&call->cdr, &call->cdr.agent, agent);
}

void call_set_script(struct call *call, const char *script)
{
	cdr_set(&call->cdr, &call->cdr.script, script);
}

void call_set_script_error(struct call *call, const char *error,
			   const char *traceback)
{
	cdr_set(&call->cdr, &call->cdr.script_error, error);
	cdr_set(&call->cdr, &call->cdr.traceback, traceback);
}

void call_set_user_json(struct call *call, const char *json)
{
	cdr_set(&call->cdr, &call->cdr.user_json, json);
}

void call_set_hangup_line(struct call *call, const char *line)
{
	if (!call->cdr.hangup_line)
		cdr_set(&call->cdr, &call->cdr.hangup_line, line);
}

void call_script_begin(struct call *call)
{
	assert(loop_is_mine(call->calls->loop));
	call->scripts++;
}

void call_script_end(struct call *call)
{
	assert(loop_is_mine(call->calls->loop));
	assert(call->scripts > 0);
	call->scripts--;
	call_check_complete(call);
}

/* ---- reading ---------------------------------------------------------- */

const char *call_id(const struct call *call)
{
	return call->cdr.id;
}

enum call_state call_state(const struct call *call)
{
	return call->state;
}

const char *call_state_name(enum call_state state)
{
	static const char *const names[] = {
		[CALL_IDLE] = "idle",	      [CALL_CALLING] = "calling",
		[CALL_INCOMING] = "incoming", [CALL_EARLY] = "early",
		[CALL_ANSWERED] = "answered", [CALL_ENDED] = "ended",
	};

	return names[state];
}

bool call_is_out(const struct call *call)
{
	return call->out;
}

bool call_has_media(const struct call *call)
{
	/* When the offer was ours, in the 200, the answer comes with the ACK:
	 * what is begun before waits in the stream until then. */
	return call->media_on || (call->stream && call->state == CALL_ANSWERED);
}

bool call_held(const struct call *call)
{
	return call->held;
}

bool call_on_hold(const struct call *call)
{
	return call->on_hold;
}

const struct cdr *call_cdr(const struct call *call)
{
	return &call->cdr;
}

const char *call_dialed_user(const struct call *call)
{
	return call->dialed_user ? call->dialed_user : "";
}

int call_header(const struct call *call, const char *name, char *out,
		size_t size)
{
	return call->msg ? header_of_msg(call->msg, name, out, size) : ENOENT;
}
