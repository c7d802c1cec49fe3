/* Where an outgoing call goes: its Request-URIs in turn, the proxy before
 * them, the identity it shows, and whether it may go there at all. */
#include "call/call_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "call/endpoint_private.h"
#include "call/target.h"
#include "call/trunk.h"
#include "sip/account/account.h"
#include "sip/header.h"

struct making {
	struct route *route;
	const struct calls *calls;
	const struct call_dial *dial;
	struct target target;
	char *err;
	size_t size;
	const struct refusal *refused;
	bool no_memory;
};

/* WHY, and a sentence about it; false as its value. */
#define refuse(m_, why_, ...)                                \
	((void)snprintf((m_)->err, (m_)->size, __VA_ARGS__), \
	 (m_)->refused = (why_), false)

static bool set(struct making *m, char **dst, const char *text)
{
	char *copy = NULL;

	if (text && *text && str_dup(&copy, text)) {
		m->no_memory = true;
		return false;
	}
	mem_deref(*dst);
	*dst = copy;
	return true;
}

static void route_destructor(void *arg)
{
	struct route *route = arg;

	for (size_t i = 0; i < route->count; i++)
		mem_deref(route->hosts[i].uri);
	mem_deref(route->proxy);
	for (size_t i = 0; i < ARRAY_SIZE(route->beyond); i++)
		mem_deref(route->beyond[i]);
	mem_deref(route->from);
	mem_deref(route->from_user);
	mem_deref(route->from_domain);
	mem_deref(route->from_name);
	mem_deref(route->account);
	mem_deref(route->user);
	mem_deref(route->headers);
	mem_deref(route->trunk);
	mem_deref(route->endpoint);
	mem_deref(route->binding);
	for (size_t i = 0; i < ROUTE_PATH_MAX; i++)
		mem_deref(route->path[i]);
}

/* ---- what is allowed -------------------------------------------------- */

static bool any_match(const char *const *patterns, const char *text)
{
	for (size_t i = 0; patterns && patterns[i]; i++) {
		if (target_match(patterns[i], text))
			return true;
	}
	return false;
}

static bool host_allowed(const struct calls *calls, const char *host)
{
	return target_is_loopback(host) ||
	       any_match(calls->config.outbound_allow, host) ||
	       (calls->trunks && trunk_of_host(calls->trunks, host)) ||
	       (calls->accounts && accounts_have_host(calls->accounts, host));
}

static bool denied(struct making *m, const char *text)
{
	if (!text || !*text || !any_match(m->calls->config.outbound_deny, text))
		return false;
	return !refuse(m, &refuse_forbidden, "'%s' is denied by outbound.deny",
		       text);
}

/* ---- hosts ------------------------------------------------------------ */

/* The address that our own is chosen by. A name isn't looked up for it (the
 * session does, later): one that isn't local is taken to be reached by the
 * default route, which these documentation addresses stand for. */
static void address_of(struct sa *dst, const char *host)
{
	if (!strcasecmp(host, "localhost"))
		(void)sa_set_str(dst, "127.0.0.1", SIP_PORT);
	else if (sa_set_str(dst, host, SIP_PORT))
		(void)sa_set_str(dst, "192.0.2.1", SIP_PORT);
}

static bool add_host(struct making *m, const char *uri)
{
	struct route *r = m->route;
	struct target t, via;

	if (r->count == ROUTE_HOSTS_MAX)
		return true;
	if (target_parse(&t, uri, m->err, m->size)) {
		m->refused = &refuse_invalid;
		return false;
	}
	if (t.secure)
		return refuse(m, &refuse_no_route,
			      "%s needs TLS, which is not available", t.uri);
	if (denied(m, t.host))
		return false;
	if (!set(m, &r->hosts[r->count].uri, t.uri))
		return false;
	if (r->proxy && !target_parse(&via, r->proxy, NULL, 0) &&
	    via.type == TARGET_URI)
		address_of(&r->hosts[r->count].dst, via.host);
	else
		address_of(&r->hosts[r->count].dst, t.host);
	r->hosts[r->count].trunk_host = -1;
	r->count++;
	return true;
}

/* '#' can't stand in a URI as it is (RFC 3261 25.1). */
static void user_escape(char *out, size_t size, const char *user)
{
	size_t n = 0;

	for (; *user && n + 4 < size; user++) {
		if (*user == '#') {
			memcpy(out + n, "%23", 3);
			n += 3;
		} else {
			out[n++] = *user;
		}
	}
	out[n] = '\0';
}

/* ---- accounts and trunks ---------------------------------------------- */

/* Over the proxy that the account is registered by, and through its
 * Service-Route. */
static bool via_registered(struct making *m, const struct account *account)
{
	struct route *r = m->route;
	const char *uris[ACCOUNT_ROUTES_MAX];
	const size_t n = account_routes(account, uris);

	if (!n)
		return true;
	if (!set(m, &r->proxy, uris[0]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (!set(m, &r->beyond[i - 1], uris[i]))
			return false;
		r->beyond_count = i;
	}
	return true;
}

static const struct account_params *use_account(struct making *m,
						const char *name)
{
	struct account *account =
		m->calls->accounts ? account_find(m->calls->accounts, name)
				   : NULL;
	const struct account_params *p;
	const char *at;

	if (!account) {
		(void)refuse(m, &refuse_no_route,
			     "no account '%s' is configured", name);
		return NULL;
	}
	p = account_params(account);
	at = strchr(p->uri, '@');
	if (!set(m, &m->route->account, p->name) ||
	    !set(m, &m->route->proxy, p->proxy) ||
	    !set(m, &m->route->from_domain, at ? at + 1 : NULL))
		return NULL;
	if (p->proxy && !via_registered(m, account))
		return NULL;
	/* uri parameters are no part of a domain */
	if (m->route->from_domain)
		m->route->from_domain[strcspn(m->route->from_domain, ";")] =
			'\0';
	return p;
}

/* Through the account's registrar, when nothing nearer was said. */
static bool via_account(struct making *m, const struct account_params *p,
			const char *number)
{
	struct route *r = m->route;
	char user[3 * sizeof(m->target.number)], uri[512];
	const struct account_server *server;
	const struct account *account;
	struct target registrar;

	if (!r->from_domain)
		return refuse(m, &refuse_no_route,
			      "the uri of account '%s' has no domain", p->name);
	account = account_find(m->calls->accounts, p->name);
	if (!r->proxy && !via_registered(m, account))
		return false;
	/* it had to turn to another registrar: so do its calls */
	server = account_server(account);
	if (!r->proxy && server && server->number &&
	    !set(m, &r->proxy, server->uri))
		return false;
	if (!r->proxy && p->registrar &&
	    !target_parse(&registrar, p->registrar, NULL, 0) &&
	    strcmp(strchr(registrar.uri, ':') + 1, r->from_domain) != 0 &&
	    !set(m, &r->proxy, registrar.uri))
		return false;
	user_escape(user, sizeof(user), number);
	(void)snprintf(uri, sizeof(uri), "sip:%s@%s", user, r->from_domain);
	return add_host(m, uri);
}

static bool unreachable(struct making *m, const struct trunk *trunk)
{
	struct trunk_reading reading;

	trunk_read(trunk, &reading);
	return refuse(m, &refuse_trunk_down, "trunk '%s' is unreachable%s%s",
		      trunk_params(trunk)->name, *reading.reason ? ": " : "",
		      reading.reason);
}

/* The host that was added last is that one of the trunk's. */
static bool mark(struct making *m, size_t host)
{
	m->route->hosts[m->route->count - 1].trunk_host = (int)host;
	return true;
}

/* The trunk's hosts in order, those that lag or the others; none that is
 * unreachable. */
static bool add_hosts(struct making *m, const struct trunk *trunk,
		      const char *user, bool lagged)
{
	const char *const *hosts = trunk_params(trunk)->hosts;
	char uri[768];

	for (size_t i = 0; hosts[i]; i++) {
		struct trunk_reading reading = {.state = REACH_UNKNOWN};

		if (i < trunk_host_count(trunk))
			trunk_read_host(trunk, i, &reading);
		if (reading.state == REACH_UNREACHABLE ||
		    (reading.state == REACH_LAGGED) != lagged)
			continue;
		if (m->route->count == ROUTE_HOSTS_MAX)
			break;
		(void)snprintf(uri, sizeof(uri), "sip:%s@%s", user, hosts[i]);
		if (!add_host(m, uri))
			return false;
		(void)mark(m, i);
	}
	return true;
}

static bool via_trunk(struct making *m, struct trunk *trunk)
{
	const struct trunk_params *p = trunk_params(trunk);
	const char *account = m->dial->account ? m->dial->account : p->account;
	const char *number = m->target.number;
	const struct account_params *ap = NULL;
	char full[160], user[3 * sizeof(full)];
	bool name = (*number >= 'a' && *number <= 'z') ||
		    (*number >= 'A' && *number <= 'Z');

	m->route->trunk = mem_ref(trunk);
	if (account) {
		ap = use_account(m, account);
		if (!ap)
			return false;
	}
	/* a prefix takes the place of the + */
	if (p->prefix && !name)
		(void)snprintf(full, sizeof(full), "%s%s", p->prefix,
			       number + (*number == '+'));
	else
		(void)snprintf(full, sizeof(full), "%s", number);
	if (trunk_state(trunk) == REACH_UNREACHABLE)
		return unreachable(m, trunk);
	if (!p->hosts && ap)
		return via_account(m, ap, full) && mark(m, 0);
	user_escape(user, sizeof(user), full);
	m->route->beyond_count = 0; /* the hosts say where it goes */
	return add_hosts(m, trunk, user, false) &&
	       add_hosts(m, trunk, user, true);
}

static bool find_trunk(struct making *m, const char *name)
{
	struct trunk *trunk =
		m->calls->trunks ? trunk_find(m->calls->trunks, name) : NULL;

	if (!trunk)
		return refuse(m, &refuse_no_route,
			      "no trunk '%s' is configured", name);
	return via_trunk(m, trunk);
}

/* How well one of several trunks would do now. */
enum fitness { NO_SUCH, DOWN, FULL, SLOW, FIT };

static enum fitness fitness(const struct making *m, const char *name)
{
	struct trunk *trunk =
		m->calls->trunks ? trunk_find(m->calls->trunks, name) : NULL;

	if (!trunk)
		return NO_SUCH;
	if (trunk_state(trunk) == REACH_UNREACHABLE)
		return DOWN;
	if (!trunk_admits(trunk, clock_mono_ms()))
		return FULL;
	return trunk_state(trunk) == REACH_LAGGED ? SLOW : FIT;
}

/* The first of the best: a missing one is a mistake, and said. */
static bool choose_trunk(struct making *m)
{
	const char *const *names = m->dial->trunks, *best = names[0];
	enum fitness best_is = NO_SUCH;

	for (; *names; names++) {
		const enum fitness is = fitness(m, *names);

		if (is == NO_SUCH)
			return find_trunk(m, *names);
		if (is > best_is) {
			best = *names;
			best_is = is;
		}
	}
	return find_trunk(m, best);
}

static bool via_number(struct making *m)
{
	const struct calls *calls = m->calls;
	const struct account_params *p;
	struct trunk *only;

	if (m->dial->trunks && m->dial->trunks[0])
		return choose_trunk(m);
	if (m->dial->trunk && *m->dial->trunk)
		return find_trunk(m, m->dial->trunk);
	if (m->dial->account && *m->dial->account) {
		p = use_account(m, m->dial->account);
		return p && via_account(m, p, m->target.number);
	}
	if (calls->config.default_trunk)
		return find_trunk(m, calls->config.default_trunk);
	only = calls->trunks ? trunk_only(calls->trunks) : NULL;
	if (only)
		return via_trunk(m, only);
	return refuse(m, &refuse_no_route,
		      "a number needs a trunk, and no default is configured");
}

static bool via_uri(struct making *m)
{
	const char *name = m->dial->account;

	if (name && *name) {
		if (!use_account(m, name))
			return false;
		if (!m->route->proxy &&
		    !via_registered(m, account_find(m->calls->accounts, name)))
			return false;
	}
	if (!host_allowed(m->calls, m->target.host))
		return refuse(m, &refuse_forbidden,
			      "calls to host '%s' are not allowed: see "
			      "outbound.allow",
			      m->target.host);
	return add_host(m, m->target.uri);
}

/* ---- endpoints ---------------------------------------------------------- */

static bool read_path(struct making *m, const struct binding *binding)
{
	struct route *r = m->route;
	char uri[512];

	for (size_t i = 0; i < ROUTE_PATH_MAX; i++) {
		if (binding_route(binding, i, uri, sizeof(uri)))
			return true;
		if (!set(m, &r->path[i], uri))
			return false;
	}
	return true;
}

/* The host that a contact or the first of its path names. */
static void binding_address(struct sa *dst, const struct route *r,
			    const char *target)
{
	const char *text = r->path[0] ? r->path[0] : target;
	char host[256] = "";
	struct uri uri;
	struct pl pl;

	pl_set_str(&pl, text);
	if (!uri_decode(&uri, &pl))
		(void)pl_strcpy(&uri.host, host, sizeof(host));
	address_of(dst, host);
}

static bool via_endpoint(struct making *m)
{
	const struct calls *calls = m->calls;
	struct route *r = m->route;
	struct endpoint *e = calls->endpoints ? endpoint_find(calls->endpoints,
							      m->target.name)
					      : NULL;
	struct binding *binding = m->dial->binding;
	size_t registered;

	if (!e)
		return refuse(m, &refuse_no_route,
			      "no endpoint '%s' is configured", m->target.name);
	r->endpoint = mem_ref(e);
	if (!binding && !endpoint_contacts(calls->endpoints, m->target.name,
					   &binding, 1, &registered)) {
		if (!registered)
			return refuse(m, &refuse_unreachable,
				      "the endpoint '%s' is not registered",
				      m->target.name);
		return refuse(m, &refuse_silent,
			      "the endpoint '%s' is registered, but does not "
			      "answer",
			      m->target.name);
	}
	if (!binding_registered(binding))
		return refuse(m, &refuse_unreachable,
			      "the endpoint '%s' is not registered there any "
			      "more",
			      m->target.name);
	r->binding = mem_ref(binding);
	/* The registrar has looked at what it has been given. */
	if (!read_path(m, binding) ||
	    !set(m, &r->hosts[0].uri, binding_target(binding)))
		return false;
	binding_address(&r->hosts[0].dst, r, r->hosts[0].uri);
	r->count = 1;
	return true;
}

static bool find_way(struct making *m)
{
	const struct account_params *p;
	struct target *t = &m->target;

	switch (t->type) {
	case TARGET_URI:
		return via_uri(m);
	case TARGET_NUMBER:
		return via_number(m);
	case TARGET_TRUNK:
		return find_trunk(m, t->name);
	case TARGET_ACCOUNT:
		p = use_account(m, t->name);
		return p && via_account(m, p, t->number);
	case TARGET_ENDPOINT:
		break;
	}
	return via_endpoint(m);
}

/* ---- identity --------------------------------------------------------- */

static bool choose_from(struct making *m)
{
	struct route *r = m->route;
	const struct trunk_params *tp =
		r->trunk ? trunk_params(r->trunk) : NULL;
	const struct account *account =
		r->account ? account_find(m->calls->accounts, r->account)
			   : NULL;
	const char *from = m->dial->from, *name = m->dial->display_name;
	char uri[320], number[64], why[128] = "";
	struct target t;

	if (!from || !*from)
		from = tp && tp->from ? tp->from : NULL;
	if (!from && account)
		from = account_params(account)->uri;
	if ((!name || !*name) && account)
		name = account_params(account)->display_name;
	if (name && !text_ok(name))
		return refuse(m, &refuse_invalid,
			      "the display name holds a control character");
	if (!set(m, &r->from_name, name))
		return false;
	if (!from)
		return set(m, &r->from_user, "moondial");
	if (strchr(from, ':') || strchr(from, '@')) {
		(void)snprintf(uri, sizeof(uri), "%s%s",
			       strchr(from, ':') ? "" : "sip:", from);
		if (target_parse(&t, uri, why, sizeof(why)) ||
		    t.type != TARGET_URI || t.secure)
			return refuse(m, &refuse_invalid, "from: %s",
				      *why ? why : "not a sip: URI");
		return set(m, &r->from, t.uri) && set(m, &r->from_user, t.user);
	}
	if (target_number(number, sizeof(number), from, true, why, sizeof(why)))
		return refuse(m, &refuse_invalid, "from: %s", why);
	return set(m, &r->from_user, number);
}

int route_make(struct route **rp, const struct calls *calls,
	       const struct call_dial *dial, const struct refusal **refused,
	       char *err, size_t size)
{
	struct making m = {
		.calls = calls, .dial = dial, .err = err, .size = size};
	char why[160] = "";
	bool ok;

	if (size)
		err[0] = '\0';
	m.route = mem_zalloc(sizeof(*m.route), route_destructor);
	if (!m.route)
		return ENOMEM;
	if (target_parse(&m.target, dial->target, why, sizeof(why)))
		ok = refuse(&m, &refuse_invalid, "target: %s", why);
	else if (!headers_ok(dial->headers))
		ok = refuse(&m, &refuse_invalid,
			    "headers: one is malformed, or may not be set");
	else
		ok = set(&m, &m.route->headers, dial->headers) &&
		     set(&m, &m.route->user,
			 m.target.type == TARGET_URI ? m.target.user
			 : m.target.type == TARGET_ENDPOINT
				 ? m.target.name
				 : m.target.number) &&
		     !denied(&m, m.route->user) && find_way(&m) &&
		     choose_from(&m);
	if (!ok && m.no_memory) {
		mem_deref(m.route);
		return ENOMEM;
	}
	*refused = ok ? NULL : m.refused;
	*rp = m.route;
	return 0;
}

int calls_may_ask(const struct calls *calls, const char *uri, char *out,
		  size_t out_size, char *err, size_t size)
{
	struct making m = {.calls = calls, .err = err, .size = size};

	if (target_parse(&m.target, uri, err, size))
		return EINVAL;
	if (m.target.type != TARGET_URI || m.target.secure ||
	    strlen(m.target.uri) >= out_size) {
		(void)snprintf(err, size, "'%.64s' is no sip: URI", uri);
		return EINVAL;
	}
	if (denied(&m, m.target.host) || denied(&m, m.target.user))
		return EPERM;
	if (!host_allowed(calls, m.target.host)) {
		(void)snprintf(err, size,
			       "host '%s' is not allowed: see outbound.allow",
			       m.target.host);
		return EPERM;
	}
	memcpy(out, m.target.uri, strlen(m.target.uri) + 1);
	return 0;
}
