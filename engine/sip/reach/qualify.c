/* qualify.c -- whether peers are there, asked by OPTIONS at intervals */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/header.h"
#include "sip/reach/ping.h"
#include "sip/reach/qualify.h"
#include "sip/reach/reach.h"
#include "sip/reach/resolve.h"
#include "sip/stack.h"

METRIC(sip_qualify_cycles, "Qualify cycles begun")
METRIC(sip_qualify_changes, "Peers that became reachable, lagged, unreachable")

enum {
	/* From one peer's first cycle to the next one's. */
	PACE_US = 2000,
	/* Beyond so many peers their cycles are spread. */
	FEW = 20,
	/* Least time from one cycle's beginning to the next. */
	PACE_MS = 1000,
	JITTER_PART = 20, /* of the interval, earlier or later */
	SRTT_PART = 8,
	REASON_SIZE = 96,
	/* How long a name server may take: for a name never found yet, and
	 * for one whose addresses are known. */
	LOOK_UP_MS = 8000,
	LOOK_UP_AGAIN_MS = 2000,
};

struct qualifier {
	struct stack *stack;
	unsigned count;
	uint64_t first_us; /* when the next new peer may be asked */
};

struct qualify {
	struct qualifier *qualifier;
	struct ping ping;
	struct tmr tmr;
	struct resolve *resolve;
	qualify_h *handler;
	void *arg;

	/* what is asked, and where */
	const char *method;
	char *uri, *from, *headers;
	char *host; /* a name, to be looked up; NULL: ADDRS is known */
	uint16_t port;
	enum sip_transp named; /* by the URI; NONE: as is found */
	enum sip_transp tp;
	struct sa *addrs;
	size_t addr_count;
	uint32_t every_ms, timeout_ms, gap_ms;
	unsigned tries_max;
	bool success, passive;

	/* this cycle */
	uint64_t begun_ms; /* 0: none was */
	uint32_t first;	   /* number of its first try */
	unsigned tries;
	bool active; /* tries go on */
	bool over;   /* there is a verdict: further answers say nothing new */
	bool held;   /* by qualify_failed() */
	bool spread; /* the second cycle has been put somewhere */
	uint64_t sent_ns[QUALIFY_TRIES_MAX];

	/* what is known */
	struct reach_record reach;
	uint32_t rtt_us, srtt_us;
	uint16_t scode;
	int err; /* of sending, in this cycle */
	char reason[REASON_SIZE];
};

int qualifier_alloc(struct qualifier **qp, struct stack *stack)
{
	struct qualifier *qualifier;

	assert(loop_current());
	qualifier = mem_zalloc(sizeof(*qualifier), NULL);
	if (!qualifier)
		return ENOMEM;
	qualifier->stack = stack;
	*qp = qualifier;
	return 0;
}

void qualifier_free(struct qualifier *qualifier)
{
	assert(!qualifier || !qualifier->count);
	mem_deref(qualifier);
}

unsigned qualifier_count(const struct qualifier *qualifier)
{
	return qualifier->count;
}

/* ---- verdicts ---------------------------------------------------------- */

static uint64_t random_below(uint64_t limit)
{
	return limit ? rand_u64() % limit : 0;
}

static void set_reason(struct qualify *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(q->reason, sizeof(q->reason), fmt, ap);
	va_end(ap);
}

static void set_state(struct qualify *q, enum reach state)
{
	if (!reach_set(&q->reach, state))
		return;
	metric_add(&sip_qualify_changes, 1);
	if (!q->handler)
		return;
	mem_ref(q);
	q->handler(q, q->arg);
	mem_deref(q);
}

static void cycle(void *arg);

/* When the next cycle begins: EVERY after this one did. The second one is
 * placed anywhere in the interval, those that follow keep their distance. */
static void rest(struct qualify *q)
{
	const uint64_t now = clock_mono_ms();
	uint64_t wait = q->every_ms, due;

	if (!q->spread && q->qualifier->count > FEW)
		wait = PACE_MS + random_below(wait);
	else
		wait += random_below(wait / JITTER_PART) -
			wait / JITTER_PART / 2;
	q->spread = true;
	q->active = false;
	due = q->begun_ms + wait;
	tmr_start(&q->tmr, due > now ? due - now : 0, cycle, q);
}

static void nobody_there(struct qualify *q)
{
	q->active = false;
	/* A connection over which nothing comes back may be half dead: the next
	 * cycle opens another. */
	for (size_t i = 0; q->tp == SIP_TRANSP_TCP && i < q->addr_count; i++)
		stack_hang_up(q->qualifier->stack, &q->addrs[i]);
	if (q->err)
		set_reason(q, "%m", q->err);
	else if (!q->addr_count)
		set_reason(q, "no address found for %s", q->host);
	else if (!q->success || q->scode < 300)
		set_reason(q, "no answer to %u %s", q->tries, q->method);
	rest(q);
	set_state(q, REACH_UNREACHABLE);
}

static void on_answer(const struct sip_msg *msg, uint32_t number, void *arg)
{
	struct qualify *q = arg;
	const uint32_t try = number - q->first;
	uint64_t rtt_us;

	/* of an earlier cycle, or when something else has told more */
	if (try >= q->tries || q->over || q->held)
		return;
	rtt_us = (clock_mono_ns() - q->sent_ns[try]) / 1000;
	q->scode = msg->scode;
	if (q->success && msg->scode >= 300) {
		set_reason(q, "%u %r", msg->scode, &msg->reason);
		return;
	}
	q->over = true;
	q->rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
	/* 0 stands for "not known" */
	q->rtt_us = q->rtt_us ? q->rtt_us : 1;
	if (!q->srtt_us)
		q->srtt_us = q->rtt_us;
	else
		q->srtt_us =
			(uint32_t)(((uint64_t)q->srtt_us * (SRTT_PART - 1) +
				    q->rtt_us) /
				   SRTT_PART);
	if (q->active)
		rest(q);
	if (rtt_us > (uint64_t)q->timeout_ms * 1000) {
		set_reason(q, "answers after %u ms", q->rtt_us / 1000);
		set_state(q, REACH_LAGGED);
	} else {
		q->reason[0] = '\0';
		set_state(q, REACH_REACHABLE);
	}
}

/* ---- a cycle ----------------------------------------------------------- */

/* One that is known to answer late has as long as the last time, and a quarter
 * more: else it would be unreachable and lagged in each cycle. */
static uint64_t patience_ms(const struct qualify *q)
{
	const uint64_t now = clock_mono_ms();
	const uint64_t due = q->begun_ms + (uint64_t)q->rtt_us / 1000 * 5 / 4;

	return q->reach.state == REACH_LAGGED && due > now &&
			       due - now < q->every_ms / 2
		       ? due - now
		       : 0;
}

static void next_try(void *arg)
{
	struct qualify *q = arg;
	uint64_t wait = q->gap_ms;
	struct ping_request request = {
		.method = q->method,
		.uri = q->uri,
		.from = q->from,
		.headers = q->headers,
		.tp = q->tp,
	};

	if (q->tries == q->tries_max) {
		const uint64_t more_ms = patience_ms(q);

		if (more_ms)
			tmr_start(&q->tmr, more_ms, next_try, q);
		else
			nobody_there(q);
		return;
	}
	/* a name may stand for several machines: to each in turn */
	request.dst = q->addrs[q->tries % q->addr_count];
	q->sent_ns[q->tries++] = clock_mono_ns();
	q->err = ping_send(&q->ping, q->qualifier->stack, &request);
	/* the last one has its time too */
	if (q->tries == q->tries_max && wait < q->timeout_ms)
		wait = q->timeout_ms;
	tmr_start(&q->tmr, wait, next_try, q);
}

static void on_resolved(int err, enum sip_transp tp, const struct sa *addrs,
			size_t count, void *arg)
{
	struct qualify *q = arg;
	struct sa *copy;

	q->resolve = mem_deref(q->resolve);
	tmr_cancel(&q->tmr);
	if (!err) {
		copy = mem_alloc(count * sizeof(*copy), NULL);
		if (copy) {
			memcpy(copy, addrs, count * sizeof(*copy));
			mem_deref(q->addrs);
			q->tp = tp;
			q->addrs = copy;
			q->addr_count = count;
		}
	}
	/* a name server that fails takes no peer away that was found before */
	if (q->addr_count)
		next_try(q);
	else
		nobody_there(q);
}

/* libre asks a silent name server for longer than an interval. */
static void look_up_late(void *arg)
{
	on_resolved(ETIMEDOUT, SIP_TRANSP_NONE, NULL, 0, arg);
}

static void cycle(void *arg)
{
	struct qualify *q = arg;

	metric_add(&sip_qualify_cycles, 1);
	q->begun_ms = clock_mono_ms();
	q->first = q->ping.number + 1;
	q->tries = 0;
	q->active = true;
	q->over = q->held = false;
	q->err = 0;
	if (!q->host) {
		next_try(q);
		return;
	}
	q->resolve = mem_deref(q->resolve);
	tmr_start(&q->tmr, q->addr_count ? LOOK_UP_AGAIN_MS : LOOK_UP_MS,
		  look_up_late, q);
	if (resolve_alloc(&q->resolve, q->qualifier->stack, q->host, q->port,
			  q->named, on_resolved, q))
		on_resolved(ENOENT, SIP_TRANSP_NONE, NULL, 0, q);
}

void qualify_now(struct qualify *q)
{
	const uint64_t now = clock_mono_ms();

	if (q->active || q->held || q->passive)
		return;
	if (q->begun_ms && now < q->begun_ms + PACE_MS)
		tmr_start(&q->tmr, q->begun_ms + PACE_MS - now, cycle, q);
	else
		tmr_start(&q->tmr, 0, cycle, q);
}

static void forgiven(void *arg)
{
	struct qualify *q = arg;

	q->reason[0] = '\0';
	set_state(q, REACH_UNKNOWN);
}

void qualify_failed(struct qualify *q, const char *reason, uint64_t hold_ms)
{
	q->resolve = mem_deref(q->resolve);
	q->active = false;
	q->held = true;
	set_reason(q, "%s", reason);
	if (hold_ms || !q->passive)
		tmr_start(&q->tmr, hold_ms, q->passive ? forgiven : cycle, q);
	else
		tmr_cancel(&q->tmr);
	set_state(q, REACH_UNREACHABLE);
}

void qualify_heard(struct qualify *q)
{
	if (!q->passive)
		return;
	tmr_cancel(&q->tmr);
	q->reason[0] = '\0';
	set_state(q, REACH_REACHABLE);
}

void qualify_recall(struct qualify *q, uint64_t up_ms, uint64_t down_ms)
{
	reach_recall(&q->reach, up_ms, down_ms);
}

/* ---- making one -------------------------------------------------------- */

static void qualify_destructor(void *arg)
{
	struct qualify *q = arg;

	if (q->qualifier)
		q->qualifier->count--;
	ping_end(&q->ping);
	tmr_cancel(&q->tmr);
	mem_deref(q->resolve);
	mem_deref(q->uri);
	mem_deref(q->from);
	mem_deref(q->headers);
	mem_deref(q->host);
	mem_deref(q->addrs);
}

static int set_addr(struct qualify *q, const struct sa *addr)
{
	q->addrs = mem_alloc(sizeof(*q->addrs), NULL);
	if (!q->addrs)
		return ENOMEM;
	*q->addrs = *addr;
	q->addr_count = 1;
	return 0;
}

/* Where requests to HOP (a URI) go: an address, or a name to look up. */
static int aim(struct qualify *q, const struct stack *stack, const char *hop)
{
	char host[256];
	struct sa addr;

	if (!resolve_uri(host, sizeof(host), &q->port, &q->named, hop))
		return EINVAL;
	q->tp = resolve_transport(stack, q->named);
	if (resolve_numeric(&addr, host, q->port, q->tp))
		return set_addr(q, &addr);
	return str_dup(&q->host, host);
}

static int copy(char **dst, const char *src)
{
	return src && *src ? str_dup(dst, src) : 0;
}

static int headers_print(struct qualify *q, const struct qualify_params *p)
{
	if (!p->route && !p->event)
		return 0;
	return re_sdprintf(&q->headers, "%s%s%s%s%s%s",
			   p->route ? "Route: " : "", p->route ? p->route : "",
			   p->route ? "\r\n" : "", p->event ? "Event: " : "",
			   p->event ? p->event : "", p->event ? "\r\n" : "");
}

static void configure(struct qualify *q, const struct qualify_params *p)
{
	q->every_ms = p->every_ms ? p->every_ms : QUALIFY_EVERY_MS;
	q->timeout_ms = p->timeout_ms ? p->timeout_ms : QUALIFY_TIMEOUT_MS;
	q->gap_ms = p->gap_ms ? p->gap_ms : QUALIFY_GAP_MS;
	q->tries_max = p->tries ? p->tries : QUALIFY_TRIES;
	if (q->tries_max > QUALIFY_TRIES_MAX)
		q->tries_max = QUALIFY_TRIES_MAX;
	q->success = p->success;
	q->passive = p->passive;
	q->method = p->method ? p->method : "OPTIONS";
}

/* Not all at once when many come together. */
static uint64_t first_delay_ms(struct qualifier *qualifier)
{
	const uint64_t now = clock_mono_ns() / 1000;
	uint64_t delay;

	if (qualifier->first_us < now)
		qualifier->first_us = now;
	delay = qualifier->first_us - now;
	qualifier->first_us += PACE_US;
	return delay / 1000;
}

int qualify_alloc(struct qualify **qp, struct qualifier *qualifier,
		  const struct qualify_params *params, qualify_h *handler,
		  void *arg)
{
	struct qualify *q;
	int err;

	if (!uri_ok(params->uri) || (params->from && !uri_ok(params->from)) ||
	    !text_ok(params->route))
		return EINVAL;
	q = mem_zalloc(sizeof(*q), qualify_destructor);
	if (!q)
		return ENOMEM;
	configure(q, params);
	if (params->dst) {
		q->tp = params->tp;
		err = set_addr(q, params->dst);
	} else {
		err = aim(q, qualifier->stack,
			  params->next_hop ? params->next_hop : params->uri);
	}
	err = err ? err : copy(&q->uri, params->uri);
	err = err ? err : copy(&q->from, params->from);
	err = err ? err : headers_print(q, params);
	if (err) {
		mem_deref(q);
		return err;
	}
	reach_begin(&q->reach);
	q->handler = handler;
	q->arg = arg;
	ping_begin(&q->ping, qualifier->stack, on_answer, q);
	if (!q->passive)
		tmr_start(&q->tmr, first_delay_ms(qualifier), cycle, q);
	q->qualifier = qualifier;
	qualifier->count++;
	*qp = q;
	return 0;
}

/* ---- reading ----------------------------------------------------------- */

enum reach qualify_state(const struct qualify *q)
{
	return q->reach.state;
}

int64_t qualify_since(const struct qualify *q)
{
	return q->reach.since_ms;
}

uint32_t qualify_rtt_us(const struct qualify *q)
{
	return q->rtt_us;
}

uint32_t qualify_srtt_us(const struct qualify *q)
{
	return q->srtt_us;
}

double qualify_availability(const struct qualify *q)
{
	return reach_availability(&q->reach);
}

const char *qualify_reason(const struct qualify *q)
{
	return q->reason;
}

uint16_t qualify_scode(const struct qualify *q)
{
	return q->scode;
}

const char *qualify_uri(const struct qualify *q)
{
	return q->uri;
}
