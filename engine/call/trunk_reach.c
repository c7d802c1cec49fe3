/* trunk_reach.c -- whether a trunk's hosts are there */
#include <re.h>

#include "call/trunk_reach.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/trunk.h"
#include "sip/account/account.h"
#include "sip/reach/qualify.h"
#include "sip/stack.h"

enum {
	/* After an INVITE without an answer: no other for so long, doubled each
	 * time; then OPTIONS decide. */
	HOLD_MS = 10000,
	HOLD_MAX_MS = 300000,
	/* A 503 without Retry-After may be of one call: the second in a row
	 * counts. */
	BUSY_COUNTS = 2,
	RETRY_AFTER_MAX_S = 3600,
	/* When a dead keep-alive begins anew. */
	KEEP_AGAIN_MS = 10000,
	HISTORY = 32,
	REASON_SIZE = 96,
};

/* One host of a trunk. */
struct way {
	struct trunk_reach *reach;
	char *host;		 /* as the trunk names it */
	char *uri, *next_hop;	 /* the latter, or NULL */
	struct qualify *qualify; /* NULL: nothing is asked, all is unknown */
	struct keepalive *keepalive;
	struct tmr tmr;
	enum reach state;
	unsigned failures, busy; /* INVITEs, in a row */
	bool recalled;
};

struct entry {
	enum reach was, now;
	int64_t at_ms;
	uint32_t rtt_us;
	char reason[REASON_SIZE];
};

struct trunk_reach {
	struct trunk *trunk;
	struct trunk_watch watch;
	struct trunk_reach_params params;
	struct way **ways; /* NULL-terminated */
	size_t count;
	struct reach_record record;
	struct entry history[HISTORY];
	size_t changes;
	bool recalled;
};

static void way_destructor(void *arg)
{
	struct way *w = arg;

	tmr_cancel(&w->tmr);
	mem_deref(w->qualify);
	mem_deref(w->keepalive);
	mem_deref(w->host);
	mem_deref(w->uri);
	mem_deref(w->next_hop);
}

static void ways_free(struct way **ways)
{
	for (struct way **w = ways; w && *w; w++)
		mem_deref(*w);
	mem_deref(ways);
}

static void reach_destructor(void *arg)
{
	struct trunk_reach *reach = arg;

	ways_free(reach->ways);
}

/* ---- changes ----------------------------------------------------------- */

static const struct way *best(const struct trunk_reach *reach)
{
	const struct way *found = reach->count ? reach->ways[0] : NULL;

	for (size_t i = 1; i < reach->count; i++) {
		const struct way *w = reach->ways[i];

		if (w->state != found->state &&
		    reach_better(w->state, found->state) == w->state)
			found = w;
	}
	return found;
}

static const char *reason_of(const struct way *w)
{
	return w && w->qualify ? qualify_reason(w->qualify) : "";
}

static uint32_t rtt_of(const struct way *w)
{
	return w && w->qualify && w->state != REACH_UNREACHABLE
		       ? qualify_rtt_us(w->qualify)
		       : 0;
}

static void tell(struct trunk_reach *reach, const struct trunk_change *change)
{
	const enum log_level level =
		change->now == REACH_UNREACHABLE ? LOG_WARN : LOG_INFO;

	log_write(level, NULL, "trunk %s%s%s is %s%s%s",
		  trunk_params(reach->trunk)->name,
		  change->host ? ", host " : "",
		  change->host ? change->host : "", reach_name(change->now),
		  *change->reason ? ": " : "", change->reason);
	if (reach->watch.handler)
		reach->watch.handler(reach->trunk, change, reach->watch.arg);
}

static void note(struct trunk_reach *reach, const struct trunk_change *change)
{
	struct entry *e = &reach->history[reach->changes++ % HISTORY];

	e->was = change->was;
	e->now = change->now;
	e->at_ms = change->at_ms;
	e->rtt_us = change->rtt_us;
	(void)re_snprintf(e->reason, sizeof(e->reason), "%s", change->reason);
}

/* The trunk's state is that of its best host. */
static void look(struct trunk_reach *reach)
{
	const struct way *w = best(reach);
	struct trunk_change change = {
		.was = reach->record.state,
		.now = w ? w->state : REACH_UNKNOWN,
		.rtt_us = rtt_of(w),
		.reason = reason_of(w),
	};

	if (!reach_set(&reach->record, change.now))
		return;
	change.at_ms = reach->record.since_ms;
	note(reach, &change);
	tell(reach, &change);
}

static void on_qualify(struct qualify *qualify, void *arg)
{
	struct way *w = arg;
	struct trunk_reach *reach = w->reach;
	const struct trunk_change change = {
		.host = w->host,
		.was = w->state,
		.now = qualify_state(qualify),
		.at_ms = qualify_since(qualify),
		.rtt_us = qualify_rtt_us(qualify),
		.reason = qualify_reason(qualify),
	};

	w->state = change.now;
	/* who is told may set the trunk anew, or end it */
	mem_ref(reach);
	if (reach->count > 1)
		tell(reach, &change);
	look(reach);
	mem_deref(reach);
}

/* ---- keep-alive -------------------------------------------------------- */

static bool by_request(enum keepalive_kind kind)
{
	return kind == KEEPALIVE_OPTIONS || kind == KEEPALIVE_NOTIFY;
}

static void keep(void *arg);

static void on_keepalive(bool dead, const char *why, void *arg)
{
	struct way *w = arg;
	char reason[REASON_SIZE];

	if (!dead) {
		qualify_heard(w->qualify);
		return;
	}
	w->keepalive = mem_deref(w->keepalive);
	tmr_start(&w->tmr, KEEP_AGAIN_MS, keep, w);
	(void)re_snprintf(reason, sizeof(reason), "keep-alive: %s", why);
	qualify_failed(w->qualify, reason,
		       w->reach->params.qualify ? HOLD_MS : 0);
}

static void keep(void *arg)
{
	struct way *w = arg;
	const struct keepalive_params params = {
		.kind = w->reach->params.keepalive,
		.interval_ms = w->reach->params.keepalive_ms,
		.uri = w->next_hop ? w->next_hop : w->uri,
	};
	int err = keepalive_alloc(&w->keepalive, w->reach->watch.stack, &params,
				  on_keepalive, w);

	if (!err)
		return;
	log_warn(NULL, "trunk %s: no keep-alive of %s: %s",
		 trunk_params(w->reach->trunk)->name, w->host, strerror(err));
	tmr_start(&w->tmr, KEEP_AGAIN_MS, keep, w);
}

/* ---- hosts ------------------------------------------------------------- */

static uint32_t interval(const struct trunk_reach_params *p)
{
	const uint32_t every = p->every_ms ? p->every_ms : QUALIFY_EVERY_MS;
	const uint32_t kept =
		p->keepalive_ms ? p->keepalive_ms : KEEPALIVE_INTERVAL_MS;

	if (!by_request(p->keepalive))
		return every;
	return p->qualify && every < kept ? every : kept;
}

static int ask(struct way *w)
{
	const struct trunk_reach_params *p = &w->reach->params;
	const bool notify = p->keepalive == KEEPALIVE_NOTIFY;
	const struct qualify_params params = {
		.uri = w->uri,
		.next_hop = w->next_hop,
		.method = notify ? "NOTIFY" : NULL,
		.event = notify ? "keep-alive" : NULL,
		.every_ms = interval(p),
		.timeout_ms = p->timeout_ms,
		.tries = p->tries,
		.success = p->success,
		.passive = !p->qualify && !by_request(p->keepalive),
	};

	return qualify_alloc(&w->qualify,
			     stack_qualifier(w->reach->watch.stack), &params,
			     on_qualify, w);
}

static int way_begin(struct way *w)
{
	const struct trunk_reach_params *p = &w->reach->params;
	int err;

	if (!p->qualify && p->keepalive == KEEPALIVE_NONE)
		return 0;
	err = ask(w);
	if (err == EINVAL) {
		/* TLS, say: nothing can be asked there, and no call goes */
		log_warn(NULL, "trunk %s: %s can't be qualified",
			 trunk_params(w->reach->trunk)->name, w->host);
		return 0;
	}
	if (!err && p->keepalive != KEEPALIVE_NONE &&
	    p->keepalive != KEEPALIVE_REGISTER && !by_request(p->keepalive))
		keep(w);
	return err;
}

static struct way *way_alloc(const char *host, const char *uri,
			     const char *next_hop)
{
	struct way *w = mem_zalloc(sizeof(*w), way_destructor);
	int err = w ? str_dup(&w->host, host) : ENOMEM;

	err = err ? err : str_dup(&w->uri, uri);
	if (!err && next_hop)
		err = str_dup(&w->next_hop, next_hop);
	return err ? mem_deref(w) : w;
}

/* Where its calls go now: by the first of the URIs that the registrar has
 * granted, or to the one of its servers that it is registered at. */
static const char *account_hop(const struct account *account)
{
	const struct account_params *p = account_params(account);
	const struct account_server *server = account_server(account);
	const char *routes[ACCOUNT_ROUTES_MAX];

	if (account_routes(account, routes))
		return routes[0];
	if (server && server->number)
		return server->uri;
	return p->proxy ? p->proxy : p->registrar;
}

/* Without hosts the account's proxy or registrar takes the calls. */
static struct way *account_way(const char *name,
			       const struct accounts *accounts)
{
	const struct account *account =
		accounts ? account_find(accounts, name) : NULL;
	const struct account_params *p =
		account ? account_params(account) : NULL;
	const char *at = p ? strchr(p->uri, '@') : NULL, *next_hop;
	char uri[300];

	if (!at)
		return NULL;
	(void)re_snprintf(uri, sizeof(uri), "sip:%s", at + 1);
	next_hop = account_hop(account);
	return way_alloc(next_hop ? next_hop : uri, uri, next_hop);
}

static struct way *host_way(const char *host)
{
	char uri[300];

	(void)re_snprintf(uri, sizeof(uri), "sip:%s", host);
	return way_alloc(host, uri, NULL);
}

static int ways_make(struct way ***waysp, size_t *count,
		     const struct trunk_params *p,
		     const struct accounts *accounts)
{
	size_t n = 0;
	struct way **ways;

	while (p->hosts && p->hosts[n])
		n++;
	*count = n ? n : 1;
	ways = mem_zalloc((*count + 1) * sizeof(struct way *), NULL);
	if (!ways)
		return ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		ways[i] = n ? host_way(p->hosts[i])
			    : account_way(p->account, accounts);
		if (ways[i])
			continue;
		if (!n) { /* no such account yet: nothing to ask */
			*count = 0;
			break;
		}
		ways_free(ways);
		return ENOMEM;
	}
	*waysp = ways;
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_params(const struct trunk_reach_params *a,
			const struct trunk_reach_params *b)
{
	return a->qualify == b->qualify && a->success == b->success &&
	       a->every_ms == b->every_ms && a->timeout_ms == b->timeout_ms &&
	       a->tries == b->tries && a->keepalive == b->keepalive &&
	       a->keepalive_ms == b->keepalive_ms;
}

/* Take over from OLD what is the same host there; it is another's then. */
static struct way *take_over(struct trunk_reach *reach, const struct way *like)
{
	for (size_t i = 0; i < reach->count; i++) {
		struct way *w = reach->ways[i];

		if (w && same(w->uri, like->uri) &&
		    same(w->next_hop, like->next_hop))
			return mem_ref(w);
	}
	return NULL;
}

static int refit(struct trunk_reach *reach, struct way **ways, size_t count,
		 const struct trunk_reach_params *params)
{
	const bool keeps = same_params(&reach->params, params);
	struct way **old = reach->ways;

	for (size_t i = 0; i < count && keeps; i++) {
		struct way *w = take_over(reach, ways[i]);

		if (!w)
			continue;
		mem_deref(ways[i]);
		ways[i] = w;
	}
	reach->params = *params;
	reach->ways = ways;
	reach->count = count;
	ways_free(old);
	for (size_t i = 0; i < count; i++) {
		int err = 0;

		ways[i]->reach = reach;
		if (!ways[i]->qualify)
			err = way_begin(ways[i]);
		if (err)
			return err;
	}
	look(reach);
	return 0;
}

/* Whose registration keeps the way open, and tells whether there is one. */
static void follow_account(struct trunk_reach *reach, struct account *account)
{
	struct way *w = reach->count ? reach->ways[0] : NULL;
	char reason[REASON_SIZE];

	if (!w || !w->qualify)
		return;
	if (account_state(account) == ACCOUNT_REGISTERED) {
		qualify_heard(w->qualify);
	} else if (account_state(account) == ACCOUNT_FAILED) {
		(void)re_snprintf(reason, sizeof(reason), "not registered: %s",
				  account_reason(account));
		qualify_failed(w->qualify, reason,
			       reach->params.qualify ? HOLD_MS : 0);
	}
}

static void keep_account(struct trunk_reach *reach,
			 const struct trunk_params *params,
			 enum keepalive_kind before)
{
	const bool keeps = params->reach.keepalive == KEEPALIVE_REGISTER;
	struct account *account =
		params->account && reach->watch.accounts
			? account_find(reach->watch.accounts, params->account)
			: NULL;

	if (!account || (!keeps && before != KEEPALIVE_REGISTER))
		return;
	account_keep_registering(account, !keeps ? 0
					  : params->reach.keepalive_ms
						  ? params->reach.keepalive_ms
						  : KEEPALIVE_INTERVAL_MS);
	if (keeps)
		follow_account(reach, account);
}

int trunk_reach_fit(struct trunk_reach **rp, struct trunk *trunk,
		    const struct trunk_watch *watch)
{
	const struct trunk_params *params = trunk_params(trunk);
	struct trunk_reach *reach = *rp;
	enum keepalive_kind before;
	struct way **ways;
	size_t count;
	int err = ways_make(&ways, &count, params, watch->accounts);

	if (err)
		return err;
	if (!reach) {
		reach = mem_zalloc(sizeof(*reach), reach_destructor);
		if (!reach) {
			ways_free(ways);
			return ENOMEM;
		}
		reach->trunk = trunk;
		reach->watch = *watch;
		reach_begin(&reach->record);
		*rp = reach;
	}
	before = reach->params.keepalive;
	err = refit(reach, ways, count, &params->reach);
	if (!err)
		keep_account(reach, params, before);
	return err;
}

/* ---- evidence ---------------------------------------------------------- */

static uint64_t hold_ms(unsigned failures)
{
	uint64_t ms = HOLD_MS;

	while (--failures && ms < HOLD_MAX_MS)
		ms *= 2;
	return ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS;
}

static void failed(struct way *w, const char *reason, uint64_t ms)
{
	char text[REASON_SIZE];

	(void)re_snprintf(text, sizeof(text), "INVITE: %s", reason);
	qualify_failed(w->qualify, text, ms);
}

void trunk_reach_evidence(struct trunk_reach *reach, size_t host,
			  enum trunk_evidence evidence, uint32_t retry_after_s,
			  const char *reason)
{
	struct way *w = reach && host < reach->count ? reach->ways[host] : NULL;

	if (!w || !w->qualify)
		return;
	switch (evidence) {
	case TRUNK_HEARD:
		w->failures = w->busy = 0;
		qualify_heard(w->qualify);
		break;
	case TRUNK_SILENT:
	case TRUNK_ERROR:
		failed(w, reason, hold_ms(++w->failures));
		break;
	case TRUNK_BUSY:
		w->failures = 0;
		w->busy++;
		if (retry_after_s > RETRY_AFTER_MAX_S)
			retry_after_s = RETRY_AFTER_MAX_S;
		if (retry_after_s)
			failed(w, reason, (uint64_t)retry_after_s * 1000);
		else if (w->busy >= BUSY_COUNTS)
			failed(w, reason, hold_ms(w->busy - BUSY_COUNTS + 1));
		break;
	}
}

/* ---- reading ----------------------------------------------------------- */

static void read_way(const struct way *w, struct trunk_reading *reading)
{
	*reading = (struct trunk_reading){
		.host = w->host,
		.state = w->state,
		.availability = -1,
		.reason = reason_of(w),
	};
	if (!w->qualify)
		return;
	reading->since_ms = qualify_since(w->qualify);
	reading->rtt_us = rtt_of(w);
	reading->srtt_us = reading->rtt_us ? qualify_srtt_us(w->qualify) : 0;
	reading->availability = qualify_availability(w->qualify);
}

void trunk_reach_read(const struct trunk_reach *reach,
		      struct trunk_reading *reading)
{
	const struct way *w = best(reach);

	if (w)
		read_way(w, reading);
	else
		*reading = (struct trunk_reading){.reason = ""};
	reading->host = NULL;
	reading->state = reach->record.state;
	reading->since_ms = reach->record.since_ms;
	reading->availability = reach_availability(&reach->record);
}

size_t trunk_reach_hosts(const struct trunk_reach *reach)
{
	return reach->count;
}

void trunk_reach_read_host(const struct trunk_reach *reach, size_t host,
			   struct trunk_reading *reading)
{
	read_way(reach->ways[host], reading);
	if (!reading->since_ms)
		reading->since_ms = reach->record.since_ms;
}

size_t trunk_reach_history(const struct trunk_reach *reach,
			   struct trunk_change *out, size_t max)
{
	const size_t known =
		reach->changes < HISTORY ? reach->changes : HISTORY;
	size_t n = 0;

	for (; n < known && n < max; n++) {
		const struct entry *e =
			&reach->history[(reach->changes - 1 - n) % HISTORY];

		out[n] = (struct trunk_change){
			.was = e->was,
			.now = e->now,
			.at_ms = e->at_ms,
			.rtt_us = e->rtt_us,
			.reason = e->reason,
		};
	}
	return n;
}

void trunk_reach_now(struct trunk_reach *reach)
{
	for (size_t i = 0; i < reach->count; i++) {
		if (reach->ways[i]->qualify)
			qualify_now(reach->ways[i]->qualify);
	}
}

/* ---- from before this run of the engine --------------------------------- */

static void recall_way(struct way *w, uint64_t up_ms, uint64_t down_ms)
{
	if (w->recalled || !w->qualify)
		return;
	w->recalled = true;
	qualify_recall(w->qualify, up_ms, down_ms);
}

void trunk_reach_recall(struct trunk_reach *reach, uint64_t up_ms,
			uint64_t down_ms, const struct trunk_change *changes,
			size_t count)
{
	struct entry now[HISTORY];
	const size_t known =
		reach->changes < HISTORY ? reach->changes : HISTORY;

	/* one host is the trunk: nothing is written of it alone */
	if (reach->count == 1)
		recall_way(reach->ways[0], up_ms, down_ms);
	if (reach->recalled)
		return;
	reach->recalled = true;
	reach_recall(&reach->record, up_ms, down_ms);
	for (size_t i = 0; i < known; i++)
		now[i] = reach->history[(reach->changes - known + i) % HISTORY];
	reach->changes = 0;
	for (size_t i = count < HISTORY ? count : HISTORY; i-- > 0;)
		note(reach, &changes[i]);
	for (size_t i = 0; i < known; i++)
		reach->history[reach->changes++ % HISTORY] = now[i];
}

void trunk_reach_recall_host(struct trunk_reach *reach, const char *host,
			     uint64_t up_ms, uint64_t down_ms)
{
	for (size_t i = 0; i < reach->count; i++)
		if (!strcmp(reach->ways[i]->host, host))
			recall_way(reach->ways[i], up_ms, down_ms);
}
