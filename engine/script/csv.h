/* csv.h -- private to script: RFC 4180 records out of a file, with lines
 *
 * Knows no Lua. A record that is wrong is reported with its line and what is
 * wrong, and reading goes on with the next line. One thread at a time.
 */
#ifndef MOONDIAL_SCRIPT_CSV_H
#define MOONDIAL_SCRIPT_CSV_H

#include <stdbool.h>
#include <stddef.h>

enum { CSV_RECORD_MAX = 1 << 20 };

struct csv_record {
	unsigned long line; /* of its first character, from 1 */
	char *error;	    /* NULL: it is fine */
	char **fields;
	size_t count;
};

struct csv_reader;

/* errno of opening PATH. */
int csv_open_file(struct csv_reader **rp, const char *path);
void csv_close(struct csv_reader *reader);

/* Up to MAX records into RECORDS; how many. 0: the end, or a read error in
 * *ERR (errno). Blank lines are skipped. */
size_t csv_read(struct csv_reader *reader, struct csv_record *records,
		size_t max, int *err);
void csv_record_clear(struct csv_record *record);

#endif
