/* An INVITE comes: its record, the limits, its offer, somebody who wants it.
 * Whoever is refused has a record too: attempts are answered, failed or
 * refused, and nothing is lost in between. What a stranger may send in a
 * second is bounded before, by the stack. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "call/trunk.h"
#include "sip/account/account.h"

METRIC(calls_out_of_memory, "incoming calls lost for want of memory")

static struct log_limit refusals = LOG_LIMIT(20, 10000);

static void set_pl(struct call *call, char **field, const struct pl *pl)
{
	char *text = NULL;

	if (!pl_isset(pl) || pl_strdup(&text, pl))
		return;
	cdr_set(&call->cdr, field, text);
	mem_deref(text);
}

/* A user part as people read it: %23 is #. */
static void set_user(struct call *call, char **field, const struct pl *user)
{
	char *text = NULL;

	if (!pl_isset(user) ||
	    re_sdprintf(&text, "%H", uri_user_unescape, user))
		return;
	cdr_set(&call->cdr, field, text);
	mem_deref(text);
}

static void fill_cdr(struct call *call, const struct sip_msg *msg,
		     const struct account *account, const struct trunk *trunk,
		     const struct endpoint *endpoint)
{
	struct cdr *cdr = &call->cdr;

	set_pl(call, &cdr->sip_call_id, &msg->callid);
	set_pl(call, &cdr->from_uri, &msg->from.auri);
	set_user(call, &cdr->from_user, &msg->from.uri.user);
	set_pl(call, &cdr->display_name, &msg->from.dname);
	set_pl(call, &cdr->to_uri, &msg->ruri);
	set_user(call, &cdr->to_user, &msg->uri.user);
	set_user(call, &call->dialed_user, &msg->uri.user);
	if (account)
		cdr_set(cdr, &cdr->account, account_params(account)->name);
	if (trunk)
		cdr_set(cdr, &cdr->trunk, trunk_params(trunk)->name);
	if (endpoint)
		cdr_set(cdr, &cdr->endpoint, endpoint_params(endpoint)->name);
	call_peer(call);
}

static void ring_over(void *arg)
{
	call_hangup(arg, CALL_ENGINE, "no_answer");
}

static bool belongs_to(struct call *call, struct endpoint *endpoint)
{
	struct endpoint_claim *claim;

	if (endpoint_claim(&claim, endpoint))
		return false;
	endpoint_call_begin(call, claim,
			    registrar_binding_of(
				    endpoints_registrar(call->calls->endpoints),
				    endpoint_params(endpoint)->name,
				    call->msg));
	mem_deref(claim);
	return true;
}

static const struct refusal *admit(struct call *call,
				   const struct account *account,
				   struct endpoint *endpoint, const char **why)
{
	const struct refusal *refused =
		calls_admits(call->calls, false, account, NULL, why);

	if (refused)
		return refused;
	if (endpoint && (*why = endpoint_full(endpoint, false))) {
		endpoint->count.refused++;
		return &refuse_user_busy;
	}
	if (call_count_in(call, account, NULL) ||
	    (endpoint && !belongs_to(call, endpoint))) {
		*why = "out of memory";
		return &refuse_overload;
	}
	switch (call_sdp_check(call)) {
	case 0:
		return NULL;
	case EBADMSG:
		return &refuse_bad_sdp;
	case ENOMEM:
		*why = "out of memory";
		return &refuse_overload;
	default:
		return &refuse_no_codec;
	}
}

static void refuse(struct call *call, const struct refusal *r, const char *why)
{
	log_limited(&refusals, LOG_INFO, call->cdr.id, "refused: %u, %s",
		    r->scode, why ? why : r->cause);
	call_refuse(call, r, why);
}

void calls_incoming(struct session *session, const struct sip_msg *msg,
		    void *arg)
{
	struct calls *calls = arg;
	const struct refusal *refused;
	const struct account *account;
	const struct trunk *trunk;
	struct endpoint *endpoint = NULL;
	const char *why = NULL;
	struct call *call;

	assert(loop_is_mine(calls->loop));
	if (call_alloc(&call, calls, false)) {
		metric_add(&calls_out_of_memory, 1);
		calls->total_refused++;
		session_close(session, refuse_overload.scode,
			      refuse_overload.reason, refuse_overload.q850);
		return;
	}
	call->session = session;
	call->msg = mem_ref((void *)session_msg(session));
	session_handlers_set(session, &call_session_handlers, call);
	account = calls->accounts ? account_of_invite(calls->accounts, msg)
				  : NULL;
	trunk = calls->trunks ? trunk_of_addr(calls->trunks, &msg->src) : NULL;
	if (calls->endpoints && session_identity(session))
		endpoint = endpoint_find(calls->endpoints,
					 session_identity(session));
	fill_cdr(call, msg, account, trunk, endpoint);
	call_begin_cdr(call);
	call_set_state(call, CALL_INCOMING);
	refused = admit(call, account, endpoint, &why);
	if (refused) {
		refuse(call, refused, why);
	} else {
		log_info(call->cdr.id, "from %s to %s",
			 call->cdr.from_user ? call->cdr.from_user : "",
			 call->cdr.to_user ? call->cdr.to_user : "");
		if (!calls->h.incoming ||
		    !calls->h.incoming(call, calls->arg)) {
			if (call->state != CALL_ENDED)
				refuse(call, &refuse_no_route, NULL);
		} else if (call->state == CALL_INCOMING ||
			   call->state == CALL_EARLY) {
			call->ring_ms = calls->config.ring_timeout_ms;
			if (call->ring_ms)
				tmr_start(&call->ring_tmr, call->ring_ms,
					  ring_over, call);
		}
	}
	mem_deref(call);
}
