/* stack.c -- the SIP endpoint: listeners, DNS, whom we trust, its end */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/intake.h"
#include "sip/listen.h"
#include "sip/reach/ping.h"
#include "sip/reach/qualify.h"
#include "sip/session_private.h"
#include "sip/stack_private.h"
#include "sip/strans.h"
#include "sip/tcp_guard.h"
#include "sip/trace.h"
#include "sip/udp_tap.h"

METRIC(sip_turned_away, "INVITEs refused before they became calls")

enum {
	LATE_EVERY_MS = 50,
	/* Buckets of tables, powers of two: thousands of calls a second. */
	TRANSACTIONS = 16384,
	CONNECTIONS = 256,
	SESSIONS = 16384,
	DNS_SERVERS = 8,
	PORT_TRIES = 16,
	/* With those that are gone: libre never closes one, and addresses that
	 * change each day (RFC 8981) are many in a year. */
	LISTENERS = 512,
};

struct trusted {
	struct le le;
	struct sa addr;
	unsigned count;
};

static void trusted_destructor(void *arg)
{
	struct trusted *trusted = arg;

	list_unlink(&trusted->le);
}

static struct trusted *trusted_find(const struct stack *stack,
				    const struct sa *addr)
{
	for (struct le *le = stack->trusted.head; le; le = le->next) {
		struct trusted *trusted = le->data;

		if (sa_cmp(&trusted->addr, addr, SA_ADDR))
			return trusted;
	}
	return NULL;
}

void stack_trust(struct stack *stack, const struct sa *addr, bool add)
{
	struct trusted *trusted = trusted_find(stack, addr);

	sources_trust_changed(stack->sources);
	if (!add) {
		if (trusted && !--trusted->count)
			mem_deref(trusted);
		return;
	}
	if (!trusted) {
		trusted = mem_zalloc(sizeof(*trusted), trusted_destructor);
		if (!trusted) {
			log_error(NULL, "out of memory for a trusted address");
			return;
		}
		trusted->addr = *addr;
		list_append(&stack->trusted, &trusted->le, trusted);
	}
	trusted->count++;
}

bool stack_trusted(const struct stack *stack, const struct sa *src)
{
	return trusted_find(stack, src) != NULL;
}

static bool trusts(const struct sa *addr, void *arg)
{
	return stack_trusted(arg, addr);
}

static void on_ban(const struct source_ban *ban, void *arg)
{
	const struct stack *stack = arg;

	tcp_guard_close(stack->tcp, &ban->addr);
	if (stack->banh)
		stack->banh(ban, stack->arg);
}

struct sources *stack_sources(const struct stack *stack)
{
	return stack->sources;
}

void stack_fault(const struct stack *stack, const struct sa *src)
{
	const uint64_t now = clock_mono_ms();

	source_fault(stack->sources, source_see(stack->sources, src, now), now);
}

void stack_turn_away(struct stack *stack, enum turned_away cause)
{
	static const char *const causes[TURNED_AWAY_CAUSES] = {
		[TURNED_AWAY_SOURCE] = "beyond the limit of their source",
		[TURNED_AWAY_OVERLOAD] = "the engine is late",
		[TURNED_AWAY_TROUBLE] = "records can't be written",
	};
	static struct log_limit limits[TURNED_AWAY_CAUSES] = {
		LOG_LIMIT(1, 10000),
		LOG_LIMIT(1, 10000),
		LOG_LIMIT(1, 10000),
	};

	stack->turned_away[cause]++;
	metric_add(&sip_turned_away, 1);
	log_limited(&limits[cause], LOG_INFO, NULL, "calls turned away: %s",
		    causes[cause]);
}

/* How late this thread is, when nothing comes in that would tell. */
static void look_late(void *arg)
{
	struct stack *stack = arg;
	const uint64_t now = clock_mono_ms();

	if (now > stack->late_at_ms)
		overload_late(&stack->overload, now,
			      (now - stack->late_at_ms) * 1000);
	else
		overload_late(&stack->overload, now, 0);
	stack->late_at_ms = now + LATE_EVERY_MS;
	tmr_start(&stack->late_tmr, LATE_EVERY_MS, look_late, stack);
}

unsigned stack_room(struct stack *stack, unsigned wanted)
{
	return overload_room(&stack->overload, clock_mono_ms(), wanted);
}

void stack_call_began(struct stack *stack)
{
	overload_began(&stack->overload, clock_mono_ms());
}

void stack_count(const struct stack *stack, struct stack_count *count)
{
	memcpy(count->turned_away, stack->turned_away,
	       sizeof(count->turned_away));
	count->overloaded = stack->overload.active;
	count->delay_ms = stack->overload.standing_us / 1e3;
	count->admit_rate = stack->overload.active ? stack->overload.rate : 0;
	count->connections = tcp_guard_count(stack->tcp);
	sources_count(stack->sources, &count->sources);
}

/* The resolvers of /etc/resolv.conf. A machine without them, or with a line
 * that can't be read, still calls numeric addresses. */
static int dns_alloc(struct dnsc **dnsp)
{
	struct sa servers[DNS_SERVERS], usable[DNS_SERVERS];
	uint32_t n = DNS_SERVERS, count = 0;
	char domain[256];

	memset(servers, 0, sizeof(servers));
	if (dns_srv_get(domain, sizeof(domain), servers, &n) == ENOENT ||
	    n > DNS_SERVERS)
		n = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (sa_isset(&servers[i], SA_ADDR))
			usable[count++] = servers[i];
	}
	if (!count)
		log_warn(NULL, "no name server in /etc/resolv.conf: only "
			       "numeric SIP addresses can be called");
	return dnsc_alloc(dnsp, NULL, usable, count);
}

static const char *advice(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "address already in use: another program listens "
		       "there; stop it or choose another port";
	case EADDRNOTAVAIL:
		return "this machine has no such address; 'ip address' shows "
		       "those it has";
	case EACCES:
		return "permission denied: ports below 1024 need root";
	default:
		return strerror(err);
	}
}

static void on_trace(bool tx, enum sip_transp tp, const struct sa *src,
		     const struct sa *dst, const uint8_t *pkt, size_t len,
		     void *arg)
{
	/* neither our probes nor what keep-alives send: lines and STUN */
	if (!udp_tap_probe(pkt, len) && len > 4 && pkt[0] >= ' ')
		trace_message(tx, tp, src, dst, pkt, len, arg);
}

static int listen_one(struct stack *stack, struct stack_listen *listen)
{
	const bool any_port = !sa_port(&listen->addr);
	int err = 0;

	for (int i = 0; i < (any_port ? PORT_TRIES : 1); i++) {
		if (any_port) {
			sa_set_port(&listen->addr, 0);
			err = listen_free_port(listen);
			if (err)
				return err;
		}
		err = sip_transp_add(stack->sip, listen->tp, &listen->addr);
		if (err != EADDRINUSE)
			break;
	}
	if (!err && listen->tp == SIP_TRANSP_UDP)
		err = udp_tap_add(stack, (size_t)(listen - stack->listens));
	return err;
}

static int complain(const struct stack_listen *listen, int err, char *text,
		    size_t size)
{
	(void)re_snprintf(text, size, "%s:%J: %s",
			  listen->tp == SIP_TRANSP_UDP ? "udp" : "tcp",
			  &listen->addr, advice(err));
	return err;
}

static int listen_expand_all(struct stack *stack,
			     const struct stack_config *config, char *text,
			     size_t size)
{
	stack->listens = mem_zalloc(LISTENERS * sizeof(*stack->listens), NULL);
	if (!stack->listens)
		return ENOMEM;
	for (size_t i = 0; i < config->listen_count; i++) {
		size_t count = LISTENERS - stack->listen_count;
		int err = listen_expand(&stack->listens[stack->listen_count],
					&count, &config->listen[i]);

		if (err)
			return complain(&config->listen[i], err, text, size);
		if (sa_is_any(&config->listen[i].addr) &&
		    stack->wild_count < ARRAY_SIZE(stack->wild)) {
			struct stack_listen *wild =
				&stack->wild[stack->wild_count++];

			*wild = config->listen[i];
			sa_set_port(&wild->addr,
				    sa_port(&stack->listens[stack->listen_count]
						     .addr));
		}
		stack->listen_count += count;
	}
	return 0;
}

static bool listens_to(const struct stack *stack,
		       const struct stack_listen *listen)
{
	for (size_t i = 0; i < stack->listen_count; i++)
		if (stack->listens[i].tp == listen->tp &&
		    sa_cmp(&stack->listens[i].addr, &listen->addr, SA_ALL))
			return true;
	return false;
}

static void listen_more(struct stack *stack, const struct stack_listen *listen)
{
	struct stack_listen *mine = &stack->listens[stack->listen_count];
	char text[64];
	int err;

	if (listens_to(stack, listen))
		return;
	(void)re_snprintf(text, sizeof(text), "%J", &listen->addr);
	if (stack->listen_count == LISTENERS) {
		log_warn(NULL, "%s is not listened to: too many addresses",
			 text);
		return;
	}
	*mine = *listen;
	stack->listen_count++;
	err = listen_one(stack, mine);
	if (err) {
		stack->listen_count--;
		log_warn(NULL, "%s is not listened to: %s", text, advice(err));
	} else {
		log_info(NULL, "a new address is listened to: %s", text);
	}
}

/* Whether each address that WILD has stood for is still one of ours. */
static void look_gone(struct stack *stack, const struct stack_listen *wild,
		      const struct stack_listen *now, size_t count)
{
	for (size_t i = 0; i < stack->listen_count; i++) {
		struct stack_listen *listen = &stack->listens[i];
		bool found = false;

		if (!listen->by_wildcard || listen->tp != wild->tp ||
		    sa_af(&listen->addr) != sa_af(&wild->addr) ||
		    sa_port(&listen->addr) != sa_port(&wild->addr))
			continue;
		for (size_t n = 0; n < count && !found; n++)
			found = sa_cmp(&now[n].addr, &listen->addr, SA_ALL);
		listen->gone = !found;
	}
}

void stack_network_changed(struct stack *stack)
{
	struct stack_listen now[LISTENERS];

	for (size_t w = 0; w < stack->wild_count; w++) {
		size_t count = LISTENERS;

		if (listen_expand(now, &count, &stack->wild[w]))
			continue;
		for (size_t i = 0; i < count; i++)
			listen_more(stack, &now[i]);
		look_gone(stack, &stack->wild[w], now, count);
	}
}

static int listen_all(struct stack *stack, char *text, size_t size)
{
	for (size_t i = 0; i < stack->listen_count; i++) {
		int err = listen_one(stack, &stack->listens[i]);

		if (err)
			return complain(&stack->listens[i], err, text, size);
	}
	return 0;
}

int stack_alloc(struct stack **sp, const struct stack_config *config,
		stack_invite_h *inviteh, void *arg, char *text, size_t size)
{
	struct stack *stack;
	int err;

	assert(loop_current());
	if (!sp || !config || !config->listen_count) {
		(void)re_snprintf(text, size, "no address to listen on");
		return EINVAL;
	}
	(void)re_snprintf(text, size, "out of memory");
	stack = mem_zalloc(sizeof(*stack), NULL);
	if (!stack)
		return ENOMEM;
	stack->inviteh = inviteh;
	stack->gateh = config->gateh;
	stack->banh = config->banh;
	stack->arg = arg;
	stack->traceh = config->trace ? on_trace : NULL;
	overload_init(&stack->overload, config->delay_ms);
	tmr_init(&stack->late_tmr);
	err = sources_alloc(&stack->sources, &config->sources, trusts, on_ban,
			    stack);
	err = err ? err : intake_alloc(&stack->intake, stack);
	err = err ? err
		  : tcp_guard_alloc(&stack->tcp, stack,
				    config->source_connections,
				    config->connections);
	err = err ? err : listen_expand_all(stack, config, text, size);
	if (err)
		goto out;
	err = hash_alloc(&stack->sessions, SESSIONS);
	err = err ? err : hash_alloc(&stack->acks, SESSIONS);
	err = err ? err : ping_table_alloc(&stack->pings);
	err = err ? err : qualifier_alloc(&stack->qualifier, stack);
	if (!err && config->user_agent)
		err = str_dup(&stack->user_agent, config->user_agent);
	err = err ? err : dns_alloc(&stack->dns);
	err = err ? err : strans_table_alloc(&stack->strans);
	err = err ? err
		  : sip_alloc(&stack->sip, stack->dns, TRANSACTIONS,
			      TRANSACTIONS, CONNECTIONS, config->user_agent,
			      NULL, stack);
	if (err)
		goto out;
	if (config->trace)
		sip_set_trace_handler(stack->sip, on_trace);
	err = dispatch_listen(stack);
	if (err)
		goto out;
	err = listen_all(stack, text, size);
	if (!err && config->delay_ms) {
		stack->late_at_ms = clock_mono_ms();
		look_late(stack);
	}

out:
	if (err)
		stack_free(stack);
	else
		*sp = stack;
	return err;
}

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	stack->closing = true;
	sessions_abandon(stack);
	if (stack->sip) {
		/* Twice: what ends in the first may begin something new. */
		sip_close(stack->sip, true);
		sip_close(stack->sip, true);
	}
	hash_flush(stack->acks);
	mem_deref(stack->first_req);
	mem_deref(stack->first_resp);
	mem_deref(stack->last_req);
	mem_deref(stack->last_resp);
	tmr_cancel(&stack->late_tmr);
	list_flush(&stack->taps);
	intake_free(stack->intake);
	list_flush(&stack->trusted);
	strans_table_free(stack->strans);
	mem_deref(stack->sip);
	mem_deref(stack->dns);
	mem_deref(stack->sessions);
	mem_deref(stack->acks);
	qualifier_free(stack->qualifier);
	mem_deref(stack->pings);
	mem_deref(stack->user_agent);
	mem_deref(stack->listens);
	tcp_guard_free(stack->tcp);
	sources_free(stack->sources);
	mem_deref(stack);
}

struct sip *stack_sip(const struct stack *stack)
{
	return stack->sip;
}

struct dnsc *stack_dns(const struct stack *stack)
{
	return stack->dns;
}

void stack_hang_up(const struct stack *stack, const struct sa *peer)
{
	tcp_guard_hang_up(stack->tcp, peer);
}

struct qualifier *stack_qualifier(const struct stack *stack)
{
	return stack->qualifier;
}

const struct stack_listen *stack_listens(const struct stack *stack,
					 size_t *count)
{
	*count = stack->listen_count;
	return stack->listens;
}

unsigned stack_pending(const struct stack *stack)
{
	return stack->pending;
}

static bool count_one(struct le *le, void *arg)
{
	(void)le;
	++*(unsigned *)arg;
	return false;
}

unsigned stack_sessions(const struct stack *stack)
{
	unsigned n = 0;

	(void)hash_apply(stack->sessions, count_one, &n);
	return n;
}
