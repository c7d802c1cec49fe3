/* account_hosts.c -- the hosts that accounts name
 *
 * A call to one of them is allowed: with thousands of accounts that can't be
 * looked for one by one.
 */
#include <errno.h>
#include <re.h>
#include "sip/account/account_private.h"

struct account_host {
	struct le he; /* accounts->by_host */
	char *host;
	unsigned count;
};

static void host_destructor(void *arg)
{
	struct account_host *h = arg;

	hash_unlink(&h->he);
	mem_deref(h->host);
}

static struct account_host *host_find(const struct accounts *accounts,
				      const struct pl *host)
{
	struct le *le = list_head(
		hash_list(accounts->by_host, hash_joaat_ci(host->p, host->l)));

	for (; le; le = le->next) {
		struct account_host *h = le->data;

		if (!pl_strcasecmp(host, h->host))
			return h;
	}
	return NULL;
}

static int host_count(struct accounts *accounts, const struct pl *host,
		      bool add)
{
	struct account_host *h = host_find(accounts, host);

	if (h) {
		h->count += add ? 1u : -1u;
		if (!h->count)
			mem_deref(h);
		return 0;
	}
	if (!add)
		return 0;
	h = mem_zalloc(sizeof(*h), host_destructor);
	if (!h || pl_strdup(&h->host, host)) {
		mem_deref(h);
		return ENOMEM;
	}
	h->count = 1;
	hash_append(accounts->by_host, hash_joaat_ci(host->p, host->l), &h->he,
		    h);
	return 0;
}

/* The domain, the registrar, the proxy, and the servers behind the first, which
 * is one of those. False: there is no such NUMBER. An empty one is none. */
static bool host_at(const struct account_params_copy *params, size_t number,
		    struct pl *host)
{
	const char *const first[] = {params->host, params->registrar_host,
				     params->proxy_host};
	struct uri uri;
	struct pl pl;

	*host = (struct pl){.p = NULL, .l = 0};
	if (number < ARRAY_SIZE(first)) {
		if (first[number])
			pl_set_str(host, first[number]);
		return true;
	}
	for (size_t i = 0; i <= number - ARRAY_SIZE(first); i++)
		if (!params->servers[i])
			return false;
	pl_set_str(&pl, params->servers[number - ARRAY_SIZE(first)]);
	if (!uri_decode(&uri, &pl))
		*host = uri.host;
	return true;
}

int account_hosts_add(struct accounts *accounts,
		      const struct account_params_copy *params)
{
	struct pl host;

	for (size_t i = 0; host_at(params, i, &host); i++) {
		if (!host.l || !host_count(accounts, &host, true))
			continue;
		while (i-- > 0)
			if (host_at(params, i, &host) && host.l)
				(void)host_count(accounts, &host, false);
		return ENOMEM;
	}
	return 0;
}

void account_hosts_remove(struct accounts *accounts,
			  const struct account_params_copy *params)
{
	struct pl host;

	for (size_t i = 0; host_at(params, i, &host); i++)
		if (host.l)
			(void)host_count(accounts, &host, false);
}

bool accounts_have_host(const struct accounts *accounts, const char *host)
{
	struct pl pl;

	pl_set_str(&pl, host);
	return host_find(accounts, &pl) != NULL;
}
