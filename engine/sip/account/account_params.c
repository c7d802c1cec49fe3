/* account_params.c -- an account's parameters: checked, copied, taken apart */
#include <errno.h>
#include <string.h>
#include "sip/account/account_params.h"
#include "sip/digest.h"
#include "sip/header.h"

enum {
	EXPIRES = 600,
	RETRY_MIN = 5,
	RETRY_MAX = 300,
	SECONDS_MAX = 4000000, /* as milliseconds they fit in 32 bits */
};

static void params_destructor(void *arg)
{
	struct account_params_copy *c = arg;
	const char *const strings[] = {
		c->p.name,  c->p.uri,	      c->p.display_name, c->p.password,
		c->p.ha1,   c->p.auth_user,   c->p.realm,	 c->p.registrar,
		c->p.proxy, c->p.instance_id,
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		mem_deref((void *)strings[i]);
	for (size_t i = 0; c->p.backups && c->p.backups[i]; i++)
		mem_deref((void *)c->p.backups[i]);
	mem_deref((void *)c->p.backups);
	for (char **server = c->servers; server && *server; server++)
		mem_deref(*server);
	mem_deref(c->servers);
	mem_deref(c->user);
	mem_deref(c->host);
	mem_deref(c->aor);
	mem_deref(c->registrar);
	mem_deref(c->proxy);
	mem_deref(c->registrar_host);
	mem_deref(c->proxy_host);
}

static int copy(const char **to, const char *from)
{
	char *s = NULL;
	int err = from ? str_dup(&s, from) : 0;

	*to = s;
	return err;
}

static int copy_list(const char *const **to, const char *const *from)
{
	const char **list;
	size_t n = 0;
	int err = 0;

	*to = NULL;
	while (from && from[n])
		n++;
	if (!n)
		return 0;
	list = mem_zalloc((n + 1) * sizeof(*list), NULL);
	*to = list;
	for (size_t i = 0; list && i < n; i++)
		err |= copy(&list[i], from[i]);
	return list ? err : ENOMEM;
}

static int copy_strings(struct account_params *to,
			const struct account_params *from)
{
	int err;

	*to = *from;
	err = copy(&to->name, from->name);
	err |= copy(&to->uri, from->uri);
	err |= copy(&to->display_name, from->display_name);
	err |= copy(&to->auth_user, from->auth_user);
	err |= copy(&to->password, from->password);
	err |= copy(&to->ha1, from->ha1);
	err |= copy(&to->realm, from->realm);
	err |= copy(&to->registrar, from->registrar);
	err |= copy(&to->proxy, from->proxy);
	err |= copy(&to->instance_id, from->instance_id);
	err |= copy_list(&to->backups, from->backups);
	return err ? ENOMEM : 0;
}

/* A URI with a host that libre can send to. Points into TEXT. */
static bool decode(struct uri *uri, const char *text)
{
	struct pl pl;

	pl_set_str(&pl, text);
	return uri_ok(text) && !uri_decode(uri, &pl) &&
	       !pl_strcasecmp(&uri->scheme, "sip") && pl_isset(&uri->host);
}

static int print_host(struct re_printf *pf, const struct uri *uri)
{
	int err =
		re_hprintf(pf, uri->af == AF_INET6 ? "[%r]" : "%r", &uri->host);

	return uri->port ? err | re_hprintf(pf, ":%u", uri->port) : err;
}

/* Where requests go: what a user part or other parameters would add has no
 * place in a REGISTER's Request-URI (RFC 3261 10.2) or a Route of ours. */
static int print_server(struct re_printf *pf, const struct uri *uri)
{
	struct pl transport;
	int err = re_hprintf(pf, "sip:%H", print_host, uri);

	if (!msg_param_decode(&uri->params, "transport", &transport))
		err |= re_hprintf(pf, ";transport=%r", &transport);
	return err;
}

static int take_apart(struct account_params_copy *c, const struct uri *uri,
		      const struct uri *registrar, const struct uri *proxy)
{
	int err = pl_strdup(&c->user, &uri->user);

	err |= pl_strdup(&c->host, &uri->host);
	err |= re_sdprintf(&c->aor, "sip:%s@%H", c->user, print_host, uri);
	err |= re_sdprintf(&c->registrar, "%H", print_server, registrar);
	err |= pl_strdup(&c->registrar_host, &registrar->host);
	if (proxy) {
		err |= re_sdprintf(&c->proxy, "%H", print_server, proxy);
		err |= pl_strdup(&c->proxy_host, &proxy->host);
	}
	return err ? ENOMEM : 0;
}

/* The first server, and those behind it. */
static int list_servers(struct account_params_copy *c)
{
	size_t n = 0;
	int err;

	while (c->p.backups && c->p.backups[n])
		n++;
	c->servers = mem_zalloc((n + 2) * sizeof(*c->servers), NULL);
	if (!c->servers)
		return ENOMEM;
	err = str_dup(&c->servers[0], c->proxy ? c->proxy : c->registrar);
	for (size_t i = 0; !err && i < n; i++) {
		struct uri uri;
		struct pl pl;

		pl_set_str(&pl, c->p.backups[i]);
		err = uri_decode(&uri, &pl);
		err = err ? err
			  : re_sdprintf(&c->servers[i + 1], "%H", print_server,
					&uri);
	}
	return err;
}

/* Whether TEXT may stand in a quoted string as it is. */
static bool quotable(const char *text)
{
	return !text || (text_ok(text) && !strpbrk(text, "\"\\"));
}

static bool is_hex(const char *s)
{
	return strlen(s) == 32 &&
	       strspn(s, "0123456789abcdefABCDEF") == strlen(s);
}

/* No blanks, quotes or angle brackets: it stands between < and >. */
static bool uri_text_ok(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || strchr("<>\"\\", *p))
			return false;
	return true;
}

static bool instance_ok(const char *id)
{
	return id && !strncmp(id, "urn:", 4) && uri_text_ok(id);
}

static bool transport_is_unknown(const char *text)
{
	struct uri uri;
	struct pl transport;

	if (!text || !decode(&uri, text))
		return false;
	return !msg_param_decode(&uri.params, "transport", &transport) &&
	       pl_strcasecmp(&transport, "udp") &&
	       pl_strcasecmp(&transport, "tcp");
}

static const char *problem(const struct account_params *p)
{
	for (size_t i = 0; p->backups && p->backups[i]; i++)
		if (transport_is_unknown(p->backups[i]))
			return p->proxy ? "proxy: transport is udp or tcp"
					: "registrar: transport is udp or tcp";
	if (transport_is_unknown(p->registrar))
		return "registrar: transport is udp or tcp";
	if (transport_is_unknown(p->proxy))
		return "proxy: transport is udp or tcp";
	if (p->password && p->ha1)
		return "password and ha1: give one of them";
	if (p->ha1 && !is_hex(p->ha1))
		return "ha1: must be 32 hex digits";
	if (p->password && !strncmp(p->password, DIGEST_HA1, 1))
		return "password: begins with a control character";
	if (!quotable(p->auth_user))
		return "auth_user: no quotes, backslashes or control "
		       "characters";
	if (!quotable(p->realm))
		return "realm: no quotes, backslashes or control characters";
	if (p->display_name && !text_ok(p->display_name))
		return "display_name: no control characters";
	if (p->expires > SECONDS_MAX || p->retry_min > SECONDS_MAX ||
	    p->retry_max > SECONDS_MAX)
		return "expires, retry_min, retry_max: too long";
	if (p->retry_max < p->retry_min)
		return "retry_max: less than retry_min";
	if (p->outbound && !instance_ok(p->instance_id))
		return "instance_id: outbound needs one, as urn:uuid:…";
	return NULL;
}

int account_params_copy(struct account_params_copy **cp,
			const struct account_params *params, char *text,
			size_t size)
{
	struct account_params p = *params;
	struct account_params_copy *c;
	struct uri uri, registrar, proxy;
	const char *wrong;
	int err;

	p.expires = p.expires ? p.expires : EXPIRES;
	p.retry_min = p.retry_min ? p.retry_min : RETRY_MIN;
	p.retry_max = p.retry_max		? p.retry_max
		      : p.retry_min > RETRY_MAX ? p.retry_min
						: RETRY_MAX;
	wrong = !str_isset(p.name) ? "name: missing" : problem(&p);
	if (wrong) {
		(void)re_snprintf(text, size, "%s", wrong);
		return EINVAL;
	}
	if (!p.uri || !decode(&uri, p.uri) || !pl_isset(&uri.user)) {
		(void)re_snprintf(text, size,
				  "uri: '%s' is not "
				  "sip:user@domain",
				  p.uri ? p.uri : "");
		return EINVAL;
	}
	registrar = uri;
	if (p.registrar && !decode(&registrar, p.registrar)) {
		(void)re_snprintf(text, size,
				  "registrar: '%s' is not "
				  "sip:host[:port]",
				  p.registrar);
		return EINVAL;
	}
	if (p.proxy && !decode(&proxy, p.proxy)) {
		(void)re_snprintf(text, size,
				  "proxy: '%s' is not "
				  "sip:host[:port]",
				  p.proxy);
		return EINVAL;
	}

	for (size_t i = 0; p.backups && p.backups[i]; i++) {
		struct uri backup;

		if (decode(&backup, p.backups[i]))
			continue;
		(void)re_snprintf(
			text, size, "%s[%zu]: '%s' is not sip:host[:port]",
			p.proxy ? "proxy" : "registrar", i + 2, p.backups[i]);
		return EINVAL;
	}

	c = mem_zalloc(sizeof(*c), params_destructor);
	err = c ? copy_strings(&c->p, &p) : ENOMEM;
	err = err ? err
		  : take_apart(c, &uri, &registrar, p.proxy ? &proxy : NULL);
	err = err ? err : list_servers(c);
	if (err) {
		(void)re_snprintf(text, size, "out of memory");
		mem_deref(c);
		return err;
	}
	*cp = c;
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_list(char *const *a, char *const *b)
{
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

bool account_params_same_binding(const struct account_params_copy *a,
				 const struct account_params_copy *b)
{
	return same(a->aor, b->aor) && same(a->registrar, b->registrar) &&
	       same(a->proxy, b->proxy) && same_list(a->servers, b->servers) &&
	       a->p.outbound == b->p.outbound &&
	       same(a->p.instance_id, b->p.instance_id);
}

bool account_params_same_secret(const struct account_params_copy *a,
				const struct account_params_copy *b)
{
	return account_params_same_binding(a, b) &&
	       same(a->p.auth_user, b->p.auth_user) &&
	       same(a->p.password, b->p.password) && same(a->p.ha1, b->p.ha1) &&
	       same(a->p.realm, b->p.realm);
}

bool account_params_same_request(const struct account_params_copy *a,
				 const struct account_params_copy *b)
{
	return account_params_same_secret(a, b) &&
	       a->p.registers == b->p.registers &&
	       a->p.expires == b->p.expires && a->p.expiry == b->p.expiry &&
	       a->p.retry_min == b->p.retry_min &&
	       a->p.retry_max == b->p.retry_max &&
	       a->p.flow_keepalive == b->p.flow_keepalive &&
	       a->p.flow_keepalive_ms == b->p.flow_keepalive_ms;
}
