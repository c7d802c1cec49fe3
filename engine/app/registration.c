/* An account's state, told: to scripts, the database, status. */
#include "app/registration.h"

#include <re.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/account/account.h"
#include "store/store.h"

static const char *address_of(const struct account *account, char *text,
			      size_t size)
{
	const struct account_server *server = account_server(account);

	text[0] = '\0';
	if (server)
		(void)re_snprintf(text, size, "%J", &server->addr);
	return text;
}

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(o, name, text);
}

/* Each of its registrations, where there are to be several. */
static void add_flows(cJSON *o, const struct account *account)
{
	struct account_flow_reading flow;
	cJSON *list;

	if (account_params(account)->flows < 2)
		return;
	list = cJSON_AddArrayToObject(o, "flows");
	for (unsigned i = 0; i < ACCOUNT_FLOWS_MAX; i++) {
		cJSON *one;

		if (!account_read_flow(account, i, &flow))
			continue;
		one = cJSON_CreateObject();
		cJSON_AddNumberToObject(one, "reg_id", flow.reg_id);
		cJSON_AddStringToObject(one, "state",
					account_state_name(flow.state));
		if (flow.server)
			add_text(one, "server", flow.server->uri);
		else
			add_text(one, "reason", flow.reason);
		cJSON_AddItemToArray(list, one);
	}
}

cJSON *registration_status(const struct account *account)
{
	const struct account_server *server = account_server(account);
	const char *routes[ACCOUNT_ROUTES_MAX];
	const size_t count = account_routes(account, routes);
	cJSON *o = cJSON_CreateObject();
	char address[64];

	cJSON_AddStringToObject(o, "name", account_params(account)->name);
	cJSON_AddStringToObject(o, "uri", account_params(account)->uri);
	cJSON_AddStringToObject(o, "state",
				account_state_name(account_state(account)));
	cJSON_AddNumberToObject(o, "sip_code", account_scode(account));
	cJSON_AddStringToObject(o, "reason", account_reason(account));
	cJSON_AddNumberToObject(o, "expires_ms",
				account_expires(account) * 1000.0);
	cJSON_AddNumberToObject(o, "registered_at_ms",
				(double)account_registered_at(account));
	cJSON_AddNumberToObject(o, "next_at_ms",
				(double)account_next_at(account));
	add_flows(o, account);
	if (!server)
		return o;
	cJSON_AddStringToObject(o, "server", server->uri);
	cJSON_AddStringToObject(o, "address",
				address_of(account, address, sizeof(address)));
	cJSON_AddNumberToObject(o, "server_number", server->number + 1);
	add_text(o, "path", account_path(account));
	if (account_params(account)->outbound)
		cJSON_AddBoolToObject(o, "outbound",
				      account_is_outbound(account));
	if (account_flow_timer(account))
		cJSON_AddNumberToObject(o, "flow_timer_ms",
					account_flow_timer(account) * 1000.0);
	if (count)
		cJSON_AddItemToObject(
			o, "routes",
			cJSON_CreateStringArray(routes, (int)count));
	return o;
}

cJSON *registration_event(const struct account *account)
{
	const struct account_server *server = account_server(account);
	const double now = (double)clock_wall_ms();
	const double next = (double)account_next_at(account);
	cJSON *o = cJSON_CreateObject();
	char address[64];

	cJSON_AddStringToObject(o, "account", account_params(account)->name);
	cJSON_AddStringToObject(o, "state",
				account_state_name(account_state(account)));
	if (server) {
		cJSON_AddStringToObject(o, "server", server->uri);
		cJSON_AddStringToObject(
			o, "address",
			address_of(account, address, sizeof(address)));
		cJSON_AddNumberToObject(o, "expires", account_expires(account));
	} else {
		if (account_scode(account))
			cJSON_AddNumberToObject(o, "code",
						account_scode(account));
		add_text(o, "reason", account_reason(account));
	}
	if (next > now)
		cJSON_AddNumberToObject(o, "next", (next - now) / 1000);
	return o;
}

/* ---- history ----------------------------------------------------------- */

static void text_set(struct store_value *v, const char *text)
{
	if (!text || !*text)
		return;
	v->type = STORE_TEXT;
	v->text = text;
	v->size = strlen(text);
}

static void integer_set(struct store_value *v, int64_t n)
{
	v->type = STORE_INTEGER;
	v->integer = n;
}

static void written(const struct store_result *result, void *arg)
{
	static struct log_limit limit = LOG_LIMIT(5, 60000);
	(void)arg;

	if (result->error)
		log_limited(&limit, LOG_ERROR, NULL,
			    "registration not noted: %s", result->error);
}

void registration_write(struct store *store, const struct account *account)
{
	const struct account_server *server = account_server(account);
	struct store_value values[8];
	char address[64];
	const struct store_statement statement = {
		.sql = store_query("registration_put"),
		.values = values,
		.count = sizeof(values) / sizeof(values[0]),
	};

	memset(values, 0, sizeof(values));
	text_set(&values[0], account_params(account)->name);
	integer_set(&values[1], clock_wall_ms());
	text_set(&values[2], account_state_name(account_state(account)));
	if (server) {
		text_set(&values[3], server->uri);
		text_set(&values[4],
			 address_of(account, address, sizeof(address)));
		integer_set(&values[7],
			    account_expires(account) * INT64_C(1000));
	} else {
		if (account_scode(account))
			integer_set(&values[5], account_scode(account));
		text_set(&values[6], account_reason(account));
	}
	if (!store_request(store, &statement, 1, written, NULL))
		log_warn(NULL, "registration not noted: out of memory");
}

/* ---- the engine's own name --------------------------------------------- */

static void machine_id(char *id, size_t size)
{
	FILE *f = fopen("/etc/machine-id", "re");

	if (!f || !fgets(id, (int)size, f))
		(void)gethostname(id, size);
	id[size - 1] = '\0';
	id[strcspn(id, "\n")] = '\0';
	if (f)
		(void)fclose(f);
}

void registration_secret(char secret[MACHINE_SECRET_SIZE], const char *db)
{
	char machine[128] = "", path[PATH_MAX];

	machine_id(machine, sizeof(machine));
	if (!realpath(db, path))
		(void)snprintf(path, sizeof(path), "%s", db);
	(void)re_snprintf(secret, MACHINE_SECRET_SIZE, "challenges %s %s",
			  machine, path);
}

void registration_instance_id(char id[INSTANCE_ID_SIZE], const char *db)
{
	char machine[128] = "", path[PATH_MAX];
	uint8_t md[MD5_SIZE];

	machine_id(machine, sizeof(machine));
	if (!realpath(db, path))
		(void)snprintf(path, sizeof(path), "%s", db);
	(void)md5_printf(md, "moondial %s %s", machine, path);
	md[6] = (uint8_t)((md[6] & 0x0f) | 0x30); /* by MD5 of names */
	md[8] = (uint8_t)((md[8] & 0x3f) | 0x80);
	(void)snprintf(id, INSTANCE_ID_SIZE,
		       "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		       "%02x%02x%02x%02x%02x%02x",
		       md[0], md[1], md[2], md[3], md[4], md[5], md[6], md[7],
		       md[8], md[9], md[10], md[11], md[12], md[13], md[14],
		       md[15]);
}
