/* A call leaves: dial, try the next host or trunk on congestion, how it failed.
 */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/trunk.h"
#include "sip/account/account.h"

enum {
	RING_DEFAULT_MS = 60000,
	/* With another host to try, silence is not waited for until the
	 * transaction's own 32 s (RFC 3261 17.1.1.2). */
	HOST_SILENT_MS = 6000,
};

/* ARG: the account's use, which lives as long as the calls do: a BYE can be
 * challenged after its call is gone. */
static int authenticate(char **user, char **password, const char *realm,
			void *arg)
{
	const struct account_use *use = arg;
	struct account *account = account_find(use->calls->accounts, use->name);

	return account ? account_auth(user, password, realm, account) : ENOENT;
}

static int from_uri(char **uri, const struct route *r, const struct sa *laddr)
{
	if (r->from)
		return str_dup(uri, r->from);
	if (r->from_domain)
		return re_sdprintf(uri, "sip:%s@%s", r->from_user,
				   r->from_domain);
	return re_sdprintf(
		uri, sa_af(laddr) == AF_INET6 ? "sip:%s@[%j]" : "sip:%s@%j",
		r->from_user, laddr);
}

/* ---- what an INVITE tells of its host ----------------------------------- */

static bool has_heard(const struct call *call)
{
	return call->session && sa_isset(session_peer(call->session), SA_ADDR);
}

static void evidence(const struct call *call, enum trunk_evidence what,
		     uint32_t retry_after_s, const char *reason)
{
	const struct route *r = call->route;
	const int host = r->next ? r->hosts[r->next - 1].trunk_host : -1;

	if (r->binding)
		endpoint_evidence(call->calls->endpoints, r->binding, what,
				  reason);
	if (r->trunk && host >= 0)
		trunk_evidence(r->trunk, (size_t)host, what, retry_after_s,
			       reason);
}

void call_out_heard(struct call *call)
{
	evidence(call, TRUNK_HEARD, 0, NULL);
}

/* It has become unreachable since the call was routed. */
static bool is_lost(const struct route *r, size_t i)
{
	struct trunk_reading reading;

	if (!r->trunk || r->hosts[i].trunk_host < 0 ||
	    (size_t)r->hosts[i].trunk_host >= trunk_host_count(r->trunk))
		return false;
	trunk_read_host(r->trunk, (size_t)r->hosts[i].trunk_host, &reading);
	return reading.state == REACH_UNREACHABLE;
}

/* Send an INVITE to the next host. */
static int try_host(struct call *call)
{
	struct route *r = call->route;
	const size_t i = r->next++;
	const char *registered[ACCOUNT_ROUTES_MAX + 1] = {r->proxy};
	const char *const *routes =
		r->path[0] ? (const char *const *)r->path : registered;
	struct session_invite invite = {
		.uri = r->hosts[i].uri,
		.from_name = r->from_name,
		.nat = r->endpoint && !r->path[0]
			       ? endpoint_params(r->endpoint)->nat
			       : REGISTRAR_NAT_NEVER,
		.contact_user = NULL,
		.routes = routes[0] ? routes : NULL,
		.headers = r->headers,
		.authh = call->use ? authenticate : NULL,
		.auth_arg = call->use,
	};
	struct mbuf *offer = NULL;
	char *from = NULL;
	int err;

	for (size_t n = 0; n < r->beyond_count; n++)
		registered[n + 1] = r->beyond[n];
	cdr_set(&call->cdr, &call->cdr.to_uri, invite.uri);
	call->sdp = mem_deref(call->sdp);
	err = call_media_open(call, &r->hosts[i].dst);
	if (!err)
		err = sdp_alloc(&call->sdp, &call->laddr, call->codecs,
				call->codec_count);
	if (!err)
		err = sdp_offer(call->sdp, false, &offer);
	if (!err)
		err = from_uri(&from, r, &call->laddr);
	if (err)
		goto out;
	invite.sdp = offer;
	invite.from_uri = from;
	err = session_connect(&call->session, call->calls->stack, &invite,
			      &call_session_handlers, call);
	if (err) {
		if (err != EINVAL && err != ENOMEM)
			evidence(call, TRUNK_ERROR, 0, strerror(err));
		goto out;
	}
	cdr_set(&call->cdr, &call->cdr.sip_call_id,
		session_callid(call->session));
	call->invited_ms = clock_mono_ms();
	log_info(call->cdr.id, "calling %s", invite.uri);
out:
	mem_deref(from);
	mem_deref(offer);
	return err;
}

static void end_congested(struct call *call, const char *reason)
{
	const struct call_outcome o = {
		.by = CALL_ENGINE,
		.cause = "network",
		.reason = reason,
		.q850 = 38,
		.disposition = "congestion",
	};

	call_end(call, &o);
}

static void ring_over(void *arg)
{
	struct call *call = arg;

	if (call->we.list) {
		end_congested(call, "the account's registrar has not answered");
		return;
	}
	/* Not a single response, not even a 100: nobody's phone has rung. */
	if (!has_heard(call) &&
	    clock_mono_ms() - call->invited_ms >= HOST_SILENT_MS) {
		evidence(call, TRUNK_SILENT, 0, "no answer");
		end_congested(call, "no response");
		return;
	}
	log_debug(call->cdr.id, "no answer in %.1f s", call->ring_ms / 1000.0);
	call_hangup(call, CALL_ENGINE, "no_answer");
}

static void host_silent(void *arg);

/* The trunk, and what it shows of us. */
static void fill_way(struct call *call)
{
	const struct route *r = call->route;
	struct cdr *cdr = &call->cdr;
	struct sa laddr;
	char *from = NULL;

	cdr_set(cdr, &cdr->account, r->account);
	cdr_set(cdr, &cdr->trunk,
		r->trunk ? trunk_params(r->trunk)->name : NULL);
	cdr_set(cdr, &cdr->display_name, r->from_name);
	cdr_set(cdr, &cdr->from_user, r->from_user);
	if (!r->from_user || !r->count ||
	    stack_media_addr(call->calls->stack, &r->hosts[0].dst, &laddr) ||
	    from_uri(&from, r, &laddr))
		return;
	cdr_set(cdr, &cdr->from_uri, from);
	mem_deref(from);
}

static bool has_more(const struct call *call)
{
	return call->route->next < call->route->count || reroute_has_more(call);
}

/* Whether the peer may ask for credentials of which only the first answer to
 * the account's REGISTER will tell that they are meant for it. */
static bool must_wait(const struct call *call)
{
	const struct account *account =
		call->route->account ? account_find(call->calls->accounts,
						    call->route->account)
				     : NULL;

	return account && account_is_learning(account);
}

static void wait_for_account(struct call *call)
{
	log_debug(call->cdr.id, "waits until account %s has registered",
		  call->route->account);
	list_append(&call->calls->waiting, &call->we, call);
	if (reroute_has_more(call))
		tmr_start(&call->host_tmr, HOST_SILENT_MS, host_silent, call);
}

/* By another trunk: what is shown and counted is of that one now. SCODE: the
 * last word of the one before, 0: none. */
static bool go_on(struct call *call, uint16_t scode)
{
	char before[80] = "";

	if (!reroute_has_more(call))
		return false;
	(void)snprintf(before, sizeof(before), "%s:%u",
		       trunk_params(call->route->trunk)->name, scode);
	if (!reroute_next(call))
		return false;
	cdr_tried(&call->cdr, before);
	call->cdr.ring_at_ms = 0;
	fill_way(call);
	return true;
}

/* The INVITE to the first host, of this trunk or the next, that can be tried:
 * 0, or the last error. */
static int go(struct call *call, uint16_t scode)
{
	int err = ENOENT;

	do {
		struct route *r = call->route;

		if (must_wait(call)) {
			wait_for_account(call);
			return 0;
		}
		while (r->next < r->count) {
			if (is_lost(r, r->next)) {
				r->next++;
				continue;
			}
			err = try_host(call);
			if (err)
				continue;
			if (has_more(call))
				tmr_start(&call->host_tmr, HOST_SILENT_MS,
					  host_silent, call);
			return 0;
		}
	} while (go_on(call, scode));
	return err;
}

/* Nothing is under way any more: elsewhere, when there is a place to try. */
static bool try_next(struct call *call, uint16_t scode)
{
	if (call->session) {
		struct session *session = call->session;

		call->session = NULL;
		session_close(session, 0, NULL, 0);
	}
	return !go(call, scode);
}

static void host_silent(void *arg)
{
	struct call *call = arg;

	if (call->we.list) {
		/* it is the registrar of its account that is silent */
		list_unlink(&call->we);
		if (!go_on(call, 0)) {
			wait_for_account(call);
			return;
		}
	} else if (!call->session || has_heard(call)) {
		return;
	} else {
		evidence(call, TRUNK_SILENT, 0, "no answer");
	}
	log_info(call->cdr.id, "no response: the next way is tried");
	if (!try_next(call, 0))
		end_congested(call, "no host could be reached");
}

/* What its end tells of the host. A phone that rings and rings says nothing. */
static void judge(const struct call *call, const struct session_end *end)
{
	if (end->scode == 503)
		evidence(call, TRUNK_BUSY, end->retry_after, end->reason);
	else if (end->scode)
		evidence(call, TRUNK_HEARD, 0, NULL);
	else if (end->err && end->err != EBADMSG && !has_heard(call))
		evidence(call,
			 end->err == ETIMEDOUT ? TRUNK_SILENT : TRUNK_ERROR, 0,
			 end->err == ETIMEDOUT ? "no answer" : end->reason);
}

void call_out_closed(struct call *call, const struct session_end *end)
{
	struct call_outcome o = {
		.by = end->by_peer ? CALL_REMOTE : CALL_ENGINE,
		.cause = end->by_peer ? "rejected" : "network",
		.scode = end->scode,
		.reason = end->reason && *end->reason ? end->reason : NULL,
		.q850 = end->q850,
		.contact = end->contact,
	};

	tmr_cancel(&call->host_tmr);
	call_peer(call);
	judge(call, end);
	/* a 603 whose Reason header says more than "Decline" */
	if (end->text &&
	    !strcmp(cdr_disposition(o.scode, end->text), "blocked"))
		o.reason = end->text;
	/* a 2xx that is no use is an answer, not congestion */
	o.disposition = end->err == EBADMSG
				? "failed"
				: cdr_disposition(o.scode, o.reason);
	if (!strcmp(o.disposition, "redirected"))
		o.cause = "redirected";
	if (!o.q850)
		o.q850 = o.scode ? q850_of_status(o.scode) : 38;
	/* whose phone has rung is not rung again by another way */
	if (cdr_reroutes(o.scode) && end->err != EBADMSG && !call->rang &&
	    has_more(call)) {
		log_info(call->cdr.id, "%u %s: the next way is tried", o.scode,
			 o.reason ? o.reason : "");
		if (try_next(call, o.scode))
			return;
	}
	call_end(call, &o);
}

void call_out_sit(struct call *call, const char *name)
{
	const char *disposition = cdr_disposition_sit(name);
	struct call_outcome o = {
		.by = CALL_ENGINE,
		.cause = name,
		.scode = 487,
		.reason = "A special information tone in early media",
		.disposition = disposition,
	};

	if (!disposition)
		return;
	tmr_cancel(&call->host_tmr);
	if (!strcmp(disposition, "invalid")) {
		o.q850 = 1; /* unallocated number */
	} else {
		o.q850 = 34; /* no circuit available */
		if (!call->rang && has_more(call)) {
			log_info(call->cdr.id, "%s: the next way is tried",
				 name);
			if (try_next(call, 503))
				return;
		}
	}
	call_end(call, &o);
}

/* ---- dial ------------------------------------------------------------- */

static void fill_cdr(struct call *call, const struct call_dial *dial)
{
	const struct route *r = call->route;
	struct cdr *cdr = &call->cdr;

	cdr_set(cdr, &cdr->campaign, dial->campaign);
	cdr_set(cdr, &cdr->lead_id, dial->lead_id);
	cdr->attempt = dial->attempt;
	cdr_set(cdr, &cdr->to_uri,
		r && r->count ? r->hosts[0].uri : dial->target);
	if (!r)
		return;
	cdr_set(cdr, &cdr->to_user, r->user);
	if (r->endpoint)
		cdr_set(cdr, &cdr->endpoint,
			endpoint_params(r->endpoint)->name);
	fill_way(call);
}

/* Its place among the calls of the endpoint that is called. NULL, or why there
 * is none. */
static const struct refusal *
take_place(struct call *call, const struct call_dial *dial, const char **why)
{
	struct endpoint *endpoint = call->route->endpoint;
	struct endpoint_claim *claim =
		dial->claim ? mem_ref(*dial->claim) : NULL;

	if (!endpoint)
		return NULL;
	if (!claim) {
		*why = endpoint_full(endpoint, true);
		if (*why) {
			endpoint->count.refused++;
			return &refuse_user_busy;
		}
		if (endpoint_claim(&claim, endpoint)) {
			*why = "out of memory";
			return &refuse_overload;
		}
		if (dial->claim)
			*dial->claim = mem_ref(claim);
	}
	endpoint_call_begin(call, claim, call->route->binding);
	mem_deref(claim);
	return NULL;
}

/* Route and limits; NULL when the call may leave. */
static const struct refusal *
admit(struct call *call, const struct call_dial *dial, char *err, size_t size)
{
	struct calls *calls = call->calls;
	const struct refusal *refused = NULL;
	const struct account *account;
	const char *why = NULL;

	if (route_make(&call->route, calls, dial, &refused, err, size)) {
		(void)snprintf(err, size, "out of memory");
		return &refuse_overload;
	}
	if (refused)
		return refused;
	account = call->route->account
			  ? account_find(calls->accounts, call->route->account)
			  : NULL;
	refused = calls_admits(calls, true, account, call->route->trunk, &why);
	if (!refused)
		refused = take_place(call, dial, &why);
	if (!refused && (reroute_alloc(&call->reroute, dial, call->route) ||
			 call_count_in(call, account, call->route->trunk))) {
		refused = &refuse_overload;
		why = "out of memory";
	}
	if (refused)
		(void)snprintf(err, size, "%s", why);
	return refused;
}

/* NULL: it leaves, or waits for its account; or why it can't, with a sentence
 * in WHY. */
static const struct refusal *leave(struct call *call, char *why, size_t size)
{
	const int err = go(call, 0);

	if (!err) {
		if (call->session)
			stack_call_began(call->calls->stack);
		return NULL;
	}
	(void)snprintf(why, size, "%s",
		       err == EAFNOSUPPORT
			       ? "no listener of the host's address family"
			       : strerror(err));
	return err == EINVAL	     ? &refuse_invalid
	       : err == EAFNOSUPPORT ? &refuse_no_route
				     : &refuse_no_port;
}

static bool waits_for(const struct call *call, const struct account *account)
{
	return !strcmp(call->route->account, account_params(account)->name);
}

void calls_account_changed(struct calls *calls, struct account *account)
{
	struct list due = LIST_INIT;
	struct call *call;
	struct le *le = calls->waiting.head;

	if (account_is_learning(account))
		return;
	while (le) {
		call = le->data;
		le = le->next;
		if (waits_for(call, account)) {
			list_unlink(&call->we);
			list_append(&due, &call->we, call);
		}
	}
	/* what one tells its script may end another: it unlinks itself */
	while ((call = list_ledata(due.head))) {
		char why[256] = "";
		const struct refusal *refused;

		list_unlink(&call->we);
		refused = leave(call, why, sizeof(why));
		if (refused) {
			const struct call_outcome o = {
				.by = CALL_ENGINE,
				.cause = refused->cause,
				.scode = refused->scode,
				.reason = why,
				.q850 = refused->q850,
				.disposition = "refused",
			};

			call_refused(call);
			call_end(call, &o);
		}
	}
}

int call_dial(struct call **cp, struct calls *calls,
	      const struct call_dial *dial, call_event_h *handler, void *arg,
	      const char **reason, char *err, size_t err_size)
{
	const struct refusal *refused;
	char why[256] = "";
	struct call *call;

	assert(loop_is_mine(calls->loop));
	*cp = NULL;
	*reason = refuse_overload.cause;
	if (call_alloc(&call, calls, true)) {
		(void)snprintf(err, err_size, "out of memory");
		calls->total_refused++;
		return ENOMEM;
	}
	refused = admit(call, dial, why, sizeof(why));
	fill_cdr(call, dial);
	call_begin_cdr(call);
	if (!refused) {
		if (dial->max_duration_ms)
			call->max_ms = dial->max_duration_ms;
		call_set_media_timeout(call, dial->media_timeout_ms,
				       dial->media_hangup_ms);
		if (dial->detect) {
			call->detect.settings = *dial->detect;
			call->detect.judge = true;
		}
		call->ring_ms =
			dial->timeout_ms ? dial->timeout_ms : RING_DEFAULT_MS;
		call_set_state(call, CALL_CALLING);
		refused = leave(call, why, sizeof(why));
	}
	*cp = call;
	if (refused) {
		log_info(call->cdr.id, "not dialled: %s (%s)", why,
			 refused->cause);
		*reason = refused->cause;
		(void)snprintf(err, err_size, "%s", why);
		call_end_refused(call, refused, why);
		return refused->err;
	}
	*reason = NULL;
	call->handler = handler;
	call->arg = arg;
	tmr_start(&call->ring_tmr, call->ring_ms, ring_over, call);
	return 0;
}
