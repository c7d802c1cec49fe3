/* cdr_list.h -- call records for people and programs
 *
 * Rows are printed as they are read: constant memory, no default limit.
 * Oldest first; with a limit, the newest so many, oldest first.
 *
 * table  the most useful columns in 100, local time, durations as m:ss;
 *        control characters become '?': a caller's name can't drive a
 *        terminal
 * json   one array, keys as in db/README.md; user_json and stats_json become
 *        objects, "user" and "stats"; bytes that aren't UTF-8 become U+FFFD
 * csv    RFC 4180, all columns. A text that a spreadsheet would take for a
 *        formula (it begins with = @ tab or CR, or with + or - and is no
 *        number) gets an apostrophe in front. The database and json keep it
 *        byte for byte.
 */
#ifndef MOONDIAL_STORE_CDR_LIST_H
#define MOONDIAL_STORE_CDR_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "store/store.h"

enum cdr_format { CDR_TABLE, CDR_CSV, CDR_JSON };

/* 0 and NULL: any. */
struct cdr_filter {
	int64_t since_ms, until_ms; /* started at or after, before */
	const char *disposition;
	const char *campaign;
	const char *list; /* of which the lead is */
	const char *trunk;
	const char *agent;     /* who has talked to it */
	const char *number;    /* caller or called, with or without its + */
	const char *direction; /* "in", "out" */
	bool recorded;	       /* only those with a recording */
	uint64_t limit;
};

enum { CDR_FILTER_VALUES = 13, CDR_FILTER_SQL = 800 };

/* The SELECT for FILTER and its values (which borrow FILTER's texts): for
 * cdr_list(), and for whoever asks the store the same. COUNT: values. */
void cdr_filter_sql(const struct cdr_filter *filter, char sql[CDR_FILTER_SQL],
		    struct store_value values[CDR_FILTER_VALUES],
		    size_t *count);

/* Print to OUT the calls of the database PATH. errno values of opening it
 * (ERR says what to do), EIO when it can't be read or OUT not be written. */
int cdr_list(const char *path, const struct cdr_filter *filter,
	     enum cdr_format format, FILE *out, char *err, size_t size);

#endif
