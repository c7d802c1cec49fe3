/* cdr_filter.c -- the SELECT for what is asked of the call records
 *
 * Only the conditions that are wanted are in it, so that each finds its index;
 * what the user typed is in the values, never in the text.
 */
#include <assert.h>
#include <string.h>
#include "store/cdr_list.h"
#include "store/store.h"

struct sql {
	char *text;
	struct store_value *values;
	size_t *count;
	const char *glue;
};

static void append(struct sql *sql, const char *text)
{
	const size_t used = strlen(sql->text), size = strlen(text) + 1;

	assert(used + size <= CDR_FILTER_SQL);
	memcpy(sql->text + used, text, size);
}

static struct store_value *value(struct sql *sql)
{
	struct store_value *v = &sql->values[(*sql->count)++];

	assert(*sql->count <= CDR_FILTER_VALUES);
	memset(v, 0, sizeof(*v));

	return v;
}

static void add_integer(struct sql *sql, int64_t n)
{
	struct store_value *v = value(sql);

	v->type = STORE_INTEGER;
	v->integer = n;
}

static void add_text(struct sql *sql, const char *text)
{
	struct store_value *v = value(sql);

	v->type = STORE_TEXT;
	v->text = text;
	v->size = strlen(text);
}

static void where(struct sql *sql, const char *condition)
{
	append(sql, sql->glue);
	append(sql, condition);
	sql->glue = " AND ";
}

void cdr_filter_sql(const struct cdr_filter *f, char text[CDR_FILTER_SQL],
		    struct store_value values[CDR_FILTER_VALUES], size_t *count)
{
	struct sql sql = {text, values, count, " WHERE "};

	text[0] = '\0';
	*count = 0;
	if (f->limit)
		append(&sql, "SELECT * FROM (");
	append(&sql, "SELECT * FROM cdrs");
	if (f->since_ms) {
		where(&sql, "started_at_ms >= ?");
		add_integer(&sql, f->since_ms);
	}
	if (f->until_ms) {
		where(&sql, "started_at_ms < ?");
		add_integer(&sql, f->until_ms);
	}
	if (f->disposition) {
		where(&sql, "disposition = ?");
		add_text(&sql, f->disposition);
	}
	if (f->campaign) {
		where(&sql, "campaign = ?");
		add_text(&sql, f->campaign);
	}
	if (f->list) {
		where(&sql, "EXISTS (SELECT 1 FROM leads WHERE "
			    "leads.id = lead_id AND list = ?)");
		add_text(&sql, f->list);
	}
	if (f->trunk) {
		where(&sql, "trunk = ?");
		add_text(&sql, f->trunk);
	}
	if (f->agent) {
		where(&sql, "agent = ?");
		add_text(&sql, f->agent);
	}
	if (f->recorded)
		where(&sql, "recording IS NOT NULL");
	if (f->number) {
		where(&sql, "(from_user IN (?, '+' || ?) OR "
			    "to_user IN (?, '+' || ?))");
		for (int i = 0; i < 4; ++i)
			add_text(&sql, f->number);
	}
	if (f->direction) {
		where(&sql, "direction = ?");
		add_text(&sql, f->direction);
	}
	if (f->limit) {
		append(&sql, " ORDER BY started_at_ms DESC, id DESC LIMIT ?)"
			     " AS newest");
		add_integer(&sql, f->limit > INT64_MAX ? INT64_MAX
						       : (int64_t)f->limit);
	}
	append(&sql, " ORDER BY started_at_ms, id");
}
