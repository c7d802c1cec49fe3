/* Where a record ends is found here, so that one that is wrong spoils nothing
 * behind it; its fields are libcsv's, in strict mode. */
#include "script/csv.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 65536 };

struct csv_reader {
	FILE *file;
	char *buffer;
	size_t start, used, room;
	bool end;
	unsigned long line;
	struct csv_parser parser;
};

static int not_space(unsigned char c)
{
	(void)c;
	return 0; /* a space is part of its field: RFC 4180 2.4 */
}

int csv_open_file(struct csv_reader **rp, const char *path)
{
	struct csv_reader *r = calloc(1, sizeof(*r));
	int err = ENOMEM;

	if (!r)
		return ENOMEM;
	if (csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI))
		goto out;
	csv_set_space_func(&r->parser, not_space);
	r->line = 1;
	r->room = BLOCK;
	r->buffer = malloc(r->room);
	if (!r->buffer)
		goto out;
	r->file = fopen(path, "rbe");
	err = r->file ? 0 : errno;
out:
	if (err)
		csv_close(r);
	else
		*rp = r;
	return err;
}

void csv_close(struct csv_reader *r)
{
	if (!r)
		return;
	if (r->file)
		(void)fclose(r->file);
	csv_free(&r->parser);
	free(r->buffer);
	free(r);
}

void csv_record_clear(struct csv_record *record)
{
	for (size_t i = 0; i < record->count; i++)
		free(record->fields[i]);
	free((void *)record->fields);
	free(record->error);
	memset(record, 0, sizeof(*record));
}

/* More of the file behind what there is. */
static int fill(struct csv_reader *r)
{
	size_t n;

	if (r->start > 0) {
		memmove(r->buffer, r->buffer + r->start, r->used - r->start);
		r->used -= r->start;
		r->start = 0;
	}
	if (r->room - r->used < BLOCK) {
		char *more = realloc(r->buffer, r->room * 2);

		if (!more)
			return ENOMEM;
		r->buffer = more;
		r->room *= 2;
	}
	n = fread(r->buffer + r->used, 1, BLOCK, r->file);
	r->used += n;
	if (n == 0) {
		r->end = true;
		if (ferror(r->file))
			return errno ? errno : EIO;
	}
	return 0;
}

enum where { FIELD_START, UNQUOTED, QUOTED, QUOTE_SEEN };

struct span {
	size_t size; /* of the record, its line end included */
	size_t text; /* without it */
	const char *error;
	bool whole; /* its end was found */
};

/* Look for the end of the record that begins at TEXT. */
static struct span scan(const char *text, size_t size)
{
	enum where where = FIELD_START;
	struct span span = {0};

	for (size_t i = 0; i < size; i++) {
		const char c = text[i];

		if (c == '\0' && !span.error)
			span.error = "a NUL byte";
		if (where == QUOTED) {
			if (c == '"')
				where = QUOTE_SEEN;
			continue;
		}
		if (c == '\n' || (c == '\r' && i + 1 < size)) {
			span.whole = true;
			span.text = i;
			span.size = i + 1;
			if (c == '\r' && text[i + 1] == '\n')
				span.size++;
			return span;
		}
		if (c == '\r')
			return span; /* is there a \n behind it? */
		if (c == ',') {
			where = FIELD_START;
		} else if (c == '"' &&
			   (where == FIELD_START || where == QUOTE_SEEN)) {
			where = QUOTED; /* it begins, or "" is a quote in it */
		} else {
			if (c == '"' && !span.error)
				span.error = "a quote inside an unquoted field";
			else if (where == QUOTE_SEEN && !span.error)
				span.error = "text behind a closing quote";
			where = UNQUOTED;
		}
	}
	if (where == QUOTED)
		span.error = "a quoted field that never ends";
	span.text = span.size = size;
	return span;
}

struct sink {
	struct csv_record *record;
	bool failed;
};

static void add_field(void *text, size_t size, void *arg)
{
	struct sink *sink = arg;
	struct csv_record *record = sink->record;
	char **fields = realloc((void *)record->fields,
				(record->count + 1) * sizeof(*fields));
	char *copy = malloc(size + 1);

	if (fields)
		record->fields = fields;
	if (!fields || !copy) {
		free(copy);
		sink->failed = true;
		return;
	}
	if (size)
		memcpy(copy, text, size);
	copy[size] = '\0';
	fields[record->count++] = copy;
}

static void no_row(int c, void *arg)
{
	(void)c;
	(void)arg;
}

static void parse(struct csv_reader *r, const char *text, size_t size,
		  struct csv_record *record)
{
	struct sink sink = {.record = record};

	if (csv_parse(&r->parser, text, size, add_field, no_row, &sink) !=
		    size ||
	    csv_fini(&r->parser, add_field, no_row, &sink))
		record->error = strdup(csv_strerror(csv_error(&r->parser)));
	else if (sink.failed)
		record->error = strdup("not enough memory");
	if (record->error) {
		/* Its state is spoilt. */
		csv_free(&r->parser);
		(void)csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI);
		csv_set_space_func(&r->parser, not_space);
	}
}

static unsigned long lines_in(const char *text, size_t size)
{
	unsigned long n = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n' ||
		    (text[i] == '\r' && (i + 1 == size || text[i + 1] != '\n')))
			n++;
	}
	return n;
}

/* The first line alone, for a record whose end can't be found. */
static size_t first_line(const char *text, size_t size)
{
	const char *end = memchr(text, '\n', size);

	return end ? (size_t)(end - text) + 1 : size;
}

/* The record at the start of the buffer; false: there is none (yet). */
static bool next(struct csv_reader *r, struct csv_record *record)
{
	const char *text = r->buffer + r->start;
	const size_t size = r->used - r->start;
	struct span span;

	if (size == 0)
		return false;
	span = scan(text, size);
	if (!span.whole && !r->end && size < CSV_RECORD_MAX)
		return false;
	memset(record, 0, sizeof(*record));
	record->line = r->line;
	if (!span.whole && (span.error || size >= CSV_RECORD_MAX)) {
		span.error =
			span.error ? span.error : "a record of more than 1 MiB";
		span.size = first_line(text, size);
	}
	if (!span.whole && span.text == 0 && !span.error) {
		/* A lone \r at the end of the file. */
		span.size = size;
		span.text = size && text[size - 1] == '\r' ? size - 1 : size;
	}
	r->start += span.size;
	r->line += lines_in(text, span.size);
	if (span.error)
		record->error = strdup(span.error);
	else if (span.text > 0)
		parse(r, text, span.text, record);
	return true;
}

static void skip_mark(struct csv_reader *r)
{
	/* U+FEFF, as spreadsheets put it in front. */
	if (r->used - r->start >= 3 &&
	    !memcmp(r->buffer + r->start, "\xef\xbb\xbf", 3))
		r->start += 3;
}

size_t csv_read(struct csv_reader *r, struct csv_record *records, size_t max,
		int *err)
{
	const bool first = r->line == 1 && r->used == 0;
	size_t n = 0;

	*err = 0;
	if (first) {
		*err = fill(r);
		skip_mark(r);
	}
	while (n < max && !*err) {
		if (next(r, &records[n])) {
			if (records[n].error || records[n].count)
				n++;
			else
				csv_record_clear(&records[n]);
		} else if (r->end) {
			break;
		} else {
			*err = fill(r);
		}
	}
	return n;
}
