#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <cjson/cJSON.h>
#include <sqlite3.h>
#include "store/cdr_list.h"
#include "store/connection.h"
#include "store/migrate.h"
#include "store/store.h"

/* Bytes of the UTF-8 character at S (RFC 3629), 0 when it is none. */
static size_t utf8_size(const unsigned char *s, size_t left, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80	 ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (!n || n > left)
		return 0;
	*code = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; ++i) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code < 0xe000))
		return 0;

	return n;
}

static const char *column_text(sqlite3_stmt *stmt, int i, size_t *size)
{
	const char *text = sqlite3_column_blob(stmt, i);

	*size = (size_t)sqlite3_column_bytes(stmt, i);

	return text ? text : "";
}

/* ---- JSON --------------------------------------------------------------- */

static void json_text(FILE *out, const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code;
	size_t n;

	putc('"', out);
	for (size_t i = 0; i < size; i += n ? n : 1) {
		n = utf8_size(s + i, size - i, &code);
		if (!n)
			fputs("\\ufffd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (int)code);
		else if (code < 0x20 || code == 0x7f)
			fprintf(out, "\\u%04x", (unsigned)code);
		else
			fwrite(s + i, 1, n, out);
	}
	putc('"', out);
}

static bool is_json(const char *text, size_t size)
{
	const char *end = NULL;
	cJSON *json;
	uint32_t code;
	size_t n;

	for (size_t i = 0; i < size; i += n) {
		n = utf8_size((const unsigned char *)text + i, size - i, &code);
		if (!n || !code)
			return false;
	}
	json = cJSON_ParseWithLengthOpts(text, size, &end, 0);
	cJSON_Delete(json);
	while (json && end < text + size && strchr(" \t\r\n", *end))
		++end;

	return json && end == text + size;
}

static void json_row(FILE *out, sqlite3_stmt *stmt, bool first)
{
	fputs(first ? "\n{" : ",\n{", out);
	for (int i = 0; i < sqlite3_column_count(stmt); ++i) {
		const char *name = sqlite3_column_name(stmt, i), *text;
		size_t length = strlen(name), size;
		bool nested = length > 5 && !strcmp(name + length - 5, "_json");

		fprintf(out, "%s\"%.*s\":", i ? "," : "",
			(int)(nested ? length - 5 : length), name);
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_NULL:
			fputs("null", out);
			break;
		case SQLITE_INTEGER:
			fprintf(out, "%lld",
				(long long)sqlite3_column_int64(stmt, i));
			break;
		case SQLITE_FLOAT:
			if (isfinite(sqlite3_column_double(stmt, i)))
				fprintf(out, "%.15g",
					sqlite3_column_double(stmt, i));
			else
				fputs("null", out);
			break;
		default:
			text = column_text(stmt, i, &size);
			if (nested && is_json(text, size))
				fwrite(text, 1, size, out);
			else
				json_text(out, text, size);
		}
	}
	putc('}', out);
}

/* ---- CSV ---------------------------------------------------------------- */

static bool is_formula(const char *text, size_t size)
{
	if (!size)
		return false;
	if (text[0] && strchr("=@\t\r", text[0]))
		return true;
	if (text[0] != '+' && text[0] != '-')
		return false;
	for (size_t i = 1; i < size; ++i) {
		if (text[i] < '0' || text[i] > '9')
			return true;
	}

	return false;
}

static void csv_text(FILE *out, const char *text, size_t size)
{
	bool quote = !size; /* an empty text isn't null */

	for (size_t i = 0; i < size && !quote; ++i)
		quote = text[i] && strchr(",\"\r\n", text[i]);
	if (quote)
		putc('"', out);
	if (is_formula(text, size))
		putc('\'', out);
	for (size_t i = 0; i < size; ++i) {
		if (text[i] == '"')
			putc('"', out);
		putc(text[i], out);
	}
	if (quote)
		putc('"', out);
}

static void csv_head(FILE *out, sqlite3_stmt *stmt)
{
	for (int i = 0; i < sqlite3_column_count(stmt); ++i)
		fprintf(out, "%s%s", i ? "," : "",
			sqlite3_column_name(stmt, i));
	fputs("\r\n", out);
}

static void csv_row(FILE *out, sqlite3_stmt *stmt)
{
	for (int i = 0; i < sqlite3_column_count(stmt); ++i) {
		const char *text;
		size_t size;

		if (i)
			putc(',', out);
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_NULL:
			break;
		case SQLITE_INTEGER:
			fprintf(out, "%lld",
				(long long)sqlite3_column_int64(stmt, i));
			break;
		case SQLITE_FLOAT:
			fprintf(out, "%.15g", sqlite3_column_double(stmt, i));
			break;
		default:
			text = column_text(stmt, i, &size);
			csv_text(out, text, size);
		}
	}
	fputs("\r\n", out);
}

/* ---- table -------------------------------------------------------------- */

enum cell { CELL_TIME, CELL_TEXT, CELL_NUMBER, CELL_DURATION };

static const struct table_column {
	const char *title;
	const char *column, *instead; /* when it is null */
	enum cell cell;
	int width;
} table_columns[] = {
	{"started", "started_at_ms", NULL, CELL_TIME, 19},
	{"dir", "direction", NULL, CELL_TEXT, 3},
	{"from", "from_user", "from_uri", CELL_TEXT, 15},
	{"to", "to_user", "to_uri", CELL_TEXT, 15},
	{"disposition", "disposition", NULL, CELL_TEXT, 12},
	{"detected", "detection", NULL, CELL_TEXT, 8},
	{"sip", "sip_code", NULL, CELL_NUMBER, 4},
	{"talk", "talk_ms", NULL, CELL_DURATION, 8},
};

enum { TABLE_COLUMNS = sizeof(table_columns) / sizeof(*table_columns) };

static int column_index(sqlite3_stmt *stmt, const char *name)
{
	for (int i = 0; name && i < sqlite3_column_count(stmt); ++i) {
		if (!strcmp(sqlite3_column_name(stmt, i), name))
			return i;
	}

	return -1;
}

/* TEXT in WIDTH places, padded unless it is the last. */
static void table_text(FILE *out, const char *text, size_t size, int width)
{
	const unsigned char *s = (const unsigned char *)text;
	int places = 0, room = width;
	uint32_t code;
	size_t n;

	for (size_t i = 0; i < size; i += n ? n : 1, ++places)
		n = utf8_size(s + i, size - i, &code);
	if (places > width)
		room = width - 1;

	places = 0;
	for (size_t i = 0; i < size && places < room;
	     i += n ? n : 1, ++places) {
		n = utf8_size(s + i, size - i, &code);
		if (!n || code < 0x20 || (code >= 0x7f && code < 0xa0) ||
		    (code >= 0x200b && code <= 0x202e) ||
		    (code >= 0x2066 && code <= 0x2069))
			putc('?', out);
		else
			fwrite(s + i, 1, n, out);
	}
	if (room < width && ++places)
		fputs("…", out);
	fprintf(out, "%*s", width - places, "");
}

static void table_head(FILE *out)
{
	for (int i = 0; i < TABLE_COLUMNS; ++i) {
		const struct table_column *c = &table_columns[i];

		fprintf(out, c->cell >= CELL_NUMBER ? "%s%*s" : "%s%-*s",
			i ? "  " : "", c->width, c->title);
	}
	putc('\n', out);
}

static void table_number(FILE *out, const struct table_column *c, int64_t n)
{
	char text[32];
	time_t seconds = (time_t)(n / 1000);
	struct tm tm;

	switch (c->cell) {
	case CELL_TIME:
		if (!localtime_r(&seconds, &tm) ||
		    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
			text[0] = '\0';
		break;
	case CELL_DURATION:
		n = (n + 500) / 1000;
		if (n >= 3600)
			snprintf(text, sizeof(text), "%lld:%02d:%02d",
				 (long long)(n / 3600), (int)(n / 60 % 60),
				 (int)(n % 60));
		else
			snprintf(text, sizeof(text), "%d:%02d", (int)(n / 60),
				 (int)(n % 60));
		break;
	default:
		snprintf(text, sizeof(text), "%lld", (long long)n);
	}
	fprintf(out, c->cell == CELL_TIME ? "%-*s" : "%*s", c->width, text);
}

static void table_row(FILE *out, sqlite3_stmt *stmt, const int *columns,
		      const int *instead)
{
	for (int i = 0; i < TABLE_COLUMNS; ++i) {
		const struct table_column *c = &table_columns[i];
		int at = columns[i];
		const char *text;
		size_t size;

		fputs(i ? "  " : "", out);
		if (sqlite3_column_type(stmt, at) == SQLITE_NULL &&
		    instead[i] >= 0)
			at = instead[i];
		if (sqlite3_column_type(stmt, at) == SQLITE_NULL) {
			fprintf(out, "%*s", c->width, "");
		} else if (c->cell == CELL_TEXT) {
			text = column_text(stmt, at, &size);
			table_text(out, text, size, c->width);
		} else {
			table_number(out, c, sqlite3_column_int64(stmt, at));
		}
	}
	putc('\n', out);
}

/* ------------------------------------------------------------------------- */

static int print(sqlite3_stmt *stmt, enum cdr_format format, FILE *out)
{
	int columns[TABLE_COLUMNS], instead[TABLE_COLUMNS];
	uint64_t rows = 0;
	int rc;

	for (int i = 0; i < TABLE_COLUMNS; ++i) {
		columns[i] = column_index(stmt, table_columns[i].column);
		instead[i] = column_index(stmt, table_columns[i].instead);
		assert(columns[i] >= 0);
	}

	if (format == CDR_CSV)
		csv_head(out, stmt);
	else if (format == CDR_JSON)
		putc('[', out);
	else
		table_head(out);

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && !ferror(out)) {
		if (format == CDR_CSV)
			csv_row(out, stmt);
		else if (format == CDR_JSON)
			json_row(out, stmt, !rows);
		else
			table_row(out, stmt, columns, instead);
		++rows;
	}

	if (format == CDR_JSON)
		fputs(rows ? "\n]\n" : "]\n", out);
	else if (format == CDR_TABLE)
		fprintf(out, "%llu call%s\n", (unsigned long long)rows,
			rows == 1 ? "" : "s");

	return rc;
}

int cdr_list(const char *path, const struct cdr_filter *filter,
	     enum cdr_format format, FILE *out, char *err, size_t size)
{
	struct store_value values[CDR_FILTER_VALUES];
	struct connection *conn = NULL;
	char sql[CDR_FILTER_SQL];
	sqlite3_stmt *stmt = NULL;
	const char *why;
	size_t count;
	int rc, e;

	e = connection_open(&conn, path, CONNECTION_READ, err, size);
	if (e)
		return e;
	e = migrate_check(conn, err, size);
	if (e)
		goto out;

	cdr_filter_sql(filter, sql, values, &count);
	rc = connection_prepare(conn, sql, &stmt, &why);
	for (size_t i = 0; !rc && i < count; ++i) {
		const struct store_value *v = &values[i];

		rc = v->type == STORE_INTEGER
			     ? sqlite3_bind_int64(stmt, (int)i + 1, v->integer)
			     : sqlite3_bind_text64(stmt, (int)i + 1, v->text,
						   v->size, SQLITE_STATIC,
						   SQLITE_UTF8);
	}
	if (!rc)
		rc = print(stmt, format, out);
	if (fflush(out) || ferror(out)) {
		snprintf(err, size, "the list cannot be written: %s",
			 strerror(errno));
		e = EIO;
	} else if (rc != SQLITE_DONE) {
		snprintf(err, size, "%s: %s", path,
			 sqlite3_errmsg(connection_db(conn)));
		e = EIO;
	}
	sqlite3_reset(stmt);
out:
	connection_close(conn);

	return e;
}
