/* account.c -- accounts by name: set, changed, removed */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/loop.h"
#include "sip/account/account_private.h"
#include "sip/account/credentials.h"
#include "sip/account/register.h"
#include "sip/stack.h"

enum {
	BUCKETS = 4096,
	/* First REGISTERs leave at 100/s when there are many accounts. */
	SPREAD_FROM = 20,
	SPREAD_MS = 10,
	SPREAD_MAX_MS = 30000,
};

/* A registration that outlives its account until it is taken back. */
struct leaving {
	struct le le;
	struct accounts *accounts;
	struct registration *reg;
};

static void account_unlink(struct account *account)
{
	if (!account->accounts)
		return;
	list_unlink(&account->le);
	hash_unlink(&account->by_name);
	hash_unlink(&account->by_line);
	hash_unlink(&account->by_user);
	account->accounts->count--;
	account_hosts_remove(account->accounts, account->params);
	account->accounts = NULL;
}

static void account_destructor(void *arg)
{
	struct account *account = arg;

	account_unlink(account);
	account_flows_drop(account);
	mem_deref(account->reg);
	mem_deref(account->credentials);
	mem_deref(account->params);
}

/* --- leaving */

static void leaving_destructor(void *arg)
{
	struct leaving *leaving = arg;

	list_unlink(&leaving->le);
	mem_deref(leaving->reg);
}

static void on_closed(void *arg)
{
	struct accounts *accounts = arg;
	void (*done)(void *arg) = accounts->done;

	accounts->done = NULL;
	if (done)
		done(accounts->done_arg);
}

/* DONE comes from the loop, with nothing of ours beneath it. */
static void check_closed(struct accounts *accounts)
{
	if (accounts->done && !accounts->leaving.head)
		tmr_start(&accounts->tmr, 0, on_closed, accounts);
}

static void on_left(void *arg)
{
	struct leaving *leaving = arg;
	struct accounts *accounts = leaving->accounts;

	leaving->reg = NULL; /* gone by itself */
	mem_deref(leaving);
	check_closed(accounts);
}

void account_leave(struct accounts *accounts, struct registration *reg)
{
	struct leaving *leaving;

	if (!reg)
		return;
	leaving = mem_zalloc(sizeof(*leaving), leaving_destructor);
	if (!leaving) {
		mem_deref(reg);
		return;
	}
	leaving->accounts = accounts;
	leaving->reg = reg;
	list_append(&accounts->leaving, &leaving->le, leaving);
	registration_close(reg, on_left, leaving);
}

/* --- the table */

int accounts_alloc(struct accounts **ap, struct stack *stack,
		   account_h *handler, void *arg)
{
	struct accounts *accounts;
	int err;

	assert(loop_current());
	accounts = mem_zalloc(sizeof(*accounts), NULL);
	if (!accounts)
		return ENOMEM;
	accounts->stack = stack;
	accounts->pace.rate = REGISTER_RATE;
	accounts->handler = handler;
	accounts->arg = arg;
	err = hash_alloc(&accounts->by_name, BUCKETS);
	err = err ? err : hash_alloc(&accounts->by_line, BUCKETS);
	err = err ? err : hash_alloc(&accounts->by_user, BUCKETS);
	err = err ? err : hash_alloc(&accounts->by_host, BUCKETS);
	if (err)
		accounts_free(accounts);
	else
		*ap = accounts;
	return err;
}

void accounts_set_instance(struct accounts *accounts, const char *id)
{
	accounts->instance_id = mem_deref(accounts->instance_id);
	(void)str_dup(&accounts->instance_id, id);
}

void accounts_set_rate(struct accounts *accounts, unsigned rate)
{
	accounts->pace.rate = rate;
}

void accounts_free(struct accounts *accounts)
{
	struct account *account;

	if (!accounts)
		return;
	tmr_cancel(&accounts->tmr);
	list_flush(&accounts->leaving);
	while ((account = list_ledata(accounts->all.head))) {
		account_unlink(account);
		account_flows_drop(account);
		account->reg = mem_deref(account->reg);
		mem_deref(account);
	}
	mem_deref(accounts->by_name);
	mem_deref(accounts->by_line);
	mem_deref(accounts->by_user);
	mem_deref(accounts->by_host);
	mem_deref(accounts->instance_id);
	mem_deref(accounts);
}

/* Tell, while the handler may remove the account or end them all. */
static void tell(struct accounts *accounts, struct account *account)
{
	if (accounts->handler)
		accounts->handler(account, accounts->arg);
}

void account_tell(struct account *account)
{
	mem_ref(account);
	tell(account->accounts, account);
	mem_deref(account);
}

static void on_changed(void *arg)
{
	struct account *account = arg;

	account_flows_fit(account);
	if (account_has_news(account))
		account_tell(account);
}

static void account_close(struct account *account)
{
	struct accounts *accounts = account->accounts;
	struct registration *reg = account->reg;

	if (account->params->p.keeps_binding)
		account_flows_drop(account);
	else
		account_flows_close(account);
	account_unlink(account);
	account->reg = NULL;
	if (account->params->p.keeps_binding)
		mem_deref(reg);
	else
		account_leave(accounts, reg);
	tell(accounts, account);
	mem_deref(account);
}

void accounts_close(struct accounts *accounts, uint32_t wait_ms,
		    void (*done)(void *arg), void *arg)
{
	struct account *account;

	accounts->done = done;
	accounts->done_arg = arg;
	accounts->closing = true;
	while ((account = list_ledata(accounts->all.head)))
		account_close(account);
	tmr_start(&accounts->tmr, wait_ms, on_closed, accounts);
	check_closed(accounts);
}

struct account *account_find(const struct accounts *accounts, const char *name)
{
	struct le *le =
		list_head(hash_list(accounts->by_name, hash_joaat_str(name)));

	for (; le; le = le->next) {
		struct account *account = le->data;

		if (!strcmp(account->params->p.name, name))
			return account;
	}
	return NULL;
}

void account_each(const struct accounts *accounts, account_apply_h *fn,
		  void *arg)
{
	struct le *le = accounts->all.head;

	while (le) {
		struct account *account = le->data;

		le = le->next;
		if (fn(account, arg))
			return;
	}
}

/* --- setting */

static int credentials_make(struct credentials **cp,
			    const struct account_params_copy *params)
{
	const struct credentials_params c = {
		.name = params->p.name,
		.user = params->p.auth_user ? params->p.auth_user
					    : params->user,
		.password = params->p.password,
		.ha1 = params->p.ha1,
		.realm = params->p.realm,
		.hosts = {params->host, params->registrar_host,
			  params->proxy_host},
	};

	return credentials_alloc(cp, &c);
}

static uint32_t first_delay_ms(const struct accounts *accounts)
{
	uint32_t spread = accounts->count * SPREAD_MS;

	if (accounts->count < SPREAD_FROM)
		return 0;
	return rand_u32() % (spread < SPREAD_MAX_MS ? spread : SPREAD_MAX_MS);
}

void account_registration_params(struct registration_params *r,
				 const struct accounts *accounts,
				 const struct account_params_copy *params,
				 const char *line,
				 struct credentials *credentials)
{
	*r = (struct registration_params){
		.name = params->p.name,
		.aor = params->aor,
		.registrar = params->registrar,
		.servers = (const char *const *)params->servers,
		.proxies = params->proxy != NULL,
		.user = params->user,
		.line = line,
		.instance_id =
			params->p.outbound ? params->p.instance_id : NULL,
		.credentials = credentials,
		.pace = (struct register_pace *)&accounts->pace,
		.expiry = params->p.expiry,
		.expires = params->p.expires,
		.retry_min_ms = params->p.retry_min * 1000,
		.retry_max_ms = params->p.retry_max * 1000,
		.keepalive = params->p.flow_keepalive,
		.keepalive_ms = params->p.flow_keepalive_ms,
	};
}

/* Bring the registration in line with PARAMS: kept when nothing that matters
 * to the registrar has changed, renewed under its Call-ID when the same
 * binding is meant, else a new one. What is left behind takes itself back. */
static int registration_fit(struct accounts *accounts, struct account *account,
			    const struct account_params_copy *params,
			    struct credentials *credentials)
{
	char line[sizeof(account->line)];
	struct registration_params r;
	struct registration *reg = NULL;
	int err = 0;

	account_registration_params(&r, accounts, params, account->line,
				    credentials);
	if (params->p.registers) {
		if (account->reg &&
		    account_params_same_binding(account->params, params)) {
			return account_params_same_request(account->params,
							   params)
				       ? 0
				       : registration_renew(account->reg, &r);
		}
		/* A line of its own: what the old one takes back is not what
		 * the new one has registered. */
		(void)re_snprintf(line, sizeof(line), "%016llx", rand_u64());
		r.line = line;
		err = registration_alloc(&reg, accounts->stack, &r,
					 first_delay_ms(accounts), on_changed,
					 account);
		if (err)
			return err;
		(void)str_ncpy(account->line, line, sizeof(account->line));
	}
	account_leave(accounts, account->reg);
	account->reg = reg;
	return 0;
}

static void account_link(struct accounts *accounts, struct account *account)
{
	const char *line = account->line, *user = account->params->user;

	hash_unlink(&account->by_line);
	hash_unlink(&account->by_user);
	hash_append(accounts->by_line, hash_joaat_str(line), &account->by_line,
		    account);
	hash_append(accounts->by_user, hash_joaat_str(user), &account->by_user,
		    account);
	if (account->accounts)
		return;
	account->accounts = accounts;
	hash_append(accounts->by_name, hash_joaat_str(account->params->p.name),
		    &account->by_name, account);
	list_append(&accounts->all, &account->le, account);
	accounts->count++;
}

int account_check(const struct account_params *params, char *err, size_t size)
{
	struct account_params_copy *copy = NULL;
	struct account_params p = *params;
	int e;

	if (!p.instance_id)
		p.instance_id = "urn:uuid:0"; /* the engine's own, later */
	e = account_params_copy(&copy, &p, err, size);
	mem_deref(copy);
	return e;
}

int account_set(struct accounts *accounts, const struct account_params *params,
		char *err_text, size_t size)
{
	struct account_params p = *params;
	struct account_params_copy *copy = NULL;
	struct credentials *credentials = NULL;
	struct account *account = NULL;
	enum account_state before;
	bool fresh;
	int err;

	if (accounts->closing) {
		(void)re_snprintf(err_text, size, "the engine is stopping");
		return ESHUTDOWN;
	}
	if (!p.instance_id)
		p.instance_id = accounts->instance_id;
	err = account_params_copy(&copy, &p, err_text, size);
	if (err)
		return err;
	account = account_find(accounts, params->name);
	fresh = !account;
	err = credentials_make(&credentials, copy);
	if (!err && fresh) {
		account = mem_zalloc(sizeof(*account), account_destructor);
		err = account ? 0 : ENOMEM;
	}
	if (err)
		goto out;
	before = account_state(account);
	/* The same secret keeps the realms that it has learned. */
	if (!fresh && account_params_same_secret(account->params, copy)) {
		mem_deref(credentials);
		credentials = mem_ref(account->credentials);
	}
	err = account_hosts_add(accounts, copy);
	if (err)
		goto out;
	err = registration_fit(accounts, account, copy, credentials);
	if (err) {
		account_hosts_remove(accounts, copy);
		goto out;
	}
	if (!fresh)
		account_hosts_remove(accounts, account->params);
	/* those beside the first begin anew with the first */
	if (!fresh && !account_params_same_request(account->params, copy))
		account_flows_close(account);
	if (account->reg)
		registration_keep_registering(account->reg,
					      account->register_ms);
	mem_deref(account->params);
	account->params = mem_ref(copy);
	account->keepalive = params->keepalive;
	mem_deref(account->credentials);
	account->credentials = mem_ref(credentials);
	account_link(accounts, account);
	account_flows_fit(account);
	if (!fresh && account_state(account) != before)
		tell(accounts, account);
out:
	if (err) {
		(void)re_snprintf(err_text, size, "%s: %s", params->name,
				  strerror(err));
		if (fresh)
			mem_deref(account);
	}
	mem_deref(credentials);
	mem_deref(copy);
	return err;
}

int account_remove(struct accounts *accounts, const char *name)
{
	struct account *account = account_find(accounts, name);

	if (!account)
		return ENOENT;
	account_close(account);
	return 0;
}

/* --- reading */

const struct account_params *account_params(const struct account *account)
{
	return &account->params->p;
}

enum account_state account_state(const struct account *account)
{
	if (!account->accounts && account->params)
		return ACCOUNT_CLOSED;
	return account->reg ? registration_state(account_current(account))
			    : ACCOUNT_OFF;
}

const char *account_state_name(enum account_state state)
{
	switch (state) {
	case ACCOUNT_OFF:
		return "off";
	case ACCOUNT_TRYING:
		return "trying";
	case ACCOUNT_REGISTERED:
		return "registered";
	case ACCOUNT_FAILED:
		return "failed";
	case ACCOUNT_CLOSED:
		return "closed";
	}
	return "?";
}

uint16_t account_scode(const struct account *account)
{
	return account->reg ? registration_scode(account_current(account)) : 0;
}

const char *account_reason(const struct account *account)
{
	return account->reg ? registration_reason(account_current(account))
			    : "";
}

uint32_t account_expires(const struct account *account)
{
	return account->reg ? registration_expires(account_current(account))
			    : 0;
}

int64_t account_registered_at(const struct account *account)
{
	return account->reg ? registration_at(account_current(account)) : 0;
}

int64_t account_next_at(const struct account *account)
{
	return account->reg ? registration_next_at(account_current(account))
			    : 0;
}

const struct account_server *account_server(const struct account *account)
{
	return account->reg ? registration_server(account_current(account))
			    : NULL;
}

const char *account_path(const struct account *account)
{
	return account_server(account)
		       ? registration_grant(account_current(account))->path
		       : NULL;
}

uint32_t account_flow_timer(const struct account *account)
{
	return account_server(account)
		       ? registration_grant(account_current(account))
				 ->flow_timer
		       : 0;
}

bool account_is_outbound(const struct account *account)
{
	return account_server(account) &&
	       registration_grant(account_current(account))->outbound;
}

static bool same_host(const char *a, const char *b)
{
	struct uri ua, ub;
	struct pl pl;

	pl_set_str(&pl, a);
	if (uri_decode(&ua, &pl))
		return false;
	pl_set_str(&pl, b);
	return !uri_decode(&ub, &pl) && !pl_casecmp(&ua.host, &ub.host);
}

size_t account_routes(const struct account *account,
		      const char *routes[ACCOUNT_ROUTES_MAX])
{
	const struct account_server *server = account_server(account);
	char **granted =
		server ? registration_grant(account_current(account))->routes
		       : NULL;
	size_t n = 0;

	if (!server)
		return 0;
	if (account->params->proxy &&
	    (!granted || !same_host(server->uri, granted[0])))
		routes[n++] = server->uri;
	for (; granted && *granted && n < ACCOUNT_ROUTES_MAX; granted++)
		routes[n++] = *granted;
	return n;
}

void account_flow_failed(struct account *account, const char *why)
{
	if (account->reg)
		registration_flow_failed(account->reg, why);
}

static bool network_changed(struct account *account)
{
	bool changed = false;

	for (size_t i = 0; i < ARRAY_SIZE(account->flows); i++)
		if (account->flows[i].reg)
			changed |= registration_network_changed(
				account->flows[i].reg);
	if (account->reg)
		changed |= registration_network_changed(account->reg);
	return changed;
}

unsigned accounts_network_changed(struct accounts *accounts)
{
	unsigned n = 0;

	for (struct le *le = accounts->all.head, *next; le; le = next) {
		struct account *account = le->data;

		next = le->next;
		n += network_changed(account);
	}
	return n;
}

void account_keep_registering(struct account *account, uint32_t ms)
{
	account->register_ms = ms;
	if (account->reg)
		registration_keep_registering(account->reg, ms);
}

const struct session_keepalive *account_keepalive(const struct account *account)
{
	return &account->keepalive;
}

void account_set_keepalive(struct account *account,
			   const struct session_keepalive *more)
{
	session_keepalive_add(&account->keepalive, more);
}

bool account_is_learning(const struct account *account)
{
	return account_state(account) == ACCOUNT_TRYING &&
	       credentials_learning(account->credentials);
}

int account_auth(char **user, char **password, const char *realm, void *arg)
{
	const struct account *account = arg;

	return credentials_for_call(user, password, realm,
				    account->credentials);
}
