#include "app/define.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/engine.h"
#include "base/schema.h"
#include "call/endpoint.h"
#include "call/trunk.h"
#include "sip/account/account.h"

const char **define_strings(const cJSON *value)
{
	const int n = cJSON_IsString(value) ? 1 : cJSON_GetArraySize(value);
	const char **v;
	int i = 0;

	if (!n || !(v = calloc((size_t)n + 1, sizeof(*v))))
		return NULL;
	if (cJSON_IsString(value)) {
		v[0] = value->valuestring;
	} else {
		const cJSON *e;

		cJSON_ArrayForEach(e, value) v[i++] = e->valuestring;
	}
	return v;
}

const char **define_prompts(const cJSON *root, char *own, size_t size)
{
	const char **configured =
		define_strings(root ? schema_get(root, "prompts") : NULL);
	const char **dirs;
	size_t n = 0;

	while (configured && configured[n])
		n++;
	dirs = calloc(n + 2, sizeof(*dirs));
	if (dirs && n)
		memcpy(dirs, configured, n * sizeof(*configured));
	if (dirs)
		dirs[n] = engine_share("prompts", own, size);
	free(configured);
	return dirs;
}

/* The schema has let no other name pass. */
static enum keepalive_kind keepalive_kind(const cJSON *t)
{
	enum keepalive_kind kind = KEEPALIVE_NONE;

	(void)keepalive_kind_parse(&kind,
				   schema_string(t, "keepalive", "none"));
	return kind;
}

static uint32_t keepalive_interval_ms(const cJSON *t)
{
	return (uint32_t)(1000 * schema_number(t, "keepalive_interval", 25));
}

static uint32_t keepalive_ms(const cJSON *t, const char *key)
{
	const cJSON *value = schema_get(t, key);

	if (!value)
		return KEEPALIVE_UNSAID;
	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value) ? KEEPALIVE_DERIVED : KEEPALIVE_OFF;
	return (uint32_t)(1000 * value->valuedouble + 0.5);
}

static struct session_keepalive keepalive_of(const cJSON *t)
{
	return (struct session_keepalive){
		.sip_ms = keepalive_ms(t, "keepalive_sip"),
		.rtp_ms = keepalive_ms(t, "keepalive_rtp"),
		.nat_session_ms =
			(uint32_t)(1000 *
				   schema_number(t, "nat_session_time", 0)),
		.hangup = !schema_get(t, "keepalive_hangup")
				  ? KEEPALIVE_HANGUP_UNSAID
			  : schema_boolean(t, "keepalive_hangup", false)
				  ? KEEPALIVE_HANGUP_YES
				  : KEEPALIVE_HANGUP_NO,
	};
}

/* The schema has let no other name pass. */
static enum account_expiry expiry(const char *name)
{
	return !strcmp(name, "header")	 ? ACCOUNT_EXPIRY_HEADER
	       : !strcmp(name, "ignore") ? ACCOUNT_EXPIRY_IGNORED
					 : ACCOUNT_EXPIRY_CONTACT;
}

static bool has(const char *const *list, unsigned count)
{
	unsigned n = 0;

	while (list && list[n])
		n++;
	return n >= count;
}

/* ACCOUNTS NULL: only look whether they can be. */
static bool account_apply(struct accounts *accounts, const cJSON *t, char *err,
			  size_t size)
{
	char why[256] = "";
	const char **registrars = define_strings(schema_get(t, "registrar"));
	const char **proxies = define_strings(schema_get(t, "proxy"));
	const char **servers = proxies ? proxies : registrars;
	bool ok = false;
	const struct account_params p = {
		.name = schema_string(t, "name", NULL),
		.uri = schema_string(t, "uri", NULL),
		.display_name = schema_string(t, "display_name", NULL),
		.auth_user = schema_string(t, "auth_user", NULL),
		.password = schema_string(t, "password", NULL),
		.ha1 = schema_string(t, "ha1", NULL),
		.realm = schema_string(t, "realm", NULL),
		.registrar = registrars ? registrars[0] : NULL,
		.proxy = proxies ? proxies[0] : NULL,
		.backups = servers ? servers + 1 : NULL,
		.expiry = expiry(schema_string(t, "registrar_expires", "")),
		.outbound = schema_boolean(t, "outbound", false),
		.flows = (unsigned)schema_number(t, "flows", 1),
		.instance_id = schema_string(t, "instance_id", NULL),
		.keeps_binding = !schema_boolean(t, "unregister", true),
		.registers = schema_boolean(t, "register", true),
		.expires = (uint32_t)schema_number(t, "expires", 600),
		.retry_min = (uint32_t)schema_number(t, "retry_min", 5),
		.retry_max = (uint32_t)schema_number(t, "retry_max", 300),
		.max_calls = (unsigned)schema_number(t, "max_calls", 0),
		.max_cps = (unsigned)schema_number(t, "max_rate", 0),
		.flow_keepalive = keepalive_kind(t),
		.flow_keepalive_ms = keepalive_interval_ms(t),
		.keepalive = keepalive_of(t),
	};

	if (p.retry_max < p.retry_min)
		(void)snprintf(err, size,
			       "account '%s': retry_max (%u) is below "
			       "retry_min (%u)",
			       p.name, p.retry_max, p.retry_min);
	else if (p.flows > 1 && (!p.outbound || !has(servers, p.flows)))
		(void)snprintf(
			err, size,
			"account '%s': %u flows need outbound = true, "
			"and as many in the list of proxy (or registrar)",
			p.name, p.flows);
	else if (proxies && registrars && registrars[1])
		(void)snprintf(err, size,
			       "account '%s': with a proxy there can be one "
			       "registrar only; make proxy the list",
			       p.name);
	else if (account_check(&p, why, sizeof(why)))
		(void)snprintf(err, size, "account '%s': %s", p.name, why);
	else
		ok = !accounts || !account_set(accounts, &p, err, size);
	free(registrars);
	free(proxies);
	return ok;
}

static uint32_t ms(const cJSON *t, const char *key, double fallback_s)
{
	return (uint32_t)(1000 * schema_number(t, key, fallback_s) + 0.5);
}

/* qualify = false, true, or the time-out in seconds. */
static struct trunk_reach_params reach_of(const cJSON *t)
{
	const cJSON *qualify = schema_get(t, "qualify");
	struct trunk_reach_params p = {
		.qualify = cJSON_IsTrue(qualify) || cJSON_IsNumber(qualify),
		.success = !strcmp(schema_string(t, "qualify_answer", "any"),
				   "2xx"),
		.every_ms = ms(t, "qualify_every", 60),
		.timeout_ms = ms(t, "qualify_timeout", 2),
		.tries = (unsigned)schema_number(t, "qualify_tries", 7),
		.keepalive = keepalive_kind(t),
		.keepalive_ms = keepalive_interval_ms(t),
	};

	if (cJSON_IsNumber(qualify))
		p.timeout_ms = ms(t, "qualify", 2);
	return p;
}

static const cJSON *element(const cJSON *root, const char *list,
			    const char *name)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, schema_get(root, list))
	{
		if (!strcmp(schema_string(e, "name", ""), name))
			return e;
	}
	return NULL;
}

/* Whether there is such an account; *REGISTERS: and it does. */
static bool has_account(const struct define *define, const char *name,
			bool *registers)
{
	const struct account *account =
		define->accounts ? account_find(define->accounts, name) : NULL;
	const cJSON *e = define->accounts
				 ? NULL
				 : element(define->root, "accounts", name);

	*registers = account ? account_params(account)->registers
			     : e && schema_boolean(e, "register", true);
	return account || e;
}

static bool trunk_apply(const struct define *define, const cJSON *t, char *err,
			size_t size)
{
	const char **hosts = define_strings(schema_get(t, "hosts"));
	const struct trunk_params p = {
		.name = schema_string(t, "name", NULL),
		.hosts = hosts,
		.account = schema_string(t, "account", NULL),
		.from = schema_string(t, "from", NULL),
		.prefix = schema_string(t, "prefix", NULL),
		.max_calls = (unsigned)schema_number(t, "max_calls", 0),
		.max_cps = (unsigned)schema_number(t, "max_rate", 0),
		.reach = reach_of(t),
		.keepalive = keepalive_of(t),
	};
	bool ok = false, registers = false;

	if (!p.hosts && !p.account)
		(void)snprintf(err, size,
			       "trunk '%s' needs hosts, an account, or both",
			       p.name);
	else if (p.account && !has_account(define, p.account, &registers))
		(void)snprintf(err, size,
			       "trunk '%s': there is no account '%s'", p.name,
			       p.account);
	else if (p.reach.keepalive == KEEPALIVE_REGISTER &&
		 (p.hosts || !registers))
		(void)snprintf(err, size,
			       "trunk '%s': keepalive register is for a trunk "
			       "without hosts, of an account that registers",
			       p.name);
	else if (define->trunks)
		ok = !trunk_set(define->trunks, &p, err, size);
	else
		ok = !trunk_check(&p, err, size);
	free(hosts);
	return ok;
}

static unsigned algorithms(const cJSON *t)
{
	const char **names = define_strings(schema_get(t, "algorithms"));
	unsigned set = 0;

	for (const char **name = names; name && *name; name++)
		set |= strcmp(*name, "MD5") ? AUTH_SHA256 : AUTH_MD5;
	free(names);
	return set;
}

/* As a trunk's, without a keepalive. */
static struct endpoint_qualify endpoint_qualify_of(const cJSON *t)
{
	const struct trunk_reach_params p = reach_of(t);

	return (struct endpoint_qualify){
		.on = p.qualify,
		.success = p.success,
		.every_ms = p.every_ms,
		.timeout_ms = p.timeout_ms,
		.tries = p.tries,
	};
}

void define_endpoint(struct endpoint_params *params, const cJSON *t)
{
	const char *nat = schema_string(t, "nat", "auto");

	*params = (struct endpoint_params){
		.name = schema_string(t, "name", NULL),
		.auth_user = schema_string(t, "auth_user", NULL),
		.password = schema_string(t, "password", NULL),
		.ha1 = schema_string(t, "ha1", NULL),
		.ha1_sha256 = schema_string(t, "ha1_sha256", NULL),
		.algorithms = algorithms(t),
		.max_calls = (unsigned)schema_number(t, "max_calls", 0),
		.busy_level = (unsigned)schema_number(t, "busy_level", 0),
		.max_contacts = (unsigned)schema_number(t, "max_contacts", 10),
		.expires = (uint32_t)schema_number(t, "expires", 3600),
		.min_expires = (uint32_t)schema_number(t, "min_expires", 60),
		.max_expires = (uint32_t)schema_number(t, "max_expires", 86400),
		.nat = !strcmp(nat, "always")  ? REGISTRAR_NAT_ALWAYS
		       : !strcmp(nat, "never") ? REGISTRAR_NAT_NEVER
					       : REGISTRAR_NAT_AUTO,
		.single_contact = schema_boolean(t, "single_contact", false),
		.keep_calls = !schema_boolean(t, "restart_ends_calls", true),
		.qualify = endpoint_qualify_of(t),
	};
}

bool define_apply(const struct define *define, const char *kind,
		  const cJSON *table, char *err, size_t size)
{
	struct endpoint_params params;

	if (!strcmp(kind, "account")) {
		if (!account_apply(define->accounts, table, err, size))
			return false;
		trunks_account_set(define->trunks,
				   schema_string(table, "name", ""));
		return true;
	}
	if (!strcmp(kind, "trunk"))
		return trunk_apply(define, table, err, size);
	define_endpoint(&params, table);
	return !endpoint_set(define->endpoints, &params, err, size);
}

bool define_can(const cJSON *root, const char *kind, const cJSON *element,
		char *err, size_t size)
{
	const struct define nothing = {.root = root};
	struct endpoint_params endpoint;

	if (!strcmp(kind, "account"))
		return account_apply(NULL, element, err, size);
	if (!strcmp(kind, "trunk"))
		return trunk_apply(&nothing, element, err, size);
	define_endpoint(&endpoint, element);
	return !endpoint_check(&endpoint, err, size);
}

/* Each of LIST can be, and has a name of its own. */
static bool check_list(const cJSON *root, const char *list, const char *kind,
		       char *err, size_t size)
{
	char why[512] = "";
	const cJSON *e;
	int i = 0;

	cJSON_ArrayForEach(e, schema_get(root, list))
	{
		const char *name = schema_string(e, "name", "");

		i++;
		if (element(root, list, name) != e) {
			(void)snprintf(err, size,
				       "%s[%d].name: there is another '%s' "
				       "before",
				       list, i, name);
			return false;
		}
		if (!define_can(root, kind, e, why, sizeof(why))) {
			(void)snprintf(err, size, "%s[%d]: %s", list, i, why);
			return false;
		}
	}
	return true;
}

bool define_check(const cJSON *root, char *err, size_t size)
{
	return check_list(root, "accounts", "account", err, size) &&
	       check_list(root, "trunks", "trunk", err, size) &&
	       check_list(root, "endpoints", "endpoint", err, size);
}
