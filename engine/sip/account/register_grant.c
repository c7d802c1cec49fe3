/* register_grant.c -- what a registrar's 2xx to our REGISTER says */
#include <errno.h>
#include <string.h>
#include "sip/header.h"
#include "sip/account/register_grant.h"

enum {
	ROUTES_MAX = 6, /* with a proxy before them that a session takes */
	PATH_MAX_LEN = 1024,
};

uint32_t grant_seconds(const struct pl *pl)
{
	const uint64_t n = pl->l < 12 ? pl_u64(pl) : UINT32_MAX;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void grant_clear(struct grant *grant)
{
	for (char **r = grant->routes; r && *r; r++)
		mem_deref(*r);
	mem_deref(grant->routes);
	mem_deref(grant->path);
	memset(grant, 0, sizeof(*grant));
}

/* ---- expiry ------------------------------------------------------------ */

struct found {
	const struct grant_ask *ask;
	bool said;
	uint32_t expires;
};

/* Registrars list the contacts of other devices too, and some rewrite the
 * address of ours to what they see, or drop its parameters. */
static bool is_ours(const struct grant_ask *ask, const struct uri *uri)
{
	struct pl line;
	struct sa addr;

	if (pl_strcmp(&uri->user, ask->user))
		return false;
	if (!msg_param_decode(&uri->params, "line", &line))
		return !pl_strcmp(&line, ask->line);
	return !sa_set(&addr, &uri->host, uri->port ? uri->port : SIP_PORT) &&
	       sa_cmp(&addr, ask->laddr, SA_ALL);
}

static bool on_contact(const struct sip_hdr *hdr, const struct sip_msg *msg,
		       void *arg)
{
	struct found *found = arg;
	struct sip_addr addr;
	struct pl expires;
	(void)msg;

	if (sip_addr_decode(&addr, &hdr->val) ||
	    !is_ours(found->ask, &addr.uri))
		return false;
	if (!msg_param_decode(&addr.params, "expires", &expires)) {
		found->expires = grant_seconds(&expires);
		found->said = true;
	}
	return true;
}

static uint32_t expiry(const struct sip_msg *msg, const struct grant_ask *ask)
{
	struct found found = {.ask = ask};
	const bool header = pl_isset(&msg->expires);

	if (ask->by == ACCOUNT_EXPIRY_IGNORED)
		return ask->asked;
	if (ask->by == ACCOUNT_EXPIRY_HEADER && header)
		return grant_seconds(&msg->expires);
	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, on_contact, &found);
	if (found.said)
		return found.expires;
	return header ? grant_seconds(&msg->expires) : ask->asked;
}

/* ---- routes ------------------------------------------------------------ */

struct routes {
	char *uris[ROUTES_MAX];
	size_t count;
	bool bad;
};

/* Without its parameter lr, which a session adds by itself. */
static void lr_strip(char *uri)
{
	for (char *p = uri; (p = strstr(p, ";lr")); p++) {
		const size_t n = strcspn(p + 1, ";?");

		if (n == 2 || !strncmp(p + 3, "=on", 3)) {
			memmove(p, p + 1 + n, strlen(p + 1 + n) + 1);
			return;
		}
	}
}

/* libre splits values at commas for the headers that it knows as lists; these
 * are among them. */
static bool on_route(const struct sip_hdr *hdr, const struct sip_msg *msg,
		     void *arg)
{
	struct routes *routes = arg;
	struct sip_addr addr;
	char *uri = NULL;
	(void)msg;

	if (routes->count == ROUTES_MAX || sip_addr_decode(&addr, &hdr->val) ||
	    pl_strdup(&uri, &addr.auri) || !uri_ok(uri)) {
		mem_deref(uri);
		routes->bad = true;
		return true;
	}
	if (strstr(uri, ";lr"))
		lr_strip(uri);
	routes->uris[routes->count++] = uri;
	return false;
}

/* All of them or none: a part of a route leads somewhere else. */
static int read_routes(struct grant *grant, const struct sip_msg *msg)
{
	struct routes routes = {.count = 0};

	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_SERVICE_ROUTE, on_route,
				&routes);
	if (routes.count && !routes.bad)
		grant->routes = mem_zalloc(
			(routes.count + 1) * sizeof(*grant->routes), NULL);
	if (grant->routes) {
		memcpy(grant->routes, routes.uris,
		       routes.count * sizeof(*routes.uris));
		return 0;
	}
	for (size_t i = 0; i < routes.count; i++)
		mem_deref(routes.uris[i]);
	return routes.count && !routes.bad ? ENOMEM : 0;
}

static bool on_path(const struct sip_hdr *hdr, const struct sip_msg *msg,
		    void *arg)
{
	struct mbuf *mb = arg;
	(void)msg;

	if (mb->end + hdr->val.l + 2 > PATH_MAX_LEN)
		return true;
	return mbuf_printf(mb, "%s%r", mb->end ? ", " : "", &hdr->val) != 0;
}

static int read_path(struct grant *grant, const struct sip_msg *msg)
{
	struct mbuf *mb;
	int err = 0;

	if (!sip_msg_hdr(msg, SIP_HDR_PATH))
		return 0;
	mb = mbuf_alloc(128);
	if (!mb)
		return ENOMEM;
	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_PATH, on_path, mb);
	mb->pos = 0;
	if (mb->end)
		err = mbuf_strdup(mb, &grant->path, mb->end);
	mem_deref(mb);
	return err;
}

int grant_read(struct grant *grant, const struct sip_msg *msg,
	       const struct grant_ask *ask)
{
	const struct sip_hdr *hdr;
	int err;

	memset(grant, 0, sizeof(*grant));
	grant->expires = expiry(msg, ask);
	hdr = sip_msg_hdr(msg, SIP_HDR_FLOW_TIMER);
	if (hdr)
		grant->flow_timer = grant_seconds(&hdr->val);
	grant->outbound =
		sip_msg_hdr_has_value(msg, SIP_HDR_REQUIRE, "outbound");
	err = read_routes(grant, msg);
	err = err ? err : read_path(grant, msg);
	if (err)
		grant_clear(grant);
	return err;
}

int redirect_uri(char **uri, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct pl transport = PL_INIT;
	struct sip_addr addr;
	char *text = NULL, port[8] = "";
	int err;

	if (!hdr || sip_addr_decode(&addr, &hdr->val) ||
	    pl_strcasecmp(&addr.uri.scheme, "sip") || !pl_isset(&addr.uri.host))
		return EBADMSG;
	if (addr.uri.port)
		(void)re_snprintf(port, sizeof(port), ":%u", addr.uri.port);
	(void)msg_param_decode(&addr.uri.params, "transport", &transport);
	err = re_sdprintf(
		&text, "sip:%s%r%s%s%s%r", addr.uri.af == AF_INET6 ? "[" : "",
		&addr.uri.host, addr.uri.af == AF_INET6 ? "]" : "", port,
		pl_isset(&transport) ? ";transport=" : "", &transport);
	if (!err && !uri_ok(text))
		err = EBADMSG;
	if (err)
		mem_deref(text);
	else
		*uri = text;
	return err;
}
