/* resolve.c -- a SIP server's addresses, by SRV and A or AAAA */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "sip/reach/resolve.h"
#include "sip/stack.h"

struct server {
	char *name;
	uint16_t port;
};

/*  SRV ─► the servers, one after the other: A ─► (none) AAAA ─► told */
struct resolve {
	struct stack *stack;
	struct dns_query *query;
	char *host;
	enum sip_transp tp;
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

	*tp = SIP_TRANSP_UDP;
	if (msg_param_decode(params, "transport", &value))
		return true;
	if (!pl_strcasecmp(&value, "tcp"))
		*tp = SIP_TRANSP_TCP;
	return *tp == SIP_TRANSP_TCP || !pl_strcasecmp(&value, "udp");
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
	r->handler(err, r->addrs, r->count, r->arg);
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

static void on_srv(int err, const struct dnshdr *hdr, struct list *ansl,
		   struct list *authl, struct list *addl, void *arg)
{
	struct resolve *r = arg;

	(void)hdr;
	(void)authl;
	(void)addl;
	if (err) {
		r->err = err;
	} else {
		/* by priority, among equals at random by weight */
		dns_rrlist_sort(ansl, DNS_TYPE_SRV, rand_u32());
		(void)dns_rrlist_apply(ansl, NULL, DNS_TYPE_SRV, DNS_CLASS_IN,
				       true, add_srv, r);
	}
	if (!r->server_count && add_server(r, r->host, 0))
		r->err = ENOMEM;
	ask_addresses(r);
}

int resolve_alloc(struct resolve **rp, struct stack *stack, const char *host,
		  uint16_t port, enum sip_transp tp, resolve_h *handler,
		  void *arg)
{
	struct resolve *r = mem_zalloc(sizeof(*r), resolve_destructor);
	char service[300];
	int err;

	if (!r)
		return ENOMEM;
	r->stack = stack;
	r->tp = tp;
	r->handler = handler;
	r->arg = arg;
	err = str_dup(&r->host, host);
	if (!err && port) {
		err = add_server(r, host, port);
		err = err ? err : ask(r, host, DNS_TYPE_A, on_a);
	} else if (!err) {
		(void)re_snprintf(service, sizeof(service), "_sip.%s.%s",
				  tp == SIP_TRANSP_TCP ? "_tcp" : "_udp", host);
		err = ask(r, service, DNS_TYPE_SRV, on_srv);
	}
	if (err)
		mem_deref(r);
	else
		*rp = r;
	return err;
}
