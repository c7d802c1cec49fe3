/* terminal.c -- is it the same telephone? */
#include "sip/registrar/terminal.h"

#include "sip/sources.h"

bool addr_is_local(const struct sa *addr)
{
	static const char *const networks[] = {
		"10.0.0.0/8",	  "172.16.0.0/12", "192.168.0.0/16",
		"169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
		"fc00::/7",	  "fe80::/10",	   "::1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		struct network net;

		if (network_parse(&net, networks[i], NULL, 0) &&
		    network_has(&net, addr))
			return true;
	}
	return false;
}

static uint16_t port_of(const struct terminal *t)
{
	return t->port ? t->port : SIP_PORT;
}

static bool same_contact(const struct terminal *a, const struct terminal *b)
{
	struct sa host;

	if (!pl_isset(&a->host) || !pl_isset(&b->host) ||
	    pl_casecmp(&a->host, &b->host) || port_of(a) != port_of(b))
		return false;
	if (sa_set(&host, &a->host, 0) || !addr_is_local(&host))
		return true;
	return sa_cmp(&a->source, &b->source, SA_ADDR) &&
	       !pl_cmp(&a->path, &b->path);
}

bool terminal_same(const struct terminal *a, const struct terminal *b)
{
	if (pl_isset(&a->instance) && pl_isset(&b->instance))
		return !pl_cmp(&a->instance, &b->instance);
	if (!a->proxied && !b->proxied && a->tp == b->tp &&
	    sa_cmp(&a->source, &b->source, SA_ALL))
		return true;
	return same_contact(a, b);
}
