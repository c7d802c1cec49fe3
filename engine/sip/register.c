/* register.c -- one binding at a registrar, kept alive */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/credentials.h"
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/register.h"
#include "sip/stack_private.h"

enum {
	/* No account asks more often than this, whatever happens. */
	PACE_MS = 1000,
	/* Time for a refresh that is lost to be noticed: 64·T1 and some. */
	MARGIN_MS = 34000,
	REFRESH_MAX_MS = 24 * 3600 * 1000,
	/* What is wrong with our side won't be right soon. */
	GRAVE_FACTOR = 4,
	BACKOFF_MAX_SHIFT = 16,
	RETRY_AFTER_MAX = 3600,
};

METRIC(sip_registered, "Registrations granted by registrars");
METRIC(sip_register_failed, "Registrations that failed");

struct registration {
	struct stack *stack;
	struct sip_dialog *dlg;
	struct sip_request *req;
	struct credentials *credentials;
	struct digest *digest;
	struct tmr tmr;
	registration_h *changed, *done;
	void *arg;

	char *name, *registrar, *user, *line;
	uint32_t expires, retry_min_ms, retry_max_ms;
	uint32_t min_expires; /* the registrar's, from a 423 */
	uint32_t asked;	      /* in the request under way */
	uint64_t begun_ms;    /* the last attempt */
	unsigned failures;
	bool raised;	   /* this attempt has met a 423 */
	uint64_t until_ms; /* the registrar has our contact till then */
	bool closing;

	enum account_state state;
	uint16_t scode;
	char reason[200];
	uint32_t granted;
	int64_t registered_at, next_at;
	enum keepalive_kind keepalive_kind;
	uint32_t keepalive_ms;
	struct keepalive *keepalive; /* of the flow that it has registered by */
	unsigned flow_deaths;	     /* since a keep-alive was last answered */
	struct sa laddr, registrar_addr;
	bool trusts;
	enum sip_transp tp;
};

static void attempt(void *arg);

static void trust(struct registration *reg, const struct sa *addr)
{
	if (reg->trusts && addr && sa_cmp(&reg->registrar_addr, addr, SA_ADDR))
		return;
	if (reg->trusts)
		stack_trust(reg->stack, &reg->registrar_addr, false);
	reg->trusts = addr != NULL;
	if (!addr)
		return;
	reg->registrar_addr = *addr;
	stack_trust(reg->stack, addr, true);
}

static void registration_destructor(void *arg)
{
	struct registration *reg = arg;

	tmr_cancel(&reg->tmr);
	trust(reg, NULL);
	mem_deref(reg->keepalive);
	mem_deref(reg->req);
	mem_deref(reg->dlg);
	mem_deref(reg->digest);
	mem_deref(reg->credentials);
	mem_deref(reg->name);
	mem_deref(reg->registrar);
	mem_deref(reg->user);
	mem_deref(reg->line);
}

static uint32_t random_below(uint64_t limit)
{
	return limit ? (uint32_t)(rand_u32() % limit) : 0;
}

static void set_state(struct registration *reg, enum account_state state)
{
	if (reg->state == state)
		return;
	reg->state = state;
	if (reg->changed)
		reg->changed(reg->arg);
}

static void start(struct registration *reg, uint64_t wait_ms)
{
	const uint64_t now = clock_mono_ms();

	if (reg->begun_ms && now + wait_ms < reg->begun_ms + PACE_MS)
		wait_ms = reg->begun_ms + PACE_MS - now;
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

/* Between retry_min and retry_max, twice as long each time; spread, so that a
 * registrar that comes back isn't met by all accounts at once. */
static uint64_t backoff_ms(const struct registration *reg, unsigned failures,
			   bool grave)
{
	const unsigned shift =
		failures < BACKOFF_MAX_SHIFT ? failures : BACKOFF_MAX_SHIFT;
	uint64_t high = (uint64_t)reg->retry_min_ms << shift, low;

	high += high / 4;
	if (grave)
		high *= GRAVE_FACTOR;
	if (high > reg->retry_max_ms)
		high = reg->retry_max_ms;
	low = high - high / 4;
	if (low < reg->retry_min_ms)
		low = reg->retry_min_ms;
	return low + random_below(high > low ? high - low : 0);
}

static void failed(struct registration *reg, uint16_t scode, const char *reason,
		   uint32_t after_s, bool grave)
{
	const bool news = reg->state != ACCOUNT_FAILED ||
			  strcmp(reg->reason, reason) != 0;
	uint64_t wait_ms = backoff_ms(reg, reg->failures, grave);

	if (reg->closing) {
		finish(reg);
		return;
	}
	/* A registrar may ask for more patience than retry_max. */
	if (after_s > RETRY_AFTER_MAX)
		after_s = RETRY_AFTER_MAX;
	if ((uint64_t)after_s * 1000 > wait_ms)
		wait_ms = (uint64_t)after_s * 1000 +
			  random_below((uint64_t)after_s * 100);
	metric_add(&sip_register_failed, 1);
	reg->keepalive = mem_deref(reg->keepalive);
	reg->failures++;
	reg->scode = scode;
	(void)re_snprintf(reg->reason, sizeof(reg->reason), "%s", reason);
	(void)digest_renew(reg, reg->credentials);
	start(reg, wait_ms);
	log_write(news ? LOG_WARN : LOG_DEBUG, NULL,
		  "account %s: not registered: %s; next try in %.1f s",
		  reg->name, reg->reason, (double)wait_ms / 1000);
	set_state(reg, ACCOUNT_FAILED);
}

static void failed_by_error(struct registration *reg, int err)
{
	char reason[200];

	switch (err) {
	case ETIMEDOUT:
		(void)re_snprintf(reason, sizeof(reason), "%s does not answer",
				  reg->registrar);
		break;
	case EDESTADDRREQ:
		(void)re_snprintf(reason, sizeof(reason),
				  "no address found for %s", reg->registrar);
		break;
	default:
		(void)re_snprintf(reason, sizeof(reason), "%s: %s",
				  reg->registrar, strerror(err));
		break;
	}
	failed(reg, 0, reason, 0, false);
}

static void failed_by_response(struct registration *reg,
			       const struct sip_msg *msg, const char *why)
{
	char reason[200];
	/* Nothing that waiting cures: refused, unknown, moved. Not so busy,
	 * timed out or too early registrars. */
	const bool grave = msg->scode < 500 && msg->scode != 408 &&
			   msg->scode != 480 && msg->scode != 423;

	(void)re_snprintf(reason, sizeof(reason), "%u %r%s%s", msg->scode,
			  &msg->reason, why ? ": " : "", why ? why : "");
	failed(reg, msg->scode, reason, retry_after(msg), grave);
}

/* When to refresh a binding of EXPIRES: with time left for a lost request, and
 * at different times for accounts that began together. */
static uint64_t refresh_ms(uint32_t expires)
{
	const uint64_t ms = (uint64_t)expires * 1000;
	uint64_t margin = ms / 10 > MARGIN_MS ? ms / 10 : MARGIN_MS;
	uint64_t wait;

	if (margin > ms / 2)
		margin = ms / 2;
	wait = ms - margin - random_below(ms / 10);
	return wait < REFRESH_MAX_MS ? wait : REFRESH_MAX_MS;
}

/* The way to the registrar is dead, and with it the way that calls come in by:
 * registers anew, at once. */
static void on_keepalive(bool dead, const char *reason, void *arg)
{
	struct registration *reg = arg;
	uint64_t wait_ms = 0;

	if (!dead) {
		reg->flow_deaths = 0;
		return;
	}
	/* Nobody has ever answered one: not every other second. */
	if (reg->flow_deaths++)
		wait_ms = backoff_ms(reg, reg->flow_deaths - 2, false);
	reg->keepalive = mem_deref(reg->keepalive);
	reg->scode = 0;
	(void)re_snprintf(reg->reason, sizeof(reg->reason), "keep-alive: %s",
			  reason);
	log_warn(NULL, "account %s: the flow to its registrar is dead: %s",
		 reg->name, reason);
	reg->req = mem_deref(reg->req);
	start(reg, wait_ms);
	set_state(reg, ACCOUNT_FAILED);
}

/* Keep the flow that this response has come by. */
static void keep_alive(struct registration *reg, const struct sip_msg *msg)
{
	const struct keepalive_params params = {
		.kind = reg->keepalive_kind,
		.interval_ms = reg->keepalive_ms,
		.uri = reg->registrar,
		.flow = msg,
	};
	int err;

	if (reg->keepalive && keepalive_is_flow(reg->keepalive, msg))
		return;
	reg->keepalive = mem_deref(reg->keepalive);
	if (reg->keepalive_kind == KEEPALIVE_NONE ||
	    reg->keepalive_kind == KEEPALIVE_REGISTER)
		return;
	err = keepalive_alloc(&reg->keepalive, reg->stack, &params,
			      on_keepalive, reg);
	if (err)
		log_warn(NULL, "account %s: no keep-alive: %s", reg->name,
			 strerror(err));
}

/* The kind "register": a refresh that comes as early as a NAT wants it. */
static uint64_t refresh_by_keepalive_ms(const struct registration *reg,
					uint64_t wait_ms)
{
	const uint64_t ms =
		reg->keepalive_ms ? reg->keepalive_ms : KEEPALIVE_INTERVAL_MS;

	return reg->keepalive_kind == KEEPALIVE_REGISTER && ms < wait_ms
		       ? ms
		       : wait_ms;
}

struct grant {
	const struct registration *reg;
	bool said;
	uint32_t expires;
};

static uint32_t seconds(const struct pl *pl)
{
	const uint64_t n = pl->l < 12 ? pl_u64(pl) : UINT32_MAX;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Registrars list the contacts of other devices too, and some rewrite the
 * address of ours to what they see, or drop its parameters. */
static bool is_ours(const struct registration *reg, const struct uri *uri)
{
	struct pl line;
	struct sa addr;

	if (pl_strcmp(&uri->user, reg->user))
		return false;
	if (!msg_param_decode(&uri->params, "line", &line))
		return !pl_strcmp(&line, reg->line);
	return !sa_set(&addr, &uri->host, uri->port ? uri->port : SIP_PORT) &&
	       sa_cmp(&addr, &reg->laddr, SA_ALL);
}

static bool contact_handler(const struct sip_hdr *hdr,
			    const struct sip_msg *msg, void *arg)
{
	struct grant *grant = arg;
	struct sip_addr addr;
	struct pl expires;
	(void)msg;

	if (sip_addr_decode(&addr, &hdr->val) ||
	    !is_ours(grant->reg, &addr.uri))
		return false;
	if (!msg_param_decode(&addr.params, "expires", &expires)) {
		grant->expires = seconds(&expires);
		grant->said = true;
	}
	return true;
}

static void registered(struct registration *reg, const struct sip_msg *msg)
{
	struct grant grant = {.reg = reg, .expires = reg->asked};
	uint64_t wait_ms;

	if (reg->closing) {
		finish(reg);
		return;
	}
	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, contact_handler,
				&grant);
	if (!grant.said && pl_isset(&msg->expires))
		grant.expires = seconds(&msg->expires);
	if (!grant.expires) {
		failed_by_response(reg, msg, "the registrar granted 0 s");
		return;
	}
	wait_ms = refresh_by_keepalive_ms(reg, refresh_ms(grant.expires));
	metric_add(&sip_registered, 1);
	reg->failures = 0;
	reg->granted = grant.expires;
	reg->registered_at = clock_wall_ms();
	reg->until_ms = clock_mono_ms() + (uint64_t)grant.expires * 1000;
	trust(reg, &msg->src);
	keep_alive(reg, msg);
	start(reg, wait_ms);
	if (reg->state != ACCOUNT_REGISTERED)
		log_info(NULL, "account %s: registered for %u s", reg->name,
			 grant.expires);
	set_state(reg, ACCOUNT_REGISTERED);
}

static int request(struct registration *reg);

static void challenged(struct registration *reg, const struct sip_msg *msg)
{
	int err;

	credentials_challenged(reg->credentials, msg->scode);
	err = digest_challenged(reg->digest, msg);
	if (!err)
		err = request(reg);
	else if (err == EAUTH || err == ENOSYS) {
		failed_by_response(reg, msg,
				   err == EAUTH ? "credentials refused, or "
						  "none for its realm"
						: "no challenge in MD5");
		return;
	}
	if (err)
		failed_by_error(reg, err);
}

/* 423: the registrar's minimum, once in an attempt. */
static void too_brief(struct registration *reg, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_MIN_EXPIRES);
	const uint32_t min = hdr ? seconds(&hdr->val) : 0;
	int err;

	if (reg->raised || reg->closing || min <= reg->asked) {
		failed_by_response(reg, msg, NULL);
		return;
	}
	reg->raised = true;
	reg->min_expires = min;
	reg->asked = min;
	err = request(reg);
	if (err)
		failed_by_error(reg, err);
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct registration *reg = arg;

	if (err || !msg) {
		failed_by_error(reg, err ? err : EPROTO);
		return;
	}
	if (msg->scode < 200)
		return;
	if (msg->scode < 300)
		registered(reg, msg);
	else if (msg->scode == 401 || msg->scode == 407)
		challenged(reg, msg);
	else if (msg->scode == 423)
		too_brief(reg, msg);
	else if (msg->scode < 400)
		failed_by_response(reg, msg, "moved; set registrar to follow");
	else
		failed_by_response(reg, msg, NULL);
}

static int on_send(enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, struct mbuf *mb, void *arg)
{
	struct registration *reg = arg;

	if (stack_source(reg->stack, tp, dst, &reg->laddr, NULL))
		reg->laddr = *src;
	reg->tp = tp;
	return mbuf_printf(mb,
			   "Contact: <sip:%s@%J%s;line=%s>;expires=%u\r\n"
			   "Expires: %u\r\n",
			   reg->user, &reg->laddr, sip_transp_param(tp),
			   reg->line, reg->asked, reg->asked);
}

static int request(struct registration *reg)
{
	struct mbuf *auth = mbuf_alloc(512);
	int err;

	if (!auth)
		return ENOMEM;
	err = digest_print(auth, reg->digest, "REGISTER", reg->registrar);
	auth->pos = 0;
	if (!err)
		err = sip_drequestf(
			&reg->req, stack_sip(reg->stack), true, "REGISTER",
			reg->dlg, 0, NULL, on_send, on_response, reg,
			"%b" SIP_ALLOW_LINE "Content-Length: 0\r\n\r\n",
			mbuf_buf(auth), mbuf_get_left(auth));
	mem_deref(auth);
	return err;
}

/* Register, refresh, or (closing) take the binding back. */
static void attempt(void *arg)
{
	struct registration *reg = arg;
	int err;

	reg->req = mem_deref(reg->req);
	reg->raised = false;
	reg->begun_ms = clock_mono_ms();
	reg->asked = reg->expires > reg->min_expires ? reg->expires
						     : reg->min_expires;
	if (reg->closing)
		reg->asked = 0;
	digest_begin(reg->digest);
	err = request(reg);
	if (err)
		failed_by_error(reg, err);
}

static void configure(struct registration *reg,
		      const struct registration_params *params)
{
	reg->expires = params->expires;
	reg->retry_min_ms = params->retry_min_ms;
	reg->retry_max_ms = params->retry_max_ms;
	reg->keepalive_kind = params->keepalive;
	reg->keepalive_ms = params->keepalive_ms;
	/* what is kept now is begun anew with the next response */
	reg->keepalive = mem_deref(reg->keepalive);
}

int registration_alloc(struct registration **rp, struct stack *stack,
		       const struct registration_params *params,
		       uint32_t delay_ms, registration_h *changed, void *arg)
{
	struct registration *reg =
		mem_zalloc(sizeof(*reg), registration_destructor);
	const char *routes[] = {params->proxy};
	int err;

	if (!reg)
		return ENOMEM;
	reg->stack = stack;
	reg->state = ACCOUNT_TRYING;
	reg->changed = changed;
	reg->arg = arg;
	sa_init(&reg->laddr, AF_UNSPEC);
	configure(reg, params);
	err = digest_renew(reg, params->credentials);
	err = err ? err : str_dup(&reg->name, params->name);
	err = err ? err : str_dup(&reg->registrar, params->registrar);
	err = err ? err : str_dup(&reg->user, params->user);
	err = err ? err : str_dup(&reg->line, params->line);
	err = err ? err
		  : sip_dialog_alloc(&reg->dlg, params->registrar, params->aor,
				     NULL, params->aor, routes,
				     params->proxy ? 1 : 0);
	if (err) {
		mem_deref(reg);
		return err;
	}
	start(reg, delay_ms);
	*rp = reg;
	return 0;
}

int registration_renew(struct registration *reg,
		       const struct registration_params *params)
{
	int err = digest_renew(reg, params->credentials);

	if (err)
		return err;
	configure(reg, params);
	reg->req = mem_deref(reg->req);
	reg->failures = 0;
	reg->min_expires = 0;
	reg->state = ACCOUNT_TRYING;
	start(reg, 0);
	return 0;
}

void registration_close(struct registration *reg, registration_h *done,
			void *arg)
{
	const bool bound = reg->req || clock_mono_ms() < reg->until_ms;

	reg->changed = NULL;
	reg->done = done;
	reg->arg = arg;
	reg->closing = true;
	tmr_cancel(&reg->tmr);
	reg->keepalive = mem_deref(reg->keepalive);
	reg->req = mem_deref(reg->req);
	if (bound)
		attempt(reg);
	else
		finish(reg);
}

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
	return reg->state == ACCOUNT_REGISTERED ? reg->granted : 0;
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
	return &reg->laddr;
}
