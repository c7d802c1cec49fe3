#include "script/leads/lead_reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <re.h>

#include "base/zone.h"
#include "script/csv.h"
#include "script/leads/phone_number.h"
#include "script/leads/prefix_zone.h"

enum { DIGITS_MIN = 2, DIGITS_MAX = 15 /* E.164 */, REGION_SIZE = 4 };

struct lead_reader {
	struct csv_reader *csv;
	struct lead_columns columns;
	char region[REGION_SIZE]; /* "": none */
	char *zone;		  /* the last one found to be known */
	bool headed;		  /* the header has been read */
};

/* ---- texts --------------------------------------------------------------- */

/* A text that grows; FAILED when there was no memory. */
struct text {
	char *at;
	size_t used, room;
	bool failed;
};

static void add(struct text *text, const char *from, size_t size)
{
	if (text->used + size + 1 > text->room) {
		const size_t room = (text->used + size + 1) * 2;
		char *more = realloc(text->at, room);

		if (!more) {
			text->failed = true;
			return;
		}
		text->at = more;
		text->room = room;
	}
	memcpy(text->at + text->used, from, size);
	text->used += size;
	text->at[text->used] = '\0';
}

/* A JSON string (RFC 8259 7). */
static void add_quoted(struct text *text, const char *s)
{
	add(text, "\"", 1);
	while (*s) {
		const char *end = s;
		char escaped[8];

		while ((unsigned char)*end >= 0x20 && *end != '"' &&
		       *end != '\\')
			end++;
		add(text, s, (size_t)(end - s));
		if (!*end)
			break;
		if (*end == '"' || *end == '\\')
			(void)snprintf(escaped, sizeof(escaped), "\\%c", *end);
		else
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x",
				       (unsigned)(unsigned char)*end);
		add(text, escaped, strlen(escaped));
		s = end + 1;
	}
	add(text, "\"", 1);
}

static char *print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *print(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return strdup(text);
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

/* S without the blanks around it; NULL: nothing is left. */
static char *trimmed(char *s)
{
	size_t size;

	s += strspn(s, " \t\r\n");
	size = strlen(s);
	while (size > 0 && isspace((unsigned char)s[size - 1]))
		size--;
	s[size] = '\0';
	return size > 0 ? s : NULL;
}

/* ---- numbers and zones --------------------------------------------------- */

int lead_plain_number(char out[24], const char *text, char *why, size_t size)
{
	size_t n = 0, digits = 0;

	for (const char *p = text; *p; p++) {
		if (isspace((unsigned char)*p) || strchr("-.()/", *p))
			continue;
		if (!isdigit((unsigned char)*p) && (*p != '+' || n > 0)) {
			(void)snprintf(why, size,
				       "'%.60s' is not a phone number", text);
			return EINVAL;
		}
		digits += *p != '+';
		if (digits <= DIGITS_MAX)
			out[n++] = *p;
	}
	out[n] = '\0';
	if (digits == 0)
		(void)snprintf(why, size, "'%.60s' is not a phone number",
			       text);
	else if (digits < DIGITS_MIN)
		(void)snprintf(why, size,
			       "'%.60s' is too short for a phone number", text);
	else if (digits > DIGITS_MAX)
		(void)snprintf(why, size,
			       "'%.60s' has %zu digits, a phone number at most "
			       "%d",
			       text, digits, DIGITS_MAX);
	else
		return 0;
	return EINVAL;
}

bool lead_zone_known(const char *name)
{
	struct zone *zone = NULL;
	const int err = zone_load(&zone, NULL, name);

	mem_deref(zone);
	return !err;
}

/* The same zone comes again and again: its file is looked at once. */
static bool zone_is_known(struct lead_reader *reader, const char *name)
{
	if (reader->zone && !strcmp(reader->zone, name))
		return true;
	if (!lead_zone_known(name))
		return false;
	free(reader->zone);
	reader->zone = strdup(name);
	return true;
}

/* ---- one lead ------------------------------------------------------------ */

static int number_of(const struct lead_reader *reader, const char *text,
		     struct phone_number *number, char *why, size_t size)
{
	memset(number, 0, sizeof(*number));
	if (*reader->region)
		return phone_number_parse(number, text, reader->region, why,
					  size);
	return lead_plain_number(number->e164, text, why, size);
}

static bool listed(const char *others, const char *number)
{
	const size_t size = strlen(number);

	for (const char *p = others; p && (p = strstr(p, number)); p++)
		if ((p == others || p[-1] == ',') &&
		    (p[size] == ',' || p[size] == '\0'))
			return true;
	return false;
}

/* Numbers in the order in which they are tried. One that is wrong is left out
 * and noted; without any the lead is. */
static bool read_numbers(const struct lead_reader *reader,
			 const struct csv_record *record, struct lead *lead,
			 char extension[16])
{
	struct text others = {0};
	char why[256] = "no phone number", first_why[256] = "";
	struct phone_number number;
	size_t found = 0;

	for (size_t i = 0; i < reader->columns.number_count; i++) {
		const size_t at = reader->columns.numbers[i];
		const char *text = record->fields[at];
		int err;

		if (is_blank(text))
			continue;
		err = number_of(reader, text, &number, why, sizeof(why));
		if (err == ENOMEM) {
			others.failed = true;
			break;
		}
		if (err) {
			if (!*first_why)
				(void)snprintf(first_why, sizeof(first_why),
					       "%s", why);
			if (!lead->note)
				lead->note =
					print("column '%s': %s",
					      reader->columns.names[at], why);
			continue;
		}
		if (listed(others.at, number.e164))
			continue;
		if (found++ == 0) {
			(void)snprintf(lead->phone, sizeof(lead->phone), "%s",
				       number.e164);
			(void)snprintf(extension, 16, "%s", number.extension);
			lead->type = number.type;
		} else {
			add(&others, ",", 1);
		}
		add(&others, number.e164, strlen(number.e164));
	}
	if (others.failed || found == 0) {
		free(others.at);
		free(lead->note);
		lead->note = NULL;
		lead->error = strdup(others.failed ? "not enough memory"
				     : *first_why  ? first_why
						   : why);
		return false;
	}
	if (found > 1)
		lead->others = others.at;
	else
		free(others.at);
	return true;
}

/* "5" → 5; an empty one: 0. */
static bool read_priority(const char *text, struct lead *lead)
{
	char *end;

	if (is_blank(text))
		return true;
	errno = 0;
	lead->priority = strtoll(text, &end, 10);
	if (!errno && is_blank(end))
		return true;
	lead->priority = 0;
	lead->error = print("priority '%.60s' is not a whole number", text);
	return false;
}

static void add_field(struct text *json, const char *name, const char *value)
{
	if (json->used > 1)
		add(json, ",", 1);
	add_quoted(json, name);
	add(json, ":", 1);
	add_quoted(json, value);
}

static void read_record(struct lead_reader *reader,
			const struct csv_record *record, struct lead *lead)
{
	const struct lead_columns *columns = &reader->columns;
	const char *zone = NULL;
	char extension[16] = "";
	struct text json = {0};

	memset(lead, 0, sizeof(*lead));
	lead->line = record->line;
	if (record->error) {
		lead->error = strdup(record->error);
		return;
	}
	if (record->count != columns->count) {
		lead->error = print("has %zu fields, the header %zu",
				    record->count, columns->count);
		return;
	}
	if (!read_numbers(reader, record, lead, extension))
		return;
	add(&json, "{", 1);
	for (size_t i = 0; i < columns->count; i++) {
		char *value = record->fields[i];

		switch (columns->what[i]) {
		case LEAD_PRIORITY:
			if (!read_priority(value, lead))
				goto out;
			continue;
		case LEAD_ZONE:
			zone = trimmed(value);
			continue;
		case LEAD_NUMBER:
			if (i == columns->numbers[0])
				continue;
			break;
		case LEAD_FIELD:
			break;
		}
		add_field(&json, columns->names[i], value);
	}
	if (*extension)
		add_field(&json, "extension", extension);
	add(&json, "}", 1);
	if (zone && !zone_is_known(reader, zone)) {
		lead->error = print("'%.60s' is no time zone: one has a name "
				    "such as Europe/Berlin",
				    zone);
		goto out;
	}
	if (!zone)
		zone = prefix_zone_of(lead->phone);
	if (zone)
		lead->zones = strdup(zone);
	if (json.failed || (zone && !lead->zones)) {
		lead->error = strdup("not enough memory");
		goto out;
	}
	lead->fields = json.at;
	return;
out:
	free(json.at);
}

/* ---- the file ------------------------------------------------------------ */

static void columns_clear(struct lead_columns *columns)
{
	for (size_t i = 0; columns->names && i < columns->count; i++)
		free(columns->names[i]);
	free((void *)columns->names);
	free(columns->what);
	memset(columns, 0, sizeof(*columns));
}

int lead_reader_open(struct lead_reader **rp, const char *path,
		     const char *region, struct lead_columns *columns)
{
	struct lead_reader *reader = calloc(1, sizeof(*reader));
	int err = ENOMEM;

	if (!reader) {
		columns_clear(columns);
		return ENOMEM;
	}
	reader->columns = *columns;
	memset(columns, 0, sizeof(*columns));
	(void)snprintf(reader->region, sizeof(reader->region), "%s",
		       region ? region : "");
	err = csv_open_file(&reader->csv, path);
	if (err)
		lead_reader_close(reader);
	else
		*rp = reader;
	return err;
}

void lead_reader_close(struct lead_reader *reader)
{
	if (!reader)
		return;
	csv_close(reader->csv);
	columns_clear(&reader->columns);
	free(reader->zone);
	free(reader);
}

size_t lead_reader_read(struct lead_reader *reader, struct lead *leads,
			size_t max, int *err)
{
	size_t n = 0;

	*err = 0;
	while (n < max) {
		struct csv_record record;

		if (csv_read(reader->csv, &record, 1, err) == 0)
			break;
		if (reader->headed)
			read_record(reader, &record, &leads[n++]);
		reader->headed = true;
		csv_record_clear(&record);
	}
	return n;
}

void lead_clear(struct lead *lead)
{
	free(lead->error);
	free(lead->note);
	free(lead->others);
	free(lead->zones);
	free(lead->fields);
	memset(lead, 0, sizeof(*lead));
}
