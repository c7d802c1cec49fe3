#include "app/reachability.h"

#include <re.h>
#include <stdlib.h>
#include <string.h>

#include "app/engine_private.h"
#include "base/log.h"
#include "call/endpoint.h"
#include "call/trunk.h"
#include "script/script.h"
#include "sip/reach/qualify.h"
#include "store/store.h"

static struct store_value text(const char *s)
{
	struct store_value v = {0};

	if (s && *s) {
		v.type = STORE_TEXT;
		v.text = s;
		v.size = strlen(s);
	}
	return v;
}

static void written(const struct store_result *result, void *arg)
{
	(void)arg;
	if (result->error)
		log_error(NULL, "a change of reachability is not written: %s",
			  result->error);
}

static void write_row(struct engine *engine, const struct reachability *r)
{
	struct store_value values[] = {
		text(r->kind),
		text(r->name),
		text(r->host),
		text(reach_name(r->was)),
		text(reach_name(r->now)),
		text(r->reason),
		{0},
		{.type = STORE_INTEGER},
	};
	const struct store_statement statement = {
		.sql = store_query("reachability_add"),
		.values = values,
		.count = sizeof(values) / sizeof(values[0]),
	};

	if (r->rtt_us) {
		values[6].type = STORE_REAL;
		values[6].real = r->rtt_us / 1000.0;
	}
	values[7].integer = r->at_ms;
	if (!store_request(engine->store, &statement, 1, written, NULL))
		log_error(NULL, "a change of reachability is not written: out "
				"of memory");
}

void reachability_tell(struct engine *engine, const struct reachability *r)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "kind", r->kind);
	cJSON_AddStringToObject(o, "name", r->name);
	if (r->host)
		cJSON_AddStringToObject(o, "host", r->host);
	cJSON_AddStringToObject(o, "state", reach_name(r->now));
	cJSON_AddStringToObject(o, "was", reach_name(r->was));
	cJSON_AddBoolToObject(o, "reachable",
			      r->now == REACH_REACHABLE ||
				      r->now == REACH_LAGGED);
	cJSON_AddNumberToObject(o, "at", (double)r->at_ms / 1000);
	if (r->rtt_us)
		cJSON_AddNumberToObject(o, "rtt", r->rtt_us / 1e6);
	cJSON_AddStringToObject(o, "reason", r->reason);
	write_row(engine, r);
	if (engine->scripts)
		scripts_event(engine->scripts, "reachability", o);
	cJSON_Delete(o);
}

void reachability_of_trunk(struct trunk *trunk,
			   const struct trunk_change *change, void *arg)
{
	const struct reachability r = {
		.kind = change->host ? "host" : "trunk",
		.name = trunk_params(trunk)->name,
		.host = change->host,
		.was = change->was,
		.now = change->now,
		.at_ms = change->at_ms,
		.rtt_us = change->now == REACH_UNREACHABLE ? 0 : change->rtt_us,
		.reason = change->reason,
	};

	reachability_tell(arg, &r);
}

void reachability_of_endpoint(struct binding *binding, enum reach was,
			      const struct trunk_reading *reading, void *arg)
{
	const struct reachability r = {
		.kind = "endpoint",
		.name = binding_name(binding),
		.host = binding_target(binding),
		.was = was,
		.now = reading->state,
		.at_ms = reading->since_ms,
		.rtt_us = reading->rtt_us,
		.reason = reading->reason,
	};

	reachability_tell(arg, &r);
}

void reachability_of_uri(struct qualify *qualify, enum reach was, void *arg)
{
	const enum reach now = qualify_state(qualify);
	const struct reachability r = {
		.kind = "uri",
		.name = qualify_uri(qualify),
		.was = was,
		.now = now,
		.at_ms = qualify_since(qualify),
		.rtt_us =
			now == REACH_UNREACHABLE ? 0 : qualify_rtt_us(qualify),
		.reason = qualify_reason(qualify),
	};

	reachability_tell(arg, &r);
}
