/* row.h -- the parameters of a query, one after the other
 *
 * In the order of db/README.md; texts are borrowed until the row is queued.
 */
#ifndef MOONDIAL_APP_ROW_H
#define MOONDIAL_APP_ROW_H

#include <assert.h>
#include <string.h>
#include "store/store.h"

enum { ROW_VALUES_MAX = 64 };

struct row {
	struct store_value values[ROW_VALUES_MAX];
	size_t count;
};

static inline struct store_value *row_next(struct row *row)
{
	struct store_value *v = &row->values[row->count++];

	assert(row->count <= ROW_VALUES_MAX);
	memset(v, 0, sizeof(*v));
	return v;
}

/* NULL when it is empty. */
static inline void row_text(struct row *row, const char *s)
{
	struct store_value *v = row_next(row);

	if (s && *s) {
		v->type = STORE_TEXT;
		v->text = s;
		v->size = strlen(s);
	}
}

static inline void row_integer(struct row *row, int64_t n)
{
	struct store_value *v = row_next(row);

	v->type = STORE_INTEGER;
	v->integer = n;
}

/* Absent (NULL) when 0: a time that didn't come, a status there was not. */
static inline void row_known(struct row *row, int64_t n)
{
	if (n)
		row_integer(row, n);
	else
		(void)row_next(row);
}

#endif
