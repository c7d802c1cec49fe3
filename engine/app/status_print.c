/* status_print.c -- peers of `moondial status`, as tables that people read */
#include "app/status_print.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/table.h"
#include "base/clock.h"
#include "base/schema.h"

enum { ACCOUNTS_SHOWN = 100, ENDPOINTS_SHOWN = 100 };

#define ROW(table_, ...) \
	table_row((table_), (const char *const[TABLE_COLUMNS]){__VA_ARGS__})

static void print(struct table *table)
{
	table_print(table, stdout, table_width(stdout));
	table_free(table);
}

/* ---- cells --------------------------------------------------------------- */

static const char *count(char out[24], const cJSON *o, const char *key)
{
	(void)snprintf(out, 24, "%.0f", schema_number(o, key, 0));
	return out;
}

/* Two or three digits. */
static const char *span(char out[24], double s)
{
	if (s < 100)
		(void)snprintf(out, 24, "%.0f s", s < 0 ? 0 : s);
	else if (s < 6000)
		(void)snprintf(out, 24, "%.0f min", s / 60);
	else if (s < 100 * 3600)
		(void)snprintf(out, 24, "%.0f h", s / 3600);
	else
		(void)snprintf(out, 24, "%.0f d", s / 86400);
	return out;
}

static const char *since(char out[24], const cJSON *o, const char *key)
{
	const double at_ms = schema_number(o, key, 0);

	return at_ms > 0 ? span(out, ((double)clock_wall_ms() - at_ms) / 1000)
			 : "-";
}

static const char *until(char out[24], const cJSON *o, const char *key)
{
	const double at_ms = schema_number(o, key, 0);

	return at_ms > 0 ? span(out, (at_ms - (double)clock_wall_ms()) / 1000)
			 : "-";
}

static const char *rtt(char out[24], const cJSON *o)
{
	if (!schema_get(o, "rtt_ms"))
		return "-";
	(void)snprintf(out, 24, "%.1f ms", schema_number(o, "rtt_ms", 0));
	return out;
}

static const char *share(char out[24], const cJSON *o)
{
	if (!schema_get(o, "availability"))
		return "-";
	(void)snprintf(out, 24, "%.2f %%", schema_number(o, "availability", 0));
	return out;
}

/* ---- accounts ------------------------------------------------------------ */

static void add_account(struct table *table, const cJSON *e)
{
	const char *state = schema_string(e, "state", "?"),
		   *reason = schema_string(e, "reason", "");
	const bool registered = schema_get(e, "server") != NULL;
	char expires[24] = "-", next[24] = "-", what[512];
	const cJSON *flow;

	if (registered)
		(void)span(expires, schema_number(e, "expires_ms", 0) / 1000);
	(void)snprintf(
		what, sizeof(what), "%s%s%s", schema_string(e, "uri", "?"),
		registered || !*reason ? "" : ": ", registered ? "" : reason);
	ROW(table, "account", schema_string(e, "name", "?"), state,
	    schema_string(e, "address", "-"), expires,
	    strcmp(state, "off") != 0 ? until(next, e, "next_at_ms") : "-",
	    what);
	cJSON_ArrayForEach(flow, schema_get(e, "flows"))
	{
		ROW(table, "  flow", schema_string(flow, "server", ""),
		    schema_string(flow, "state", "?"), "", "", "",
		    schema_string(flow, "reason", ""));
	}
}

/* Those first that aren't registered: they are what one looks for. */
static void print_accounts(const cJSON *list)
{
	struct table *table = table_alloc(7, 1u << 4 | 1u << 5);
	const int n = cJSON_GetArraySize(list);
	int registered = 0, shown = 0;
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		registered += schema_get(e, "server") != NULL;
	}
	if (n)
		(void)printf("accounts  %d, %d of them registered\n", n,
			     registered);
	if (n)
		ROW(table, "", "name", "state", "at", "expires", "next", "uri");
	for (int pass = 0; pass < 2; pass++) {
		cJSON_ArrayForEach(e, list)
		{
			if ((schema_get(e, "server") != NULL) == (pass == 0))
				continue;
			if (shown++ < ACCOUNTS_SHOWN)
				add_account(table, e);
		}
	}
	print(table);
	if (n > ACCOUNTS_SHOWN)
		(void)printf("          … and %d more: see --json\n",
			     n - ACCOUNTS_SHOWN);
}

/* ---- trunks -------------------------------------------------------------- */

static void add_peer(struct table *table, const char *kind, const char *name,
		     const char *calls, const cJSON *o)
{
	char age[24], round[24], up[24];

	ROW(table, kind, name, schema_string(o, "state", "?"),
	    since(age, o, "since_ms"), rtt(round, o), share(up, o), calls,
	    schema_string(o, "reason", ""));
}

static void print_trunks(const cJSON *trunks)
{
	struct table *table =
		table_alloc(8, 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6);
	const cJSON *e, *h;

	if (cJSON_GetArraySize(trunks))
		ROW(table, "", "name", "state", "since", "rtt", "up", "calls",
		    "why");
	cJSON_ArrayForEach(e, trunks)
	{
		const cJSON *hosts = schema_get(e, "hosts");
		char calls[24];

		add_peer(table, "trunk", schema_string(e, "name", "?"),
			 count(calls, e, "active"), e);
		if (cJSON_GetArraySize(hosts) < 2)
			continue;
		cJSON_ArrayForEach(h, hosts)
		{
			add_peer(table, "  host", schema_string(h, "host", "?"),
				 "", h);
		}
	}
	print(table);
}

/* Of trunks that have had calls: answer-seizure ratio, average call duration,
 * post-dial delay. */
static void print_traffic(const cJSON *trunks)
{
	struct table *table =
		table_alloc(7, 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6);
	const cJSON *e;
	bool any = false;

	cJSON_ArrayForEach(e, trunks)
	{
		char calls[24], answered[24], asr[24], acd[24] = "-",
						       pdd[24] = "-";

		if (schema_number(e, "calls", 0) <= 0)
			continue;
		if (!any)
			ROW(table, "", "name", "calls", "answered", "ASR",
			    "ACD", "PDD");
		(void)snprintf(asr, sizeof(asr), "%.1f %%",
			       schema_number(e, "asr", 0) * 100);
		if (schema_get(e, "acd_ms"))
			(void)snprintf(acd, sizeof(acd), "%.1f s",
				       schema_number(e, "acd_ms", 0) / 1000);
		if (schema_get(e, "pdd_ms"))
			(void)snprintf(pdd, sizeof(pdd), "%.2f s",
				       schema_number(e, "pdd_ms", 0) / 1000);
		ROW(table, any ? "" : "traffic", schema_string(e, "name", "?"),
		    count(calls, e, "calls"), count(answered, e, "answered"),
		    asr, acd, pdd);
		any = true;
	}
	print(table);
}

/* ---- endpoints ----------------------------------------------------------- */

/* WHAT: who says it is, where it came from when calls go elsewhere, why it
 * isn't reachable. */
static void add_contact(struct table *table, const cJSON *c)
{
	const char *target = schema_string(c, "target", "?"),
		   *source = schema_string(c, "source", "?"),
		   *reason = schema_string(c, "reason", ""),
		   *agent = schema_string(c, "user_agent", "");
	const char *address = strchr(source, ':');
	const bool elsewhere = !address || !strstr(target, address + 1);
	char left[24], round[24], what[512];

	(void)snprintf(what, sizeof(what), "%s%s%s%s%s%s", agent,
		       elsewhere && *agent ? ", " : "",
		       elsewhere ? "from " : "", elsewhere ? source : "",
		       *reason && (elsewhere || *agent) ? ": " : "", reason);
	ROW(table, "  at", target, schema_string(c, "state", "unknown"), "",
	    until(left, c, "expires_at_ms"), rtt(round, c), what);
}

static void add_endpoint(struct table *table, const cJSON *e)
{
	const double ringing = schema_number(e, "ringing", 0);
	char calls[24], what[128], now[40] = "";
	const cJSON *c;

	if (ringing > 0)
		(void)snprintf(now, sizeof(now), "%.0f ringing, ", ringing);
	(void)snprintf(what, sizeof(what), "%s%.0f in all, %.0f refused", now,
		       schema_number(e, "total", 0),
		       schema_number(e, "refused", 0));
	ROW(table, "endpoint", schema_string(e, "name", "?"),
	    schema_string(e, "state", "?"), count(calls, e, "calls"), "", "",
	    what);
	cJSON_ArrayForEach(c, schema_get(e, "contacts"))
	{
		add_contact(table, c);
	}
}

static void print_endpoints(const cJSON *list)
{
	struct table *table = table_alloc(7, 1u << 3 | 1u << 4 | 1u << 5);
	const int n = cJSON_GetArraySize(list);
	int registered = 0, shown = 0;
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		registered += cJSON_GetArraySize(schema_get(e, "contacts")) > 0;
	}
	if (n) {
		(void)printf("endpoints %d, %d of them registered\n", n,
			     registered);
		ROW(table, "", "name", "state", "calls", "until", "rtt", "");
	}
	cJSON_ArrayForEach(e, list)
	{
		if (shown++ < ENDPOINTS_SHOWN)
			add_endpoint(table, e);
	}
	print(table);
	if (n > ENDPOINTS_SHOWN)
		(void)printf("          … and %d more: see --json\n",
			     n - ENDPOINTS_SHOWN);
}

void status_print_peers(const cJSON *status)
{
	print_accounts(schema_get(status, "accounts"));
	print_trunks(schema_get(status, "trunks"));
	print_traffic(schema_get(status, "trunks"));
	print_endpoints(schema_get(status, "endpoints"));
}
