/* The table of endpoints: who they are, and what the registrar asks us. */
#include "call/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "call/endpoint_offer.h"
#include "call/endpoint_private.h"
#include "call/trunk.h"
#include "sip/account/account.h"
#include "sip/stack.h"

enum { ENDPOINTS_BUCKETS = 16384, DOMAINS_MAX = 64 };

struct endpoints {
	struct registrar *registrar;
	struct endpoint_reach *reach;
	struct stack *stack;
	struct accounts *accounts;
	struct trunks *trunks;
	struct hash *by_name;
	char *domains[DOMAINS_MAX];
	struct endpoints_handlers h;
	void *arg;
	unsigned count;
	struct endpoint_offer offer;
};

/* ---- the table ------------------------------------------------------ */

static void strings_free(struct endpoint *e)
{
	e->name = mem_deref(e->name);
	e->auth_user = mem_deref(e->auth_user);
	e->password = mem_deref(e->password);
	e->ha1 = mem_deref(e->ha1);
	e->ha1_sha256 = mem_deref(e->ha1_sha256);
}

static void endpoint_destructor(void *arg)
{
	struct endpoint *e = arg;

	hash_unlink(&e->he);
	strings_free(e);
}

static bool has_name(struct le *le, void *arg)
{
	return !strcmp(((const struct endpoint *)le->data)->name, arg);
}

struct endpoint *endpoint_find(const struct endpoints *endpoints,
			       const char *name)
{
	return list_ledata(hash_lookup(endpoints->by_name, hash_joaat_str(name),
				       has_name, (void *)name));
}

static int dup(char **dst, const char *src)
{
	return src && *src ? str_dup(dst, src) : 0;
}

static bool hex(const char *text, size_t length)
{
	return !text || !*text ||
	       (strlen(text) == length &&
		strspn(text, "0123456789abcdefABCDEF") == length);
}

int endpoint_check(const struct endpoint_params *p, char *err, size_t size)
{
	const struct auth_secret secret = {
		.password = p->password,
		.ha1 = p->ha1,
		.ha1_sha256 = p->ha1_sha256,
		.algorithms = p->algorithms,
	};
	const uint32_t most = p->max_expires ? p->max_expires : 86400;

	if (!p->name || !*p->name || strpbrk(p->name, "/:@<>\"\\ \t\r\n") ||
	    strlen(p->name) >= ENDPOINT_NAME_SIZE)
		(void)snprintf(err, size,
			       "an endpoint needs a name of at most %d "
			       "characters, without '/', ':', '@', '<', '>', "
			       "quotes and spaces",
			       ENDPOINT_NAME_SIZE - 1);
	else if (!hex(p->ha1, 32))
		(void)snprintf(err, size,
			       "endpoint '%s': ha1 must be 32 hex digits: the "
			       "MD5 of user:realm:password",
			       p->name);
	else if (!hex(p->ha1_sha256, 64))
		(void)snprintf(err, size,
			       "endpoint '%s': ha1_sha256 must be 64 hex "
			       "digits: the SHA-256 of user:realm:password",
			       p->name);
	else if (!auth_algorithms(&secret))
		(void)snprintf(err, size,
			       "endpoint '%s' needs a password or ha1 (an "
			       "ha1_sha256 for SHA-256) for its algorithms",
			       p->name);
	else if (p->min_expires > most)
		(void)snprintf(err, size,
			       "endpoint '%s': min_expires (%u) is above "
			       "max_expires (%u)",
			       p->name, p->min_expires, most);
	else if (p->max_contacts > ENDPOINT_CONTACTS_MAX)
		(void)snprintf(err, size,
			       "endpoint '%s': max_contacts may be %d at most",
			       p->name, ENDPOINT_CONTACTS_MAX);
	else
		return 0;
	return EINVAL;
}

static void params_take(struct endpoint *e, struct endpoint *fresh,
			const struct endpoint_params *params)
{
	strings_free(e);
	e->name = fresh->name;
	e->auth_user = fresh->auth_user;
	e->password = fresh->password;
	e->ha1 = fresh->ha1;
	e->ha1_sha256 = fresh->ha1_sha256;
	e->params = *params;
	e->params.name = e->name;
	e->params.auth_user = e->auth_user;
	e->params.password = e->password;
	e->params.ha1 = e->ha1;
	e->params.ha1_sha256 = e->ha1_sha256;
}

static void secret_of(struct auth_secret *secret, const struct endpoint *e)
{
	const struct endpoint_params *p = &e->params;

	*secret = (struct auth_secret){
		.user = p->auth_user ? p->auth_user : p->name,
		.password = p->password,
		.ha1 = p->ha1,
		.ha1_sha256 = p->ha1_sha256,
		.algorithms = p->algorithms,
	};
}

/* What strangers are challenged with is like what the configured ones are. */
static void offer(struct endpoint *e, bool is_there)
{
	const unsigned before = e->offered;
	struct auth_secret secret;

	secret_of(&secret, e);
	e->offered = is_there && !e->asked ? auth_algorithms(&secret) : 0;
	endpoint_offer_count(&e->endpoints->offer, before, e->offered);
}

static int put(struct endpoints *endpoints,
	       const struct endpoint_params *params, bool asked)
{
	struct endpoint fresh = {.asked = false}, *e;
	int error;

	error = dup(&fresh.name, params->name);
	error |= dup(&fresh.auth_user, params->auth_user);
	error |= dup(&fresh.password, params->password);
	error |= dup(&fresh.ha1, params->ha1);
	error |= dup(&fresh.ha1_sha256, params->ha1_sha256);
	e = error ? NULL : endpoint_find(endpoints, params->name);
	if (!error && !e) {
		e = mem_zalloc(sizeof(*e), endpoint_destructor);
		if (e) {
			e->endpoints = endpoints;
			hash_append(endpoints->by_name,
				    hash_joaat_str(params->name), &e->he, e);
			endpoints->count++;
		}
	}
	if (!e) {
		strings_free(&fresh);
		return ENOMEM;
	}
	params_take(e, &fresh, params);
	e->asked = asked;
	offer(e, true);
	return 0;
}

static int set(struct endpoints *endpoints,
	       const struct endpoint_params *params, bool asked, char *err,
	       size_t size)
{
	int error = endpoint_check(params, err, size);

	if (error)
		return error;
	error = put(endpoints, params, asked);
	if (error)
		(void)snprintf(err, size, "out of memory");
	return error;
}

/* Its telephones are asked as it says now. */
static void qualify(struct endpoints *endpoints, const char *name)
{
	static const struct endpoint_qualify off = {.on = false};
	const struct endpoint *e = endpoint_find(endpoints, name);
	struct binding *bindings[ENDPOINT_CONTACTS_MAX];
	const size_t n = registrar_bindings(endpoints->registrar, name,
					    bindings, ENDPOINT_CONTACTS_MAX);

	for (size_t i = 0; i < n && i < ENDPOINT_CONTACTS_MAX; i++)
		endpoint_reach_set(endpoints->reach, bindings[i],
				   e ? &e->params.qualify : &off);
}

int endpoint_set(struct endpoints *endpoints,
		 const struct endpoint_params *params, char *err, size_t size)
{
	const int error = set(endpoints, params, false, err, size);

	if (!error)
		qualify(endpoints, params->name);
	return error;
}

static void forget(struct endpoint *e)
{
	struct endpoints *endpoints = e->endpoints;
	struct binding *bindings[ENDPOINT_CONTACTS_MAX];
	size_t n = registrar_bindings(endpoints->registrar, e->name, bindings,
				      ENDPOINT_CONTACTS_MAX);

	for (size_t i = 0; i < n && i < ENDPOINT_CONTACTS_MAX; i++)
		registrar_remove(endpoints->registrar, bindings[i]);
	if (!e->he.list)
		return; /* the last binding took it along */
	hash_unlink(&e->he);
	endpoints->count--;
	offer(e, false);
	mem_deref(e);
}

struct each {
	endpoint_apply_h *fn;
	void *arg;
};

static bool each_one(struct le *le, void *arg)
{
	const struct each *each = arg;

	return each->fn(le->data, each->arg);
}

void endpoint_each(const struct endpoints *endpoints, endpoint_apply_h *fn,
		   void *arg)
{
	struct each each = {.fn = fn, .arg = arg};

	(void)hash_apply(endpoints->by_name, each_one, &each);
}

const struct endpoint_params *endpoint_params(const struct endpoint *endpoint)
{
	return &endpoint->params;
}

void endpoint_count(const struct endpoint *endpoint,
		    struct endpoint_count *count)
{
	*count = endpoint->count;
}

bool endpoint_is_asked(const struct endpoint *endpoint)
{
	return endpoint->asked;
}

static bool asks(const struct endpoints *endpoints)
{
	return endpoints->h.asks && endpoints->h.asks(endpoints->arg);
}

struct registrar *endpoints_registrar(const struct endpoints *endpoints)
{
	return endpoints->registrar;
}

/* ---- what the registrar asks ---------------------------------------- */

static bool serves(void *arg)
{
	const struct endpoints *endpoints = arg;

	return endpoints->count || asks(endpoints);
}

static bool is_ours(const struct endpoints *endpoints, const struct pl *host)
{
	const struct stack_listen *listens;
	struct sa addr;
	size_t n;

	if (!endpoints->domains[0])
		return true;
	for (size_t i = 0; i < DOMAINS_MAX && endpoints->domains[i]; i++) {
		if (!pl_strcasecmp(host, endpoints->domains[i]))
			return true;
	}
	if (sa_set(&addr, host, 0))
		return false;
	listens = stack_listens(endpoints->stack, &n);
	for (size_t i = 0; i < n; i++) {
		if (!listens[i].gone &&
		    sa_cmp(&addr, &listens[i].addr, SA_ADDR))
			return true;
	}
	return false;
}

/* A call of a carrier or of a registrar that we have an account at is theirs,
 * whatever number its caller has. */
static bool claims(const struct sip_msg *msg, void *arg)
{
	const struct endpoints *endpoints = arg;
	char *user = NULL;
	bool ours;

	if (!endpoints->count || !pl_isset(&msg->from.uri.user) ||
	    !is_ours(endpoints, &msg->from.uri.host) ||
	    re_sdprintf(&user, "%H", uri_user_unescape, &msg->from.uri.user))
		return false;
	ours = endpoint_find(endpoints, user) &&
	       !(endpoints->trunks &&
		 trunk_of_addr(endpoints->trunks, &msg->src)) &&
	       !(endpoints->accounts &&
		 account_of_invite(endpoints->accounts, msg));
	mem_deref(user);
	return ours;
}

static unsigned algorithms(const char *user, void *arg)
{
	const struct endpoints *endpoints = arg;
	const struct endpoint *e = endpoint_find(endpoints, user);
	struct auth_secret secret;

	/* whom ask() may know: what he can, it says later */
	if (!e && asks(endpoints))
		return 0;
	if (!e)
		return endpoint_offer_stranger(&endpoints->offer, user);
	secret_of(&secret, e);
	return auth_algorithms(&secret);
}

static bool answer(struct endpoints *endpoints, uint64_t query,
		   const struct endpoint *e)
{
	const struct endpoint_params *p = &e->params;
	struct registrar_user user = {
		.name = p->name,
		.max_contacts = p->max_contacts,
		.expires = p->expires,
		.min_expires = p->min_expires,
		.max_expires = p->max_expires,
		.nat = p->nat,
		.single_contact = p->single_contact,
		.keep_calls = p->keep_calls,
	};

	secret_of(&user.secret, e);
	return registrar_answer(endpoints->registrar, query, &user, false);
}

static void identify(const struct registrar_query *query, void *arg)
{
	struct endpoints *endpoints = arg;
	const uint64_t id = registrar_query_id(query);
	struct endpoint *e =
		endpoint_find(endpoints, registrar_query_user(query));

	if (e && !e->asked) {
		(void)mem_ref(e);
		(void)answer(endpoints, id, e);
		mem_deref(e);
		return;
	}
	if (!asks(endpoints))
		(void)registrar_answer(endpoints->registrar, id, NULL, false);
	else if (!endpoints->h.ask(query, endpoints->arg))
		(void)registrar_answer(endpoints->registrar, id, NULL, true);
}

static bool has_bindings(const struct endpoint *e)
{
	return registrar_bindings(e->endpoints->registrar, e->name, NULL, 0) >
	       0;
}

void endpoint_look_needed(struct endpoint *e)
{
	if (e && e->asked && e->he.list && !e->calls.head && !has_bindings(e))
		forget(e);
}

int endpoints_answer(struct endpoints *endpoints, uint64_t query,
		     const struct endpoint_params *params, bool failed,
		     char *err, size_t size)
{
	struct endpoint *e;
	int error = 0;

	if (!params || failed) {
		(void)registrar_answer(endpoints->registrar, query, NULL,
				       failed);
		return 0;
	}
	e = endpoint_find(endpoints, params->name);
	/* configured meanwhile: that counts */
	if (!e || e->asked)
		error = set(endpoints, params, true, err, size);
	e = error ? NULL : endpoint_find(endpoints, params->name);
	if (!e) {
		(void)registrar_answer(endpoints->registrar, query, NULL, true);
		return error;
	}
	(void)mem_ref(e);
	(void)answer(endpoints, query, e);
	if (e->he.list)
		endpoint_look_needed(e);
	mem_deref(e);
	return 0;
}

static void changed(struct binding *binding, enum binding_event event,
		    void *arg)
{
	struct endpoints *endpoints = arg;
	const struct endpoint *e =
		endpoint_find(endpoints, binding_name(binding));

	if (e || !binding_registered(binding))
		endpoint_reach_set(endpoints->reach, binding,
				   e ? &e->params.qualify
				     : &(struct endpoint_qualify){0});
	if (endpoints->h.binding)
		endpoints->h.binding(binding, event, endpoints->arg);
	if (event == BINDING_EXPIRED)
		endpoint_look_needed(
			endpoint_find(endpoints, binding_name(binding)));
}

static void lost(struct binding *binding, bool is_lost, void *arg)
{
	struct endpoints *endpoints = arg;

	endpoint_reach_lost(endpoints->reach, binding, is_lost);
}

static void restarted(const struct registrar_restart *restart, void *arg)
{
	struct endpoints *endpoints = arg;
	struct endpoint *e = endpoint_find(endpoints, restart->name);
	unsigned ended = 0;

	if (e) {
		(void)mem_ref(e);
		ended = endpoint_restarted(e, restart);
		mem_deref(e);
	}
	log_info(NULL, "endpoint %s: restarted, %u call%s ended", restart->name,
		 ended, ended == 1 ? "" : "s");
	if (endpoints->h.restarted)
		endpoints->h.restarted(restart, ended, endpoints->arg);
}

int endpoints_restore(struct endpoints *endpoints,
		      const struct binding_record *record)
{
	const struct endpoint_params params = {.name = record->name};
	struct endpoint *e = endpoint_find(endpoints, record->name);
	int err;

	if (!e && !asks(endpoints))
		return ENOENT;
	if (!e) {
		/* it will be asked for when it calls or refreshes */
		err = put(endpoints, &params, true);
		if (err)
			return err;
	}
	err = registrar_restore(endpoints->registrar, record);
	if (err && !e)
		endpoint_look_needed(endpoint_find(endpoints, record->name));
	if (!err)
		qualify(endpoints, record->name);
	return err;
}

/* ---- which of its telephones are there --------------------------------------
 */

size_t endpoint_contacts(const struct endpoints *endpoints, const char *name,
			 struct binding **bindings, size_t count,
			 size_t *registered)
{
	struct binding *all[ENDPOINT_CONTACTS_MAX];
	size_t n = registrar_bindings(endpoints->registrar, name, all,
				      ENDPOINT_CONTACTS_MAX),
	       used = 0;

	if (n > ENDPOINT_CONTACTS_MAX)
		n = ENDPOINT_CONTACTS_MAX;
	if (registered)
		*registered = n;
	for (int lagged = 0; lagged < 2; lagged++) {
		for (size_t i = 0; i < n && used < count; i++) {
			struct trunk_reading reading;

			endpoint_reach_read(endpoints->reach, all[i], &reading);
			if (reading.state != REACH_UNREACHABLE &&
			    (reading.state == REACH_LAGGED) == lagged)
				bindings[used++] = all[i];
		}
	}
	return used;
}

void endpoint_reachability(const struct endpoints *endpoints,
			   const struct binding *binding,
			   struct trunk_reading *reading)
{
	endpoint_reach_read(endpoints->reach, binding, reading);
}

void endpoint_evidence(struct endpoints *endpoints,
		       const struct binding *binding,
		       enum trunk_evidence evidence, const char *reason)
{
	endpoint_reach_evidence(endpoints->reach, binding, evidence, reason);
}

/* ---- life
 * --------------------------------------------------------------------- */

int endpoints_alloc(struct endpoints **ep, struct stack *stack,
		    struct accounts *accounts, struct trunks *trunks,
		    const struct endpoints_config *config,
		    const struct endpoints_handlers *handlers, void *arg)
{
	static const struct registrar_handlers registrar_handlers = {
		.serves = serves,
		.claims = claims,
		.algorithms = algorithms,
		.identify = identify,
		.changed = changed,
		.lost = lost,
		.restarted = restarted,
	};
	const struct registrar_config registrar_config = {
		.realm = config->realm,
	};
	struct endpoints *endpoints = mem_zalloc(sizeof(*endpoints), NULL);
	int err;

	if (!endpoints)
		return ENOMEM;
	endpoints->stack = stack;
	endpoints->accounts = accounts;
	endpoints->trunks = trunks;
	if (handlers)
		endpoints->h = *handlers;
	endpoints->arg = arg;
	err = hash_alloc(&endpoints->by_name, ENDPOINTS_BUCKETS);
	if (!err)
		err = endpoint_offer_init(&endpoints->offer, config->secret);
	if (!err)
		err = endpoint_reach_alloc(&endpoints->reach, stack,
					   handlers ? handlers->reached : NULL,
					   arg);
	for (size_t i = 0; !err && config->domains && config->domains[i]; i++)
		err = i == DOMAINS_MAX ? E2BIG
				       : str_dup(&endpoints->domains[i],
						 config->domains[i]);
	if (!err)
		err = registrar_alloc(&endpoints->registrar, stack,
				      &registrar_config, &registrar_handlers,
				      endpoints);
	if (err)
		endpoints_free(endpoints);
	else
		*ep = endpoints;
	return err;
}

void endpoints_free(struct endpoints *endpoints)
{
	if (!endpoints)
		return;
	endpoint_reach_free(endpoints->reach);
	endpoints->reach = NULL;
	registrar_free(endpoints->registrar);
	if (endpoints->by_name)
		hash_flush(endpoints->by_name);
	mem_deref(endpoints->by_name);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		mem_deref(endpoints->domains[i]);
	mem_deref(endpoints);
}
