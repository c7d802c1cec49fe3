/* What `moondial status` shows: numbers of calls, accounts, trunks, scripts,
 * and the counters of all rooms. */
#include <re.h>

#include "app/config.h"
#include "app/engine.h"
#include "app/engine_private.h"
#include "app/registration.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/metrics.h"
#include "call/call.h"
#include "call/trunk.h"
#include "media/media.h"
#include "script/script.h"
#include "sip/account/account.h"
#include "sip/stack.h"
#include "store/store.h"

static bool add_account(struct account *account, void *arg)
{
	cJSON_AddItemToArray(arg, registration_status(account));
	return false;
}

void status_reading(cJSON *o, const struct trunk_reading *r)
{
	cJSON_AddStringToObject(o, "state", reach_name(r->state));
	cJSON_AddBoolToObject(o, "reachable",
			      r->state == REACH_REACHABLE ||
				      r->state == REACH_LAGGED);
	cJSON_AddNumberToObject(o, "since_ms", (double)r->since_ms);
	if (r->rtt_us) {
		cJSON_AddNumberToObject(o, "rtt_ms", r->rtt_us / 1000.0);
		cJSON_AddNumberToObject(o, "rtt_smoothed_ms",
					r->srtt_us / 1000.0);
	}
	if (r->availability >= 0)
		cJSON_AddNumberToObject(o, "availability",
					r->availability * 100);
	cJSON_AddStringToObject(o, "reason", r->reason);
}

/* ASR, ACD, PDD: only of something. */
static void add_traffic(cJSON *o, const struct trunk *trunk)
{
	struct trunk_traffic t;

	trunk_traffic(trunk, &t);
	cJSON_AddNumberToObject(o, "calls", (double)t.calls);
	cJSON_AddNumberToObject(o, "answered", (double)t.answered);
	if (t.calls)
		cJSON_AddNumberToObject(o, "asr",
					(double)t.answered / (double)t.calls);
	if (t.answered) {
		const uint64_t acd_ms = t.talk_ms / t.answered;

		cJSON_AddNumberToObject(o, "acd_ms", (double)acd_ms);
	}
	if (t.rang) {
		const uint64_t pdd_ms = t.delay_ms / t.rang;

		cJSON_AddNumberToObject(o, "pdd_ms", (double)pdd_ms);
	}
}

static bool add_trunk(struct trunk *trunk, void *arg)
{
	cJSON *o = cJSON_CreateObject(), *hosts, *h;
	struct trunk_reading reading;

	cJSON_AddStringToObject(o, "name", trunk_params(trunk)->name);
	cJSON_AddNumberToObject(o, "active", trunk_active(trunk));
	cJSON_AddNumberToObject(o, "max_calls", trunk_params(trunk)->max_calls);
	add_traffic(o, trunk);
	trunk_read(trunk, &reading);
	status_reading(o, &reading);
	hosts = cJSON_AddArrayToObject(o, "hosts");
	for (size_t i = 0; i < trunk_host_count(trunk); i++) {
		trunk_read_host(trunk, i, &reading);
		h = cJSON_CreateObject();
		cJSON_AddStringToObject(h, "host", reading.host);
		status_reading(h, &reading);
		cJSON_AddItemToArray(hosts, h);
	}
	cJSON_AddItemToArray(arg, o);
	return false;
}

static void add_metric(const char *name, const char *help, uint64_t value,
		       void *arg)
{
	(void)help;
	cJSON_AddNumberToObject(arg, name, (double)value);
}

static const char *phase_name(enum engine_phase phase)
{
	return phase == ENGINE_RUNNING	  ? "running"
	       : phase == ENGINE_DRAINING ? "draining"
					  : "closing";
}

cJSON *status_ban(const struct source_ban *ban)
{
	cJSON *o = cJSON_CreateObject();
	char text[64];

	(void)re_snprintf(text, sizeof(text), "%j%s", &ban->addr,
			  ban->network ? "/64" : "");
	cJSON_AddStringToObject(o, "address", text);
	cJSON_AddStringToObject(o, "reason", ban->reason ? ban->reason : "");
	cJSON_AddNumberToObject(o, "since", (double)ban->since_ms / 1000);
	if (ban->until_ms)
		cJSON_AddNumberToObject(o, "ends",
					(double)ban->until_ms / 1000);
	cJSON_AddNumberToObject(o, "times", ban->times);
	cJSON_AddNumberToObject(o, "dropped", (double)ban->dropped);
	return o;
}

static void add_ban(const struct source_ban *ban, void *arg)
{
	cJSON_AddItemToArray(arg, status_ban(ban));
}

cJSON *status_bans(const struct engine *engine)
{
	cJSON *list = cJSON_CreateArray();

	sources_bans(stack_sources(engine->stack), add_ban, list);
	return list;
}

/* What came and became no call; overload; who isn't heard. */
static void add_defence(cJSON *o, cJSON *calls, const struct engine *engine)
{
	struct stack_count count;
	cJSON *c;

	stack_count(engine->stack, &count);
	c = cJSON_AddObjectToObject(calls, "turned_away");
	cJSON_AddNumberToObject(c, "source",
				(double)count.turned_away[TURNED_AWAY_SOURCE]);
	cJSON_AddNumberToObject(
		c, "overload", (double)count.turned_away[TURNED_AWAY_OVERLOAD]);
	cJSON_AddNumberToObject(c, "trouble",
				(double)count.turned_away[TURNED_AWAY_TROUBLE]);
	c = cJSON_AddObjectToObject(o, "overload");
	cJSON_AddBoolToObject(c, "active", count.overloaded);
	cJSON_AddNumberToObject(c, "delay_ms", count.delay_ms);
	cJSON_AddNumberToObject(c, "rate", count.admit_rate);
	cJSON_AddNumberToObject(o, "tcp_connections", count.connections);
	cJSON_AddNumberToObject(o, "sources", count.sources.known);
	cJSON_AddItemToObject(o, "bans", status_bans(engine));
}

cJSON *engine_status(const struct engine *engine)
{
	cJSON *o = cJSON_CreateObject(), *c;
	struct calls_count calls;
	struct scripts_count scripts;

	calls_count(engine->calls, &calls);
	scripts_count(engine->scripts, &scripts);

	cJSON_AddStringToObject(o, "version", MOONDIAL_VERSION);
	cJSON_AddStringToObject(o, "state", phase_name(engine->phase));
	cJSON_AddStringToObject(o, "script", engine->script);
	cJSON_AddNumberToObject(o, "uptime_ms",
				(double)(clock_mono_ms() - engine->started_ms));

	c = cJSON_AddObjectToObject(o, "calls");
	cJSON_AddNumberToObject(c, "active", calls.active);
	cJSON_AddNumberToObject(c, "in", calls.in);
	cJSON_AddNumberToObject(c, "out", calls.out);
	cJSON_AddNumberToObject(c, "ringing", calls.ringing);
	cJSON_AddNumberToObject(c, "answered", calls.answered);
	cJSON_AddNumberToObject(c, "peak", calls.peak);
	cJSON_AddNumberToObject(c, "total", (double)calls.total);
	cJSON_AddNumberToObject(c, "total_answered",
				(double)calls.total_answered);
	cJSON_AddNumberToObject(c, "total_refused",
				(double)calls.total_refused);
	cJSON_AddNumberToObject(c, "rate", calls.rate);
	add_defence(o, c, engine);

	c = cJSON_AddObjectToObject(o, "scripts");
	cJSON_AddNumberToObject(c, "coroutines", scripts.coroutines);
	cJSON_AddNumberToObject(c, "generations", scripts.generations);
	cJSON_AddNumberToObject(c, "references", scripts.references);
	cJSON_AddNumberToObject(c, "memory_bytes",
				(double)scripts.memory_bytes);
	cJSON_AddNumberToObject(c, "errors", (double)scripts.errors);

	cJSON_AddNumberToObject(o, "streams",
				(double)media_stream_count(engine->media));
	cJSON_AddNumberToObject(o, "heap_bytes", (double)heap_held());
	cJSON_AddNumberToObject(o, "store_bytes", (double)store_memory_bytes());
	cJSON_AddNumberToObject(o, "ports_free",
				(double)media_ports_free(engine->media));
	cJSON_AddNumberToObject(o, "sip_sessions",
				stack_sessions(engine->stack));
	cJSON_AddNumberToObject(o, "store_queued",
				(double)store_queued(engine->store));
	if (store_trouble(engine->store))
		cJSON_AddStringToObject(o, "store_trouble",
					store_trouble(engine->store));

	account_each(engine->accounts, add_account,
		     cJSON_AddArrayToObject(o, "accounts"));
	trunk_each(engine->trunks, add_trunk,
		   cJSON_AddArrayToObject(o, "trunks"));
	cJSON_AddItemToObject(o, "endpoints", status_endpoints(engine));
	metric_each(add_metric, cJSON_AddObjectToObject(o, "counters"));
	return o;
}
