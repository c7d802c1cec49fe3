#include "app/reachability.h"

#include <re.h>
#include <stdlib.h>
#include <string.h>

#include "app/engine_private.h"
#include "base/clock.h"
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

/* ---- the past ------------------------------------------------------------ */

enum {
	PAST_MS = 10000, /* for reading it */
	PAST_CHANGES = 32,
	PAST_HOSTS = 16,
	PAST_ROWS = 2000, /* of the query */
	PAST_TEXT = 128,
};
static const int64_t past_days_ms = INT64_C(30) * 24 * 3600 * 1000;

enum past_column { HOST, WAS, STATE, REASON, RTT, AT, PAST_COLUMNS };

struct recalling {
	struct engine *engine;
	bool hosts; /* those of the trunk, not itself */
	int64_t since_ms;
	char trunk[];
};

static void copy_text(char out[PAST_TEXT], const struct store_value *v)
{
	const size_t n = v->type == STORE_TEXT ? v->size : 0;

	(void)snprintf(out, PAST_TEXT, "%.*s", (int)n, n ? v->text : "");
}

static enum reach state_read(const struct store_value *v)
{
	char text[PAST_TEXT];

	copy_text(text, v);
	for (int i = REACH_REACHABLE; i <= REACH_UNREACHABLE; i++)
		if (!strcmp(text, reach_name((enum reach)i)))
			return (enum reach)i;
	return REACH_UNKNOWN;
}

/* How long a peer was up and down, from its changes, the last one first. What
 * lies between one and the next only counts when both agree on it: an engine
 * that was killed hasn't said how long it knew. */
struct past {
	uint64_t up_ms, down_ms;
	int64_t at_ms; /* of the change after the one at hand; 0: none */
	enum reach was;
};

static void count_back(struct past *past, enum reach state, int64_t at_ms)
{
	if (past->at_ms > at_ms && past->was == state) {
		const uint64_t ms = (uint64_t)(past->at_ms - at_ms);

		if (state == REACH_UNREACHABLE)
			past->down_ms += ms;
		else if (state != REACH_UNKNOWN)
			past->up_ms += ms;
	}
	past->at_ms = at_ms;
}

static void recall_trunk(const struct recalling *recalling,
			 const struct store_result *result, struct trunk *trunk)
{
	struct trunk_change changes[PAST_CHANGES];
	char reasons[PAST_CHANGES][PAST_TEXT];
	struct past past = {.at_ms = 0};
	size_t n = 0;

	for (size_t i = 0; i < result->rows; i++) {
		const struct store_value *row =
			result->values + i * PAST_COLUMNS;

		count_back(&past, state_read(&row[STATE]), row[AT].integer);
		past.was = state_read(&row[WAS]);
		if (n == PAST_CHANGES)
			continue;
		copy_text(reasons[n], &row[REASON]);
		changes[n] = (struct trunk_change){
			.was = past.was,
			.now = state_read(&row[STATE]),
			.at_ms = row[AT].integer,
			.rtt_us = (uint32_t)(row[RTT].real * 1000),
			.reason = reasons[n],
		};
		n++;
	}
	/* as it was when the 30 days began */
	if (past.at_ms && result->rows < PAST_ROWS)
		count_back(&past, past.was, recalling->since_ms);
	trunk_recall(trunk, NULL, past.up_ms, past.down_ms, changes, n);
}

static void recall_hosts(const struct recalling *recalling,
			 const struct store_result *result, struct trunk *trunk)
{
	struct {
		char host[PAST_TEXT];
		struct past past;
	} hosts[PAST_HOSTS];
	size_t count = 0;

	for (size_t i = 0; i < result->rows; i++) {
		const struct store_value *row =
			result->values + i * PAST_COLUMNS;
		char host[PAST_TEXT];
		size_t h = 0;

		copy_text(host, &row[HOST]);
		while (h < count && strcmp(hosts[h].host, host) != 0)
			h++;
		if (h == PAST_HOSTS)
			continue;
		if (h == count) {
			memset(&hosts[count], 0, sizeof(hosts[count]));
			memcpy(hosts[count++].host, host, sizeof(host));
		}
		count_back(&hosts[h].past, state_read(&row[STATE]),
			   row[AT].integer);
		hosts[h].past.was = state_read(&row[WAS]);
	}
	for (size_t h = 0; h < count; h++) {
		struct past *past = &hosts[h].past;

		if (result->rows < PAST_ROWS)
			count_back(past, past->was, recalling->since_ms);
		trunk_recall(trunk, hosts[h].host, past->up_ms, past->down_ms,
			     NULL, 0);
	}
}

static void recalled(const struct store_result *result, void *arg)
{
	struct recalling *recalling = arg;
	const struct engine *engine = recalling->engine;
	struct trunk *trunk =
		engine->trunks ? trunk_find(engine->trunks, recalling->trunk)
			       : NULL;

	if (result->error)
		log_warn(NULL, "trunk %s: its history is not read: %s",
			 recalling->trunk, result->error);
	else if (trunk && result->columns == PAST_COLUMNS && recalling->hosts)
		recall_hosts(recalling, result, trunk);
	else if (trunk && result->columns == PAST_COLUMNS)
		recall_trunk(recalling, result, trunk);
	free(recalling);
}

static bool recall(struct engine *engine, const char *trunk, bool hosts)
{
	const size_t size = strlen(trunk) + 1;
	struct recalling *recalling = malloc(sizeof(*recalling) + size);
	struct store_value values[] = {
		text(hosts ? "host" : "trunk"),
		text(trunk),
		{.type = STORE_INTEGER},
		{.type = STORE_INTEGER, .integer = engine->began_ms},
	};
	const struct store_statement statement = {
		.sql = store_query("reachability_past"),
		.values = values,
		.count = sizeof(values) / sizeof(values[0]),
	};

	if (!recalling)
		return false;
	recalling->engine = engine;
	recalling->hosts = hosts;
	recalling->since_ms = clock_wall_ms() - past_days_ms;
	memcpy(recalling->trunk, trunk, size);
	values[2].integer = recalling->since_ms;
	if (store_read(engine->store, &statement, PAST_MS, recalled, recalling))
		return true;
	free(recalling);
	return false;
}

void reachability_recall(struct engine *engine, const char *trunk)
{
	if (!recall(engine, trunk, false) || !recall(engine, trunk, true))
		log_warn(NULL,
			 "trunk %s: its history is not read: out of memory",
			 trunk);
}

static void end_one(struct engine *engine, const char *kind, const char *name,
		    const struct trunk_reading *reading)
{
	const struct reachability r = {
		.kind = kind,
		.name = name,
		.host = reading->host,
		.was = reading->state,
		.now = REACH_UNKNOWN,
		.at_ms = clock_wall_ms(),
		.reason = "the engine has stopped",
	};

	if (reading->state != REACH_UNKNOWN)
		write_row(engine, &r);
}

static bool end_trunk(struct trunk *trunk, void *arg)
{
	const char *name = trunk_params(trunk)->name;
	const size_t hosts = trunk_host_count(trunk);
	struct trunk_reading reading;

	trunk_read(trunk, &reading);
	end_one(arg, "trunk", name, &reading);
	for (size_t i = 0; hosts > 1 && i < hosts; i++) {
		trunk_read_host(trunk, i, &reading);
		end_one(arg, "host", name, &reading);
	}
	return false;
}

void reachability_end(struct engine *engine)
{
	if (engine->trunks && engine->store)
		trunk_each(engine->trunks, end_trunk, engine);
}
