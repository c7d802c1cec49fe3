/* register.c -- one binding at a registrar, kept alive */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/account/credentials.h"
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/account/register_pace.h"
#include "sip/account/register_private.h"
#include "sip/account/register_request.h"
#include "sip/account/register_wait.h"
#include "sip/stack_private.h"

enum {
	/* No account asks more often than this, whatever happens. */
	PACE_MS = 1000,
	/* With another address to try, silence is not waited for until the
	 * transaction's own 32 s (RFC 3261 17.1.2.2). */
	SILENT_MS = 6000,
	REDIRECTS_MAX = 3, /* from one 3xx to the next */
};

METRIC(sip_registered, "Registrations granted by registrars");
METRIC(sip_register_failed, "Registrations that failed");
METRIC(sip_register_failover, "Registrations that went on to another server");

static void attempt(void *arg);
static void ask(void *arg);

static void trust(struct registration *reg, const struct sa *addr)
{
	if (reg->trusts && addr && sa_cmp(&reg->trusted, addr, SA_ADDR))
		return;
	if (reg->trusts)
		stack_trust(reg->stack, &reg->trusted, false);
	reg->trusts = addr != NULL;
	if (!addr)
		return;
	reg->trusted = *addr;
	stack_trust(reg->stack, addr, true);
}

static void registration_destructor(void *arg)
{
	struct registration *reg = arg;

	tmr_cancel(&reg->tmr);
	tmr_cancel(&reg->silent_tmr);
	trust(reg, NULL);
	registration_keep_stop(reg);
	grant_clear(&reg->grant);
	mem_deref(reg->request);
	mem_deref(reg->servers);
	mem_deref(reg->moved);
	mem_deref((void *)reg->server.uri);
	mem_deref(reg->digest);
	mem_deref(reg->credentials);
	mem_deref(reg->name);
	mem_deref(reg->user);
	mem_deref(reg->line);
}

void registration_set_state(struct registration *reg, enum account_state state)
{
	if (reg->state == state)
		return;
	reg->state = state;
	if (reg->changed)
		reg->changed(reg->arg);
}

/* Not sooner than a second after the last. */
static uint64_t paced(const struct registration *reg, uint64_t wait_ms)
{
	const uint64_t now = clock_mono_ms();

	if (reg->begun_ms && now + wait_ms < reg->begun_ms + PACE_MS)
		return reg->begun_ms + PACE_MS - now;
	return wait_ms;
}

void registration_schedule(struct registration *reg, uint64_t wait_ms)
{
	wait_ms = paced(reg, wait_ms);
	reg->next_at = clock_wall_ms() + (int64_t)wait_ms;
	tmr_start(&reg->tmr, wait_ms, attempt, reg);
}

/* Forget nonces, so that the next attempt begins without what was refused. */
static int digest_renew(struct registration *reg,
			struct credentials *credentials)
{
	struct digest *digest;
	int err = digest_alloc(&digest, credentials_for_registrar, credentials);

	if (err)
		return err;
	mem_deref(reg->digest);
	reg->digest = digest;
	mem_ref(credentials);
	mem_deref(reg->credentials);
	reg->credentials = credentials;
	return 0;
}

static void finish(struct registration *reg)
{
	registration_h *done = reg->done;
	void *arg = reg->arg;

	mem_deref(reg);
	if (done)
		done(arg);
}

/* ---- failure ------------------------------------------------------------ */

void registration_moved_forget(struct registration *reg)
{
	reg->moved = mem_deref(reg->moved);
	reg->redirects = 0;
}

/* All servers, or the one whose word counts, have said no. */
static void failed(struct registration *reg, uint16_t scode, const char *reason,
		   enum register_failure failure)
{
	const bool news = reg->state != ACCOUNT_FAILED ||
			  strcmp(reg->reason, reason) != 0;
	uint64_t wait_ms =
		register_retry_ms(reg->failures, failure, reg->retry_min_ms,
				  reg->retry_max_ms, reg->retry_after);

	if (reg->closing) {
		finish(reg);
		return;
	}
	metric_add(&sip_register_failed, 1);
	servers_stop(reg->servers);
	registration_keep_stop(reg);
	registration_moved_forget(reg);
	reg->here = reg->returning = false;
	reg->failures++;
	reg->scode = scode;
	if (reason != reg->reason)
		(void)re_snprintf(reg->reason, sizeof(reg->reason), "%s",
				  reason);
	(void)digest_renew(reg, reg->credentials);
	registration_schedule(reg, wait_ms);
	log_write(news ? LOG_WARN : LOG_DEBUG, NULL,
		  "account %s: not registered: %s; next try in %.1f s",
		  reg->name, reg->reason, (double)wait_ms / 1000);
	registration_set_state(reg, ACCOUNT_FAILED);
}

/* The server at hand is no use; another one may be. */
static void elsewhere(struct registration *reg, uint16_t scode,
		      const char *reason, uint32_t after_s)
{
	const bool here = reg->here;

	reg->scode = scode;
	(void)re_snprintf(reg->reason, sizeof(reg->reason), "%s", reason);
	if (after_s > reg->retry_after)
		reg->retry_after = after_s;
	if (reg->closing) {
		finish(reg);
		return;
	}
	log_debug(NULL, "account %s: %s", reg->name, reason);
	/* what this one has challenged with is not the next one's business */
	(void)digest_renew(reg, reg->credentials);
	reg->here = false;
	if (here)
		servers_begin(reg->servers, &reg->server.addr, false);
	registration_next(reg);
}

static void failed_by_error(struct registration *reg, const char *uri, int err)
{
	char reason[200];

	switch (err) {
	case ETIMEDOUT:
		(void)re_snprintf(reason, sizeof(reason), "%s does not answer",
				  uri);
		break;
	case EDESTADDRREQ:
		(void)re_snprintf(reason, sizeof(reason),
				  "no address found for %s", uri);
		break;
	default:
		(void)re_snprintf(reason, sizeof(reason), "%s: %s", uri,
				  strerror(err));
		break;
	}
	elsewhere(reg, 0, reason, 0);
}

static bool is_home(const struct registration *reg)
{
	return reg->server.number == reg->home_number &&
	       reg->server.place == reg->home_place;
}

/* Back at a server that was away while another one has us: what it says now
 * doesn't undo that. */
static bool is_astray(const struct registration *reg)
{
	return reg->returning && !is_home(reg);
}

static void failed_by_response(struct registration *reg,
			       const struct sip_msg *msg, const char *why)
{
	const enum register_failure failure = register_failure(msg->scode);
	char reason[200];

	(void)re_snprintf(reason, sizeof(reason), "%u %r%s%s", msg->scode,
			  &msg->reason, why ? ": " : "", why ? why : "");
	if (failure == REGISTER_ELSEWHERE || is_astray(reg)) {
		elsewhere(reg, msg->scode, reason, retry_after(msg));
		return;
	}
	reg->retry_after = retry_after(msg);
	failed(reg, msg->scode, reason, failure);
}

/* ---- success ------------------------------------------------------------ */

static void tell_registered(const struct registration *reg)
{
	char addr[64] = "";

	(void)re_snprintf(addr, sizeof(addr), "%J", &reg->server.addr);
	log_info(NULL, "account %s: registered at %s for %u s", reg->name, addr,
		 reg->grant.expires);
}

static void registered(struct registration *reg, const struct sip_msg *msg)
{
	const struct grant_ask ask = {
		.user = reg->user,
		.line = reg->line,
		.laddr = register_request_laddr(reg->request),
		.asked = reg->asked,
		.by = reg->expiry,
	};
	const bool news = reg->state != ACCOUNT_REGISTERED || !is_home(reg);
	struct grant grant;
	uint64_t wait_ms;

	if (reg->closing) {
		finish(reg);
		return;
	}
	if (grant_read(&grant, msg, &ask)) {
		failed(reg, 0, "out of memory", REGISTER_PASSING);
		return;
	}
	if (!grant.expires) {
		grant_clear(&grant);
		reg->retry_after = 0;
		failed(reg, msg->scode, "200 OK: the registrar granted 0 s",
		       REGISTER_GRAVE);
		return;
	}
	metric_add(&sip_registered, 1);
	grant_clear(&reg->grant);
	reg->grant = grant;
	servers_stop(reg->servers);
	reg->failures = 0;
	reg->retry_after = 0;
	reg->here = true;
	reg->returning = false;
	reg->home_number = reg->server.number;
	reg->home_place = reg->server.place;
	reg->registered_at = clock_wall_ms();
	reg->until_ms = clock_mono_ms() + (uint64_t)grant.expires * 1000;
	trust(reg, &msg->src);
	registration_keep(reg, msg);
	wait_ms =
		registration_return_ms(reg, register_refresh_ms(grant.expires));
	registration_schedule(reg, registration_keep_ms(reg, wait_ms));
	if (news)
		tell_registered(reg);
	registration_set_state(reg, ACCOUNT_REGISTERED);
}

/* ---- an attempt --------------------------------------------------------- */

static void challenged(struct registration *reg, const struct sip_msg *msg)
{
	int err;

	credentials_challenged(reg->credentials, msg->scode,
			       reg->server.number);
	err = digest_challenged(reg->digest, msg);
	if (!err)
		ask(reg);
	else if (err == EAUTH || err == ENOSYS)
		failed_by_response(reg, msg,
				   err == EAUTH ? "credentials refused, or "
						  "none for its realm"
						: "no challenge in MD5");
	else
		failed_by_error(reg, reg->server.uri, err);
}

/* 423: the registrar's minimum, once in an attempt. */
static void too_brief(struct registration *reg, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_MIN_EXPIRES);
	const uint32_t min = hdr ? grant_seconds(&hdr->val) : 0;

	if (reg->raised || reg->closing || min <= reg->asked) {
		failed_by_response(reg, msg, NULL);
		return;
	}
	reg->raised = true;
	reg->min_expires = min;
	reg->asked = min;
	ask(reg);
}

static void on_server(int err, const struct server *server, void *arg);

/* 3xx: on to where it says. The registrar is believed as it is in other things.
 */
static bool redirected(struct registration *reg, const struct sip_msg *msg)
{
	const char *uris[] = {NULL, NULL};
	struct servers *servers = NULL;
	char *uri = NULL;

	if (reg->closing || reg->redirects >= REDIRECTS_MAX ||
	    redirect_uri(&uri, msg))
		return false;
	uris[0] = uri;
	if (!servers_alloc(&servers, reg->stack, uris, on_server, reg)) {
		mem_deref(reg->moved);
		reg->moved = servers;
		reg->redirects++;
		reg->here = false;
		log_info(NULL, "account %s: %u, on to %s", reg->name,
			 msg->scode, uri);
	}
	mem_deref(uri);
	if (!servers)
		return false;
	servers_next(servers);
	return true;
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct registration *reg = arg;

	if (!err && msg && msg->scode < 200) {
		tmr_cancel(&reg->silent_tmr);
		return;
	}
	tmr_cancel(&reg->silent_tmr);
	if (err || !msg)
		failed_by_error(reg, reg->server.uri, err ? err : EPROTO);
	else if (msg->scode < 300)
		registered(reg, msg);
	else if (msg->scode == 401 || msg->scode == 407)
		challenged(reg, msg);
	else if (msg->scode == 423)
		too_brief(reg, msg);
	else if (msg->scode == 439 && reg->outbound) {
		/* The first hop knows no RFC 5626 (11.6): without, then. */
		reg->outbound = false;
		ask(reg);
	} else if (msg->scode >= 400 || !redirected(reg, msg))
		failed_by_response(reg, msg,
				   msg->scode < 400 ? "moved, but not to where "
						      "we can follow"
						    : NULL);
}

static void silent(void *arg)
{
	struct registration *reg = arg;

	register_request_stop(reg->request);
	failed_by_error(reg, reg->server.uri, ETIMEDOUT);
}

/* What is still registered elsewhere mustn't run out meanwhile. */
static uint64_t silent_ms(const struct registration *reg)
{
	const uint64_t now = clock_mono_ms();
	uint64_t left;

	if (reg->state != ACCOUNT_REGISTERED || reg->until_ms <= now)
		return SILENT_MS;
	left = (reg->until_ms - now) / 3;
	return left < PACE_MS ? PACE_MS : left < SILENT_MS ? left : SILENT_MS;
}

/* One request to the server at hand. */
static void ask(void *arg)
{
	struct registration *reg = arg;
	const struct server server = {
		.uri = reg->server.uri,
		.tp = reg->server_tp,
		.addr = reg->server.addr,
	};
	const struct register_send send = {
		.server = &server,
		.moved = reg->server_moved ? reg->server.uri : NULL,
		.expires = reg->asked,
		.outbound = reg->outbound,
		.digest = reg->digest,
	};
	int err = register_request_send(reg->request, &send);

	if (err) {
		failed_by_error(reg, reg->server.uri, err);
		return;
	}
	if (servers_several(reg->servers) && !reg->closing)
		tmr_start(&reg->silent_tmr, silent_ms(reg), silent, reg);
}

/* It begins with this request; so long after the one before, and when all
 * accounts' turn has come round to it. */
static void ask_first(void *arg)
{
	struct registration *reg = arg;

	reg->raised = false;
	reg->begun_ms = clock_mono_ms();
	reg->asked = reg->expires > reg->min_expires ? reg->expires
						     : reg->min_expires;
	if (reg->closing)
		reg->asked = 0;
	digest_begin(reg->digest);
	ask(reg);
}

static void ask_in_turn(struct registration *reg)
{
	uint64_t wait_ms = paced(reg, 0);

	if (!reg->closing)
		wait_ms += register_pace_take(reg->pace,
					      clock_mono_ms() + wait_ms);
	if (wait_ms)
		tmr_start(&reg->tmr, wait_ms, ask_first, reg);
	else
		ask_first(reg);
}

static void on_server(int err, const struct server *server, void *arg)
{
	struct registration *reg = arg;

	if (err == ENOENT) {
		if (reg->moved) {
			registration_moved_forget(reg);
			registration_next(reg);
			return;
		}
		failed(reg, reg->scode, reg->reason, REGISTER_ELSEWHERE);
		return;
	}
	if (err) {
		failed_by_error(reg, server->uri, err);
		return;
	}
	if (server->number || server->place)
		metric_add(&sip_register_failover, 1);
	reg->server.addr = server->addr;
	reg->server.number = reg->first_server + server->number;
	reg->server.place = server->place;
	mem_deref((void *)reg->server.uri);
	reg->server.uri = mem_ref((void *)server->uri);
	reg->server_moved = reg->moved != NULL;
	reg->server_tp = server->tp;
	ask_in_turn(reg);
}

void registration_next(struct registration *reg)
{
	servers_next(reg->moved ? reg->moved : reg->servers);
}

/* Register, refresh, or (closing) take the binding back. */
static void attempt(void *arg)
{
	struct registration *reg = arg;

	register_request_stop(reg->request);
	tmr_cancel(&reg->silent_tmr);
	if (reg->here && !reg->returning) {
		ask_in_turn(reg);
		return;
	}
	reg->here = false;
	reg->retry_after = 0;
	registration_moved_forget(reg);
	servers_begin(reg->servers, NULL, false);
	registration_next(reg);
}

/* ---- from outside ------------------------------------------------------- */

static void configure(struct registration *reg,
		      const struct registration_params *params)
{
	reg->expires = params->expires;
	reg->expiry = params->expiry;
	reg->retry_min_ms = params->retry_min_ms;
	reg->retry_max_ms = params->retry_max_ms;
	reg->outbound = params->instance_id != NULL;
	reg->keepalive_kind = params->keepalive;
	reg->keepalive_ms = params->keepalive_ms;
	/* what is kept now is begun anew with the next response */
	registration_keep_stop(reg);
}

int registration_alloc(struct registration **rp, struct stack *stack,
		       const struct registration_params *params,
		       uint32_t delay_ms, registration_h *changed, void *arg)
{
	struct registration *reg =
		mem_zalloc(sizeof(*reg), registration_destructor);
	int err;

	if (!reg)
		return ENOMEM;
	reg->stack = stack;
	reg->pace = params->pace;
	reg->first_server = params->first_server;
	reg->state = ACCOUNT_TRYING;
	reg->changed = changed;
	reg->arg = arg;
	sa_init(&reg->server.addr, AF_UNSPEC);
	configure(reg, params);
	err = digest_renew(reg, params->credentials);
	err = err ? err : str_dup(&reg->name, params->name);
	err = err ? err : str_dup(&reg->user, params->user);
	err = err ? err : str_dup(&reg->line, params->line);
	err = err ? err
		  : servers_alloc(&reg->servers, stack, params->servers,
				  on_server, reg);
	err = err ? err
		  : register_request_alloc(&reg->request, stack, params,
					   on_response, reg);
	if (err) {
		mem_deref(reg);
		return err;
	}
	registration_schedule(reg, delay_ms);
	*rp = reg;
	return 0;
}

/* Whatever it waits for: it begins anew. */
void registration_restart(struct registration *reg, uint64_t wait_ms)
{
	register_request_stop(reg->request);
	tmr_cancel(&reg->silent_tmr);
	servers_stop(reg->servers);
	if (reg->moved)
		servers_stop(reg->moved);
	registration_schedule(reg, wait_ms);
}

int registration_renew(struct registration *reg,
		       const struct registration_params *params)
{
	int err = digest_renew(reg, params->credentials);

	if (err)
		return err;
	configure(reg, params);
	reg->failures = 0;
	reg->min_expires = 0;
	reg->state = ACCOUNT_TRYING;
	registration_restart(reg, 0);
	return 0;
}

void registration_close(struct registration *reg, registration_h *done,
			void *arg)
{
	const bool bound = register_request_pending(reg->request) ||
			   clock_mono_ms() < reg->until_ms;

	reg->changed = NULL;
	reg->done = done;
	reg->arg = arg;
	reg->closing = true;
	registration_keep_stop(reg);
	registration_restart(reg, 0);
	tmr_cancel(&reg->tmr);
	if (bound && sa_isset(&reg->server.addr, SA_ADDR))
		ask_first(reg);
	else
		finish(reg);
}

/* ---- reading ------------------------------------------------------------ */

enum account_state registration_state(const struct registration *reg)
{
	return reg->state;
}

uint16_t registration_scode(const struct registration *reg)
{
	return reg->scode;
}

const char *registration_reason(const struct registration *reg)
{
	return reg->reason;
}

uint32_t registration_expires(const struct registration *reg)
{
	return reg->state == ACCOUNT_REGISTERED ? reg->grant.expires : 0;
}

int64_t registration_at(const struct registration *reg)
{
	return reg->registered_at;
}

int64_t registration_next_at(const struct registration *reg)
{
	return reg->next_at;
}

const struct sa *registration_contact(const struct registration *reg)
{
	return register_request_laddr(reg->request);
}

const struct account_server *registration_server(const struct registration *reg)
{
	return reg->state == ACCOUNT_REGISTERED ? &reg->server : NULL;
}

const struct grant *registration_grant(const struct registration *reg)
{
	return &reg->grant;
}
