#include "app/endpoint_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/row.h"
#include "base/clock.h"
#include "base/log.h"
#include "call/endpoint.h"

enum { READ_MS = 60000 };

const char *binding_event_name(enum binding_event event)
{
	switch (event) {
	case BINDING_ADDED:
		return "registered";
	case BINDING_REMOVED:
		return "unregistered";
	case BINDING_EXPIRED:
		return "expired";
	case BINDING_REFRESHED:
		break;
	}
	return NULL;
}

void binding_source_print(char out[BINDING_SOURCE_SIZE], enum sip_transp tp,
			  const struct sa *source)
{
	(void)re_snprintf(out, BINDING_SOURCE_SIZE, "%s:%J",
			  tp == SIP_TRANSP_TCP ? "tcp" : "udp", source);
}

/* ---- writing -------------------------------------------------------- */

static void write_row(struct store *store, const char *query,
		      const struct row *row)
{
	const struct store_statement statement = {
		.sql = store_query(query),
		.values = row->values,
		.count = row->count,
	};

	if (!store_record(store, &statement, 1, NULL, NULL))
		log_error(NULL, "%s: not written, out of memory", query);
}

static void put(struct store *store, const struct binding *b)
{
	char source[BINDING_SOURCE_SIZE];
	struct row row = {.count = 0};

	binding_source_print(source, binding_transport(b), binding_source(b));
	row_text(&row, binding_id(b));
	row_text(&row, binding_name(b));
	row_text(&row, binding_contact(b));
	row_text(&row, binding_is_rewritten(b) ? binding_target(b) : NULL);
	row_text(&row, binding_path(b));
	row_text(&row, binding_instance(b));
	row_known(&row, binding_reg_id(b));
	row_integer(&row, binding_q(b));
	row_text(&row, binding_call_id(b));
	row_integer(&row, binding_cseq(b));
	row_text(&row, source);
	row_integer(&row, binding_is_proxied(b));
	row_text(&row, binding_user_agent(b));
	row_integer(&row, binding_since(b));
	row_integer(&row, binding_refreshed_at(b));
	row_integer(&row, binding_expires_at(b));
	write_row(store, "binding_put", &row);
}

static void remove_row(struct store *store, const char *id)
{
	struct row row = {.count = 0};

	row_text(&row, id);
	write_row(store, "binding_remove", &row);
}

static void event_row(struct store *store, const char *name, const char *event,
		      const char *contact, const char *source,
		      const char *user_agent, int64_t expires_ms, int64_t calls)
{
	struct row row = {.count = 0};

	row_integer(&row, clock_wall_ms());
	row_text(&row, "endpoint");
	row_text(&row, name);
	row_text(&row, event);
	row_text(&row, contact);
	row_text(&row, source);
	row_text(&row, user_agent);
	row_known(&row, expires_ms);
	if (calls < 0)
		(void)row_next(&row);
	else
		row_integer(&row, calls);
	(void)row_next(&row); /* sip_code */
	(void)row_next(&row); /* reason */
	write_row(store, "registration_event", &row);
}

void endpoint_write(struct store *store, const struct binding *b,
		    enum binding_event event)
{
	char source[BINDING_SOURCE_SIZE];

	if (event == BINDING_ADDED || event == BINDING_REFRESHED)
		put(store, b);
	else
		remove_row(store, binding_id(b));
	if (event == BINDING_REFRESHED)
		return;
	binding_source_print(source, binding_transport(b), binding_source(b));
	event_row(store, binding_name(b), binding_event_name(event),
		  binding_contact(b), source, binding_user_agent(b),
		  event == BINDING_ADDED
			  ? binding_expires_at(b) - binding_refreshed_at(b)
			  : 0,
		  -1);
}

void endpoint_write_restart(struct store *store,
			    const struct registrar_restart *restart,
			    unsigned calls)
{
	char source[BINDING_SOURCE_SIZE];

	binding_source_print(source, restart->tp, restart->source);
	event_row(store, restart->name, "restarted", restart->contact, source,
		  restart->user_agent, 0, calls);
}

/* ---- reading -------------------------------------------------------- */

struct reading {
	struct store *store;
	struct endpoints *const *endpoints; /* NULL: the engine has ended */
};

enum column {
	ID,
	ENDPOINT,
	CONTACT,
	TARGET,
	PATH,
	INSTANCE,
	REG_ID,
	Q,
	CALL_ID,
	CSEQ,
	SOURCE,
	PROXIED,
	USER_AGENT,
	REGISTERED,
	REFRESHED,
	EXPIRES,
	COLUMNS,
};

static bool source_read(struct sa *source, enum sip_transp *tp,
			const char *text)
{
	struct pl addr;

	if (!text ||
	    (strncmp(text, "udp:", 4) != 0 && strncmp(text, "tcp:", 4) != 0))
		return false;
	*tp = *text == 't' ? SIP_TRANSP_TCP : SIP_TRANSP_UDP;
	pl_set_str(&addr, text + 4);
	return !sa_decode(source, addr.p, addr.l);
}

/* What the registrar finds unusable is no registration any more; that of an
 * endpoint which isn't there now may be one again at the next start. */
static void restore(const struct reading *reading,
		    const struct store_value *row)
{
	char *texts[COLUMNS] = {NULL};
	struct binding_record r = {.tp = SIP_TRANSP_UDP};
	int err = EINVAL;

	for (int i = 0; i < COLUMNS; i++) {
		if (row[i].type == STORE_TEXT)
			texts[i] = strndup(row[i].text, row[i].size);
	}
	r.id = texts[ID];
	r.name = texts[ENDPOINT];
	r.contact = texts[CONTACT];
	r.target = texts[TARGET];
	r.path = texts[PATH];
	r.instance = texts[INSTANCE];
	r.call_id = texts[CALL_ID];
	r.user_agent = texts[USER_AGENT];
	r.reg_id = (unsigned)row[REG_ID].integer;
	r.q = (unsigned)row[Q].integer;
	r.cseq = (uint32_t)row[CSEQ].integer;
	r.proxied = row[PROXIED].integer != 0;
	r.since_ms = row[REGISTERED].integer;
	r.refreshed_ms = row[REFRESHED].integer;
	r.expires_ms = row[EXPIRES].integer;
	if (r.id && r.name && r.contact &&
	    source_read(&r.source, &r.tp, texts[SOURCE]))
		err = endpoints_restore(*reading->endpoints, &r);
	if (err == ETIMEDOUT)
		event_row(reading->store, r.name, "expired", r.contact,
			  texts[SOURCE], r.user_agent, 0, -1);
	if (err == ETIMEDOUT || err == EINVAL || err == EEXIST)
		remove_row(reading->store, r.id ? r.id : "");
	for (int i = 0; i < COLUMNS; i++)
		free(texts[i]);
}

static void have_rows(const struct store_result *result, void *arg)
{
	struct reading *reading = arg;

	if (result->error)
		log_error(NULL, "registrations are not read: %s",
			  result->error);
	for (size_t i = 0; *reading->endpoints && !result->error &&
			   result->columns == COLUMNS && i < result->rows;
	     i++)
		restore(reading, result->values + i * COLUMNS);
	free(reading);
}

void endpoint_read(struct store *store, struct endpoints *const *endpoints)
{
	const struct store_statement statement = {
		.sql = store_query("binding_list")};
	struct reading *reading = malloc(sizeof(*reading));

	if (reading) {
		*reading = (struct reading){.store = store,
					    .endpoints = endpoints};
		if (store_read(store, &statement, READ_MS, have_rows, reading))
			return;
	}
	free(reading);
	log_error(NULL, "registrations are not read: out of memory");
}
