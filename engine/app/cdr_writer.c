#include "app/cdr_writer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/row.h"
#include "base/log.h"
#include "call/cdr.h"
#include "store/store.h"

enum { RESERVE = 256 * 1024 };

/* Hundredths; NULL when 0: it isn't known. */
static void judged(struct row *row, uint16_t value)
{
	struct store_value *v = row_next(row);

	if (!value)
		return;
	v->type = STORE_REAL;
	v->real = value / 100.0;
}

static void ms_of_us(struct row *row, uint32_t us)
{
	struct store_value *v = row_next(row);

	v->type = STORE_REAL;
	v->real = us / 1000.0;
}

static void real(struct row *row, float value)
{
	struct store_value *v = row_next(row);

	v->type = STORE_REAL;
	v->real = (double)value;
}

/* Nothing of it when a script has only said what it is. */
static void detection(struct row *row, const struct cdr *cdr)
{
	const struct detect_verdict *d = &cdr->detection;

	row_text(row, detect_kind_name(d->kind));
	row_text(row, d->kind ? d->cause : NULL);
	if (d->decided_ms) {
		real(row, d->confidence);
		row_integer(row, d->greeting_ms);
		row_integer(row, d->words);
		real(row, d->noise_db);
		row_integer(row, d->decided_ms);
	} else {
		for (int i = 0; i < 5; i++)
			(void)row_next(row);
	}
	row_text(row, cdr->detection_file);
	row_text(row, cdr->tones);
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

	row_text(&row, cdr->id);
	row_text(&row, cdr->direction);
	row_text(&row, cdr->account);
	row_text(&row, cdr->trunk);
	row_text(&row, cdr->sip_call_id);
	row_text(&row, cdr->from_uri);
	row_text(&row, cdr->from_user);
	row_text(&row, cdr->display_name);
	row_text(&row, cdr->to_uri);
	row_text(&row, cdr->to_user);
	row_text(&row, cdr->peer);
	row_integer(&row, cdr->started_at_ms);
	row_text(&row, cdr->script);
	row_text(&row, cdr->campaign);
	row_text(&row, cdr->lead_id);
	row_known(&row, cdr->attempt);
	row_text(&row, cdr->endpoint);
	row_send(store, "cdr_begin", &row, cdr->id);
}

void cdr_write_ended(struct store *store, const struct cdr *cdr)
{
	const struct media_stats *s = &cdr->stats;
	struct row row = {.count = 0};

	row_text(&row, cdr->account);
	row_text(&row, cdr->trunk);
	row_text(&row, cdr->tried);
	row_text(&row, cdr->sip_call_id);
	row_text(&row, cdr->from_uri);
	row_text(&row, cdr->from_user);
	row_text(&row, cdr->display_name);
	row_text(&row, cdr->to_uri);
	row_text(&row, cdr->peer);
	row_known(&row, cdr->ring_at_ms);
	row_known(&row, cdr->answered_at_ms);
	row_integer(&row, cdr->ended_at_ms);
	row_integer(&row, cdr->ended_at_ms - cdr->started_at_ms);
	row_integer(&row, cdr->answered_at_ms
				  ? cdr->ended_at_ms - cdr->answered_at_ms
				  : 0);
	row_text(&row, cdr->disposition);
	row_known(&row, cdr->sip_code);
	row_text(&row, cdr->reason);
	row_known(&row, cdr->q850);
	row_text(&row, cdr->hangup_by);
	row_text(&row, cdr->hangup_cause);
	row_text(&row, cdr->hangup_line);
	row_text(&row, cdr->codec);
	row_text(&row, cdr->digits);
	row_integer(&row, s->rx_packets);
	row_integer(&row, s->rx_lost);
	row_integer(&row, s->rx_duplicate);
	row_integer(&row, s->rx_late);
	row_integer(&row, s->rx_reordered);
	row_integer(&row, s->rx_rejected);
	ms_of_us(&row, s->rx_jitter_us);
	row_integer(&row, s->tx_packets);
	row_integer(&row, s->remote_lost);
	ms_of_us(&row, s->remote_jitter_us);
	if (s->rtt_us)
		ms_of_us(&row, s->rtt_us);
	else
		(void)row_next(&row);
	row_known(&row, s->rx_delay_ms);
	row_known(&row, s->rx_concealed_ms);
	judged(&row, s->rx_burst);
	judged(&row, s->rx_mos);
	judged(&row, s->remote_mos);
	row_text(&row, cdr->script);
	row_text(&row, cdr->recording);
	row_text(&row, cdr->script_error);
	row_text(&row, cdr->traceback);
	row_text(&row, cdr->user_json);
	detection(&row, cdr);
	row_text(&row, cdr->bridged_to);
	row_known(&row, cdr->bridged_at_ms);
	if (cdr->bridged_at_ms)
		row_integer(&row, (int64_t)cdr->bridged_ms);
	else
		(void)row_next(&row);
	row_text(&row, cdr->agent);
	row_text(&row, cdr->id);
	row_send(store, "cdr_finish", &row, cdr->id);
}
