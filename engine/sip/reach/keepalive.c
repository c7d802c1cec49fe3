/* keepalive.c -- keeping the way to a server open */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/header.h"
#include "sip/reach/keepalive.h"
#include "sip/reach/ping.h"
#include "sip/reach/qualify.h"
#include "sip/reach/resolve.h"
#include "sip/stack_private.h"

METRIC(sip_keepalives, "Keep-alives sent to servers: CRLF and STUN")
METRIC(sip_keepalive_dead, "Flows to servers that a keep-alive found dead")

enum {
	STUN_RTO_MS = 500, /* doubled each time */
	STUN_TRIES = 4,
	TCP_INTERVAL_MIN_S = 20, /* libre's */
};

struct keepalive {
	struct le le; /* stack->keepalives: those that wait for STUN */
	struct stack *stack;
	enum keepalive_kind kind;
	uint32_t interval_ms;
	char *uri, *from;
	keepalive_h *handler;
	void *arg;
	struct tmr tmr;
	struct resolve *resolve;
	struct qualify *qualify;     /* options, notify */
	struct ping ping;	     /* opens a connection */
	struct sip_keepalive *pongs; /* TCP: libre pings, and sees pongs */

	enum sip_transp tp;
	struct sa dst;
	void *connection; /* TCP: referenced */

	uint8_t tid[STUN_TID_SIZE];
	unsigned tries;
	struct sa mapped; /* our address as the server sees it */
};

static const char *const names[] = {
	[KEEPALIVE_NONE] = "none",
	[KEEPALIVE_CRLF] = "crlf",
	[KEEPALIVE_DOUBLE_CRLF] = "double_crlf",
	[KEEPALIVE_STUN] = "stun",
	[KEEPALIVE_OPTIONS] = "options",
	[KEEPALIVE_NOTIFY] = "notify",
	[KEEPALIVE_REGISTER] = "register",
};

bool keepalive_kind_parse(enum keepalive_kind *kind, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			*kind = (enum keepalive_kind)i;
			return true;
		}
	}
	return false;
}

const char *keepalive_kind_name(enum keepalive_kind kind)
{
	return names[kind];
}

static void stop(struct keepalive *ka)
{
	list_unlink(&ka->le);
	ping_end(&ka->ping);
	tmr_cancel(&ka->tmr);
	ka->resolve = mem_deref(ka->resolve);
	ka->qualify = mem_deref(ka->qualify);
	ka->pongs = mem_deref(ka->pongs);
	ka->connection = mem_deref(ka->connection);
}

static void keepalive_destructor(void *arg)
{
	struct keepalive *ka = arg;

	stop(ka);
	mem_deref(ka->uri);
	mem_deref(ka->from);
}

/* ---- what comes of it -------------------------------------------------- */

static void dead(struct keepalive *ka, const char *fmt, ...)
{
	keepalive_h *handler = ka->handler;
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	metric_add(&sip_keepalive_dead, 1);
	stop(ka);
	if (ka->tp == SIP_TRANSP_TCP)
		stack_hang_up(ka->stack, &ka->dst);
	ka->handler = NULL;
	if (handler)
		handler(true, reason, ka->arg);
}

static void alive(struct keepalive *ka)
{
	if (ka->handler)
		ka->handler(false, NULL, ka->arg);
}

static uint64_t interval(const struct keepalive *ka)
{
	const uint64_t part = ka->interval_ms / 5;

	return ka->interval_ms - part + rand_u64() % (part + 1);
}

/* ---- lines, and STUN --------------------------------------------------- */

/* libre's struct sip_conn begins with its place in the table of connections,
 * which it leaves when it is closed; it is looked at whether it does. */
static bool is_connection(const void *sock)
{
	const struct le *le = sock;

	return le->list && le->data == sock;
}

static bool is_closed(const struct keepalive *ka)
{
	return ka->connection && !((const struct le *)ka->connection)->list;
}

static int send_bytes(const struct keepalive *ka, struct mbuf *mb)
{
	mb->pos = 0;
	metric_add(&sip_keepalives, 1);
	return sip_send(ka->stack->sip, ka->connection, ka->tp, &ka->dst, mb);
}

static int send_lines(const struct keepalive *ka)
{
	struct mbuf *mb = mbuf_alloc(4);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = mbuf_write_str(
			mb, ka->kind == KEEPALIVE_CRLF ? "\r\n" : "\r\n\r\n");
	err = err ? err : send_bytes(ka, mb);
	mem_deref(mb);
	return err;
}

static int send_stun(const struct keepalive *ka)
{
	struct mbuf *mb = mbuf_alloc(64);
	int err = mb ? 0 : ENOMEM;

	if (!err)
		err = stun_msg_encode(mb, STUN_METHOD_BINDING,
				      STUN_CLASS_REQUEST, ka->tid, NULL, NULL,
				      0, true, 0, 0);
	err = err ? err : send_bytes(ka, mb);
	mem_deref(mb);
	return err;
}

static void lines(void *arg)
{
	struct keepalive *ka = arg;
	int err;

	if (is_closed(ka)) {
		dead(ka, "the connection was closed");
		return;
	}
	err = send_lines(ka);
	if (err)
		dead(ka, "%m", err);
	else
		tmr_start(&ka->tmr, interval(ka), lines, ka);
}

static void stun(void *arg)
{
	struct keepalive *ka = arg;
	int err;

	if (ka->tries == STUN_TRIES) {
		dead(ka, "no answer to %u STUN requests", ka->tries);
		return;
	}
	if (!ka->tries) {
		rand_bytes(ka->tid, sizeof(ka->tid));
		list_append(&ka->stack->keepalives, &ka->le, ka);
	}
	err = send_stun(ka);
	if (err)
		dead(ka, "%m", err);
	else
		tmr_start(&ka->tmr, (uint64_t)STUN_RTO_MS << ka->tries++, stun,
			  ka);
}

static void stun_answered(struct keepalive *ka, const struct stun_msg *msg)
{
	const struct stun_attr *attr =
		stun_msg_attr(msg, STUN_ATTR_XOR_MAPPED_ADDR);

	list_unlink(&ka->le);
	ka->tries = 0;
	tmr_start(&ka->tmr, interval(ka), stun, ka);
	/* A NAT that has moved us to another port has a new flow, which the
	 * server doesn't know yet (RFC 5626 4.4.2). */
	if (attr && sa_isset(&ka->mapped, SA_ALL) &&
	    !sa_cmp(&ka->mapped, &attr->v.sa, SA_ALL)) {
		dead(ka, "our address there was %J and is %J", &ka->mapped,
		     &attr->v.sa);
		return;
	}
	if (attr)
		ka->mapped = attr->v.sa;
	alive(ka);
}

void keepalive_stun_response(struct stack *stack, const struct stun_msg *msg)
{
	struct le *le = stack->keepalives.head;

	for (; le; le = le->next) {
		struct keepalive *ka = le->data;

		if (memcmp(ka->tid, stun_msg_tid(msg), STUN_TID_SIZE) != 0)
			continue;
		stun_answered(ka, msg);
		return;
	}
}

/* ---- requests ---------------------------------------------------------- */

static void on_qualify(struct qualify *qualify, void *arg)
{
	struct keepalive *ka = arg;

	if (qualify_state(qualify) == REACH_UNREACHABLE)
		dead(ka, "%s", qualify_reason(qualify));
	else
		alive(ka);
}

static int ask(struct keepalive *ka)
{
	const bool notify = ka->kind == KEEPALIVE_NOTIFY;
	const struct qualify_params params = {
		.uri = ka->uri,
		.from = ka->from,
		.dst = sa_isset(&ka->dst, SA_ADDR) ? &ka->dst : NULL,
		.tp = ka->tp,
		.method = notify ? "NOTIFY" : NULL,
		.event = notify ? "keep-alive" : NULL,
		.every_ms = ka->interval_ms,
	};

	return qualify_alloc(&ka->qualify, stack_qualifier(ka->stack), &params,
			     on_qualify, ka);
}

/* ---- connections ------------------------------------------------------- */

static void on_pong_lost(int err, void *arg)
{
	struct keepalive *ka = arg;

	if (err == ETIMEDOUT)
		dead(ka, "no pong");
	else
		dead(ka, "%m", err);
}

static int watch_connection(struct keepalive *ka, const struct sip_msg *flow)
{
	const uint32_t s = ka->interval_ms / 1000;

	return sip_keepalive_start(&ka->pongs, ka->stack->sip, flow,
				   s > TCP_INTERVAL_MIN_S ? s
							  : TCP_INTERVAL_MIN_S,
				   on_pong_lost, ka);
}

/* Which connection it is that an OPTIONS has opened, its answer shows. */
static void on_opened(const struct sip_msg *msg, uint32_t number, void *arg)
{
	struct keepalive *ka = arg;
	int err;
	(void)number;

	if (ka->pongs)
		return;
	tmr_cancel(&ka->tmr);
	err = watch_connection(ka, msg);
	if (err)
		dead(ka, "%m", err);
	else
		alive(ka);
}

static void open_connection(void *arg)
{
	struct keepalive *ka = arg;
	const struct ping_request request = {
		.method = "OPTIONS",
		.uri = ka->uri,
		.from = ka->from,
		.tp = ka->tp,
		.dst = ka->dst,
	};
	int err;

	if (ka->tries++ == QUALIFY_TRIES) {
		dead(ka, "no answer to %u OPTIONS", QUALIFY_TRIES);
		return;
	}
	if (!ka->ping.handler)
		ping_begin(&ka->ping, ka->stack, on_opened, ka);
	err = ping_send(&ka->ping, ka->stack, &request);
	if (err)
		dead(ka, "%m", err);
	else
		tmr_start(&ka->tmr, QUALIFY_GAP_MS, open_connection, ka);
}

/* ---- the beginning ----------------------------------------------------- */

/* Where to is known, and what kind of way it is. */
static void begin(struct keepalive *ka)
{
	const bool pongs =
		ka->kind != KEEPALIVE_CRLF && ka->tp == SIP_TRANSP_TCP;

	if (pongs)
		open_connection(ka);
	else if (ka->kind == KEEPALIVE_STUN)
		stun(ka);
	else
		lines(ka);
}

static void begin_later(void *arg)
{
	begin(arg);
}

static void on_resolved(int err, enum sip_transp tp, const struct sa *addrs,
			size_t count, void *arg)
{
	struct keepalive *ka = arg;
	(void)count;

	if (err) {
		dead(ka, "no address found for %s", ka->uri);
		return;
	}
	ka->tp = tp;
	ka->dst = addrs[0];
	begin(ka);
}

/* A flow that isn't there yet, to the server of the URI. */
static int begin_flow(struct keepalive *ka)
{
	enum sip_transp named;
	char host[256];
	uint16_t port;

	if (!resolve_uri(host, sizeof(host), &port, &named, ka->uri))
		return EINVAL;
	ka->tp = resolve_transport(ka->stack, named);
	if (!resolve_numeric(&ka->dst, host, port, ka->tp))
		return resolve_alloc(&ka->resolve, ka->stack, host, port, named,
				     on_resolved, ka);
	tmr_start(&ka->tmr, 0, begin_later, ka);
	return 0;
}

/* One that something has just come over. */
static int keep_flow(struct keepalive *ka, const struct sip_msg *flow)
{
	ka->tp = flow->tp;
	ka->dst = flow->src;
	if (flow->tp == SIP_TRANSP_UDP) {
		tmr_start(&ka->tmr,
			  ka->kind == KEEPALIVE_STUN ? 0 : interval(ka),
			  ka->kind == KEEPALIVE_STUN ? stun : lines, ka);
		return 0;
	}
	if (ka->kind != KEEPALIVE_CRLF)
		return watch_connection(ka, flow);
	if (is_connection(flow->sock))
		ka->connection = mem_ref(flow->sock);
	tmr_start(&ka->tmr, interval(ka), lines, ka);
	return 0;
}

bool keepalive_is_flow(const struct keepalive *ka, const struct sip_msg *msg)
{
	return ka->handler && ka->tp == msg->tp &&
	       sa_cmp(&ka->dst, &msg->src, SA_ALL) && !is_closed(ka);
}

int keepalive_alloc(struct keepalive **kp, struct stack *stack,
		    const struct keepalive_params *params, keepalive_h *handler,
		    void *arg)
{
	struct keepalive *ka;
	int err;

	if (params->kind == KEEPALIVE_NONE ||
	    params->kind == KEEPALIVE_REGISTER || !uri_ok(params->uri) ||
	    (params->from && !uri_ok(params->from)))
		return EINVAL;
	ka = mem_zalloc(sizeof(*ka), keepalive_destructor);
	if (!ka)
		return ENOMEM;
	ka->stack = stack;
	ka->kind = params->kind;
	ka->interval_ms = params->interval_ms ? params->interval_ms
					      : KEEPALIVE_INTERVAL_MS;
	err = str_dup(&ka->uri, params->uri);
	if (!err && params->from)
		err = str_dup(&ka->from, params->from);
	if (err)
		goto out;
	ka->handler = handler;
	ka->arg = arg;
	if (ka->kind == KEEPALIVE_OPTIONS || ka->kind == KEEPALIVE_NOTIFY) {
		if (params->flow) {
			ka->tp = params->flow->tp;
			ka->dst = params->flow->src;
		}
		err = ask(ka);
	} else if (params->flow) {
		err = keep_flow(ka, params->flow);
	} else {
		err = begin_flow(ka);
	}
out:
	if (err)
		mem_deref(ka);
	else
		*kp = ka;
	return err;
}
