/* resolve.c -- a SIP server's addresses: NAPTR, SRV, A or AAAA */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "sip/reach/resolve.h"
#include "sip/stack.h"

struct server {
	char *name;
	uint16_t port;
};

/* Some name servers leave what they don't know in silence: then as if there
 * were none. */
enum { NAPTR_MS = 2000 };

/*  NAPTR ─► SRV ─► the servers, one after the other: A ─► (none) AAAA ─► told
 */
struct resolve {
	struct stack *stack;
	struct dns_query *query;
	struct tmr tmr;
	char *host;
	enum sip_transp tp; /* as named, or found; NONE: neither */
	enum sip_transp srv_tp;
	resolve_h *handler;
	void *arg;
	struct server servers[RESOLVE_MAX];
	size_t server_count, server;
	struct sa addrs[RESOLVE_MAX];
	size_t count;
	int err; /* the last that isn't an answer */
};

static bool transport(enum sip_transp *tp, const struct pl *params)
{
	struct pl value;

	*tp = SIP_TRANSP_NONE;
	if (msg_param_decode(params, "transport", &value))
		return true;
	if (!pl_strcasecmp(&value, "udp"))
		*tp = SIP_TRANSP_UDP;
	else if (!pl_strcasecmp(&value, "tcp"))
		*tp = SIP_TRANSP_TCP;
	return *tp != SIP_TRANSP_NONE;
}

bool resolve_uri(char *host, size_t size, uint16_t *port, enum sip_transp *tp,
		 const char *text)
{
	struct uri uri;
	struct pl pl;

	pl_set_str(&pl, text);
	if (uri_decode(&uri, &pl) || pl_strcasecmp(&uri.scheme, "sip") ||
	    !pl_isset(&uri.host) || !transport(tp, &uri.params))
		return false;
	*port = uri.port;
	return !pl_strcpy(&uri.host, host, size);
}

static bool listens(const struct stack *stack, enum sip_transp tp)
{
	size_t count;
	const struct stack_listen *all = stack_listens(stack, &count);

	for (size_t i = 0; i < count; i++)
		if (all[i].tp == tp)
			return true;
	return false;
}

enum sip_transp resolve_transport(const struct stack *stack, enum sip_transp tp)
{
	if (tp != SIP_TRANSP_NONE)
		return tp;
	return listens(stack, SIP_TRANSP_UDP) ? SIP_TRANSP_UDP : SIP_TRANSP_TCP;
}

bool resolve_numeric(struct sa *addr, const char *host, uint16_t port,
		     enum sip_transp tp)
{
	port = sip_transp_port(tp, port);
	if (!strcasecmp(host, "localhost"))
		host = "127.0.0.1";
	return !sa_set_str(addr, host, port);
}

static void resolve_destructor(void *arg)
{
	struct resolve *r = arg;

	tmr_cancel(&r->tmr);
	mem_deref(r->query);
	mem_deref(r->host);
	for (size_t i = 0; i < r->server_count; i++)
		mem_deref(r->servers[i].name);
}

static int add_server(struct resolve *r, const char *name, uint16_t port)
{
	struct server *server = &r->servers[r->server_count];

	if (r->server_count == RESOLVE_MAX)
		return 0;
	server->port = sip_transp_port(r->tp, port);
	if (str_dup(&server->name, name))
		return ENOMEM;
	r->server_count++;
	return 0;
}

static void tell(struct resolve *r)
{
	const int err = r->count ? 0 : r->err ? r->err : ENOENT;

	mem_ref(r); /* the addresses are its own */
	r->handler(err, r->tp, r->addrs, r->count, r->arg);
	mem_deref(r);
}

static void ask_addresses(struct resolve *r);

static bool add_address(struct dnsrr *rr, void *arg)
{
	struct resolve *r = arg;
	struct sa *addr = &r->addrs[r->count];
	const uint16_t port = r->servers[r->server].port;

	if (rr->type == DNS_TYPE_A)
		sa_set_in(addr, rr->rdata.a.addr, port);
	else
		sa_set_in6(addr, rr->rdata.aaaa.addr, port);
	return ++r->count == RESOLVE_MAX;
}

static int ask(struct resolve *r, const char *name, uint16_t type,
	       dns_query_h *handler)
{
	r->query = mem_deref(r->query);
	return dnsc_query(&r->query, stack_dns(r->stack), name, type,
			  DNS_CLASS_IN, true, handler, r);
}

static void on_addresses(struct resolve *r, int err, struct list *ansl,
			 uint16_t type)
{
	if (err)
		r->err = err;
	else
		(void)dns_rrlist_apply(ansl, NULL, type, DNS_CLASS_IN, true,
				       add_address, r);
}

static void next_server(struct resolve *r)
{
	if (++r->server < r->server_count && r->count < RESOLVE_MAX)
		ask_addresses(r);
	else
		tell(r);
}

static void on_aaaa(int err, const struct dnshdr *hdr, struct list *ansl,
		    struct list *authl, struct list *addl, void *arg)
{
	struct resolve *r = arg;

	(void)hdr;
	(void)authl;
	(void)addl;
	on_addresses(r, err, ansl, DNS_TYPE_AAAA);
	next_server(r);
}

static void on_a(int err, const struct dnshdr *hdr, struct list *ansl,
		 struct list *authl, struct list *addl, void *arg)
{
	struct resolve *r = arg;
	const size_t before = r->count;

	(void)hdr;
	(void)authl;
	(void)addl;
	on_addresses(r, err, ansl, DNS_TYPE_A);
	if (!err && r->count == before &&
	    !ask(r, r->servers[r->server].name, DNS_TYPE_AAAA, on_aaaa))
		return;
	next_server(r);
}

static void ask_addresses(struct resolve *r)
{
	struct sa addr;

	for (; r->server < r->server_count && r->count < RESOLVE_MAX;
	     r->server++) {
		const struct server *server = &r->servers[r->server];
		int err;

		if (resolve_numeric(&addr, server->name, server->port, r->tp)) {
			r->addrs[r->count++] = addr;
			continue;
		}
		err = ask(r, server->name, DNS_TYPE_A, on_a);
		if (!err)
			return;
		r->err = err;
	}
	tell(r);
}

static bool add_srv(struct dnsrr *rr, void *arg)
{
	struct resolve *r = arg;

	/* "." says that there is no such service (RFC 2782) */
	if (*rr->rdata.srv.target && strcmp(rr->rdata.srv.target, ".") != 0)
		(void)add_server(r, rr->rdata.srv.target, rr->rdata.srv.port);
	return false;
}

static void plain(struct resolve *r)
{
	r->tp = resolve_transport(r->stack, r->tp);
	if (!r->server_count && add_server(r, r->host, 0))
		r->err = ENOMEM;
	ask_addresses(r);
}

static void on_srv(int err, const struct dnshdr *hdr, struct list *ansl,
		   struct list *authl, struct list *addl, void *arg);

static int ask_srv(struct resolve *r, enum sip_transp tp)
{
	char service[300];

	r->srv_tp = tp;
	(void)re_snprintf(service, sizeof(service), "_sip.%s.%s",
			  tp == SIP_TRANSP_TCP ? "_tcp" : "_udp", r->host);
	return ask(r, service, DNS_TYPE_SRV, on_srv);
}

/* The next that we could speak, when none was named. */
static bool ask_next_srv(struct resolve *r)
{
	static const enum sip_transp order[] = {SIP_TRANSP_UDP, SIP_TRANSP_TCP};

	for (size_t i = 0; r->tp == SIP_TRANSP_NONE && i < ARRAY_SIZE(order);
	     i++) {
		if (order[i] > r->srv_tp && listens(r->stack, order[i]))
			return !ask_srv(r, order[i]);
	}
	return false;
}

static void on_srv(int err, const struct dnshdr *hdr, struct list *ansl,
		   struct list *authl, struct list *addl, void *arg)
{
	struct resolve *r = arg;
	const enum sip_transp named = r->tp;

	(void)hdr;
	(void)authl;
	(void)addl;
	if (err) {
		r->err = err;
	} else {
		/* by priority, among equals at random by weight */
		dns_rrlist_sort(ansl, DNS_TYPE_SRV, rand_u32());
		r->tp = r->srv_tp;
		(void)dns_rrlist_apply(ansl, NULL, DNS_TYPE_SRV, DNS_CLASS_IN,
				       true, add_srv, r);
	}
	if (!r->server_count) {
		r->tp = named;
		if (!err && ask_next_srv(r))
			return;
	}
	plain(r);
}

/* ---- which transport, by NAPTR ------------------------------------------- */

static bool choose(struct dnsrr *rr, void *arg)
{
	struct resolve *r = arg;
	enum sip_transp tp = SIP_TRANSP_NONE;

	if (!rr->rdata.naptr.services || !rr->rdata.naptr.replace ||
	    !*rr->rdata.naptr.replace)
		return false;
	if (!strcasecmp(rr->rdata.naptr.services, "SIP+D2U"))
		tp = SIP_TRANSP_UDP;
	else if (!strcasecmp(rr->rdata.naptr.services, "SIP+D2T"))
		tp = SIP_TRANSP_TCP;
	if (tp == SIP_TRANSP_NONE || !listens(r->stack, tp))
		return false;
	r->tp = r->srv_tp = tp;
	return true;
}

static void no_naptr(void *arg)
{
	struct resolve *r = arg;

	r->query = mem_deref(r->query);
	if (!ask_next_srv(r))
		plain(r);
}

static void on_naptr(int err, const struct dnshdr *hdr, struct list *ansl,
		     struct list *authl, struct list *addl, void *arg)
{
	struct resolve *r = arg;
	const struct dnsrr *found = NULL;

	(void)hdr;
	(void)authl;
	(void)addl;
	tmr_cancel(&r->tmr);
	if (!err) {
		dns_rrlist_sort(ansl, DNS_TYPE_NAPTR, rand_u32());
		found = dns_rrlist_apply(ansl, NULL, DNS_TYPE_NAPTR,
					 DNS_CLASS_IN, true, choose, r);
	}
	if (!found || ask(r, found->rdata.naptr.replace, DNS_TYPE_SRV, on_srv))
		no_naptr(r);
}

int resolve_alloc(struct resolve **rp, struct stack *stack, const char *host,
		  uint16_t port, enum sip_transp tp, resolve_h *handler,
		  void *arg)
{
	struct resolve *r = mem_zalloc(sizeof(*r), resolve_destructor);
	int err;

	if (!r)
		return ENOMEM;
	r->stack = stack;
	r->tp = tp;
	r->srv_tp = SIP_TRANSP_NONE;
	r->handler = handler;
	r->arg = arg;
	tmr_init(&r->tmr);
	err = str_dup(&r->host, host);
	if (err)
		goto out;
	if (port) {
		r->tp = resolve_transport(stack, tp);
		err = add_server(r, host, port);
		err = err ? err : ask(r, host, DNS_TYPE_A, on_a);
	} else if (tp != SIP_TRANSP_NONE) {
		err = ask_srv(r, tp);
	} else {
		tmr_start(&r->tmr, NAPTR_MS, no_naptr, r);
		err = ask(r, host, DNS_TYPE_NAPTR, on_naptr);
	}
out:
	if (err)
		mem_deref(r);
	else
		*rp = r;
	return err;
}
