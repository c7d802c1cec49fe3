#include "app/cdr_writer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call/cdr.h"
#include "store/store.h"

enum {
	VALUES_MAX = 48,
	RESERVE = 256 * 1024,
};

/* Parameters of a query, in the order of db/README.md. */
struct row {
	struct store_value values[VALUES_MAX];
	size_t count;
};

static struct store_value *next(struct row *row)
{
	struct store_value *v = &row->values[row->count++];

	memset(v, 0, sizeof(*v));
	return v;
}

static void text(struct row *row, const char *s)
{
	struct store_value *v = next(row);

	if (s && *s) {
		v->type = STORE_TEXT;
		v->text = s;
		v->size = strlen(s);
	}
}

static void integer(struct row *row, int64_t n)
{
	struct store_value *v = next(row);

	v->type = STORE_INTEGER;
	v->integer = n;
}

/* Absent (NULL) when 0: a time that didn't come, a status there was not. */
static void known(struct row *row, int64_t n)
{
	if (n)
		integer(row, n);
	else
		(void)next(row);
}

/* Hundredths; NULL when 0: it isn't known. */
static void judged(struct row *row, uint16_t value)
{
	struct store_value *v = next(row);

	if (!value)
		return;
	v->type = STORE_REAL;
	v->real = value / 100.0;
}

static void ms_of_us(struct row *row, uint32_t us)
{
	struct store_value *v = next(row);

	v->type = STORE_REAL;
	v->real = us / 1000.0;
}

struct pending {
	char id[ID_SIZE];
};

static void written(const struct store_result *result, void *arg)
{
	struct pending *pending = arg;

	if (result->error)
		log_error(pending->id, "CDR not written: %s", result->error);
	free(pending);
}

static bool row_queue(struct store *store, const struct store_statement *s,
		      const char *id)
{
	struct pending *pending = malloc(sizeof(*pending));

	if (!pending)
		return false;
	memcpy(pending->id, id, sizeof(pending->id));
	if (store_record(store, s, 1, written, pending))
		return true;
	free(pending);
	return false;
}

/* A record is what must not be lost: there is memory set aside for it. */
static void row_send(struct store *store, const char *query,
		     const struct row *row, const char *id)
{
	static void *reserve;
	const struct store_statement statement = {
		.sql = store_query(query),
		.values = row->values,
		.count = row->count,
	};

	if (!row_queue(store, &statement, id)) {
		free(reserve);
		reserve = NULL;
		if (!row_queue(store, &statement, id))
			log_error(id, "CDR not written: out of memory");
	}
	if (!reserve)
		reserve = malloc(RESERVE);
}

void cdr_write_begun(struct store *store, const struct cdr *cdr)
{
	struct row row = {.count = 0};

	text(&row, cdr->id);
	text(&row, cdr->direction);
	text(&row, cdr->account);
	text(&row, cdr->trunk);
	text(&row, cdr->sip_call_id);
	text(&row, cdr->from_uri);
	text(&row, cdr->from_user);
	text(&row, cdr->display_name);
	text(&row, cdr->to_uri);
	text(&row, cdr->to_user);
	text(&row, cdr->peer);
	integer(&row, cdr->started_at_ms);
	text(&row, cdr->script);
	text(&row, cdr->campaign);
	text(&row, cdr->lead_id);
	known(&row, cdr->attempt);
	row_send(store, "cdr_begin", &row, cdr->id);
}

void cdr_write_ended(struct store *store, const struct cdr *cdr)
{
	const struct media_stats *s = &cdr->stats;
	struct row row = {.count = 0};

	text(&row, cdr->account);
	text(&row, cdr->trunk);
	text(&row, cdr->sip_call_id);
	text(&row, cdr->peer);
	known(&row, cdr->ring_at_ms);
	known(&row, cdr->answered_at_ms);
	integer(&row, cdr->ended_at_ms);
	integer(&row, cdr->ended_at_ms - cdr->started_at_ms);
	integer(&row, cdr->answered_at_ms
			      ? cdr->ended_at_ms - cdr->answered_at_ms
			      : 0);
	text(&row, cdr->disposition);
	known(&row, cdr->sip_code);
	text(&row, cdr->reason);
	known(&row, cdr->q850);
	text(&row, cdr->hangup_by);
	text(&row, cdr->hangup_cause);
	text(&row, cdr->hangup_line);
	text(&row, cdr->codec);
	text(&row, cdr->digits);
	integer(&row, s->rx_packets);
	integer(&row, s->rx_lost);
	integer(&row, s->rx_duplicate);
	integer(&row, s->rx_late);
	integer(&row, s->rx_reordered);
	integer(&row, s->rx_rejected);
	ms_of_us(&row, s->rx_jitter_us);
	integer(&row, s->tx_packets);
	integer(&row, s->remote_lost);
	ms_of_us(&row, s->remote_jitter_us);
	if (s->rtt_us)
		ms_of_us(&row, s->rtt_us);
	else
		(void)next(&row);
	known(&row, s->rx_delay_ms);
	known(&row, s->rx_concealed_ms);
	judged(&row, s->rx_burst);
	judged(&row, s->rx_mos);
	judged(&row, s->remote_mos);
	text(&row, cdr->script);
	text(&row, cdr->recording);
	text(&row, cdr->script_error);
	text(&row, cdr->traceback);
	text(&row, cdr->user_json);
	text(&row, cdr->id);
	row_send(store, "cdr_finish", &row, cdr->id);
}
