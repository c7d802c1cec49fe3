#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "store/connection.h"
#include "store/request.h"
#include "store/sql.h"

enum { CHUNK_SIZE = 4096 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	char text[];
};

/* ---- what is asked ------------------------------------------------------ */

static size_t asked_size(const struct store_statement *statements, size_t count,
			 bool *builtin)
{
	size_t size = count * sizeof(*statements);

	*builtin = true;
	for (size_t i = 0; i < count; ++i) {
		const struct store_statement *s = &statements[i];

		size += s->count * sizeof(*s->values);
		for (size_t j = 0; j < s->count; ++j) {
			if (s->values[j].type == STORE_TEXT)
				size += s->values[j].size;
		}
		if (!sql_is_builtin(s->sql)) {
			*builtin = false;
			size += strlen(s->sql) + 1;
		}
	}

	return size;
}

struct request *request_new(const struct store_statement *statements,
			    size_t count)
{
	struct store_value *value;
	struct request *req;
	bool builtin;
	size_t size = asked_size(statements, count, &builtin), values = 0;
	char *text;

	req = malloc(sizeof(*req) + size);
	if (!req)
		return NULL;
	memset(req, 0, sizeof(*req));
	req->builtin = builtin;
	req->bytes = sizeof(*req) + size;
	req->count = count;
	req->queued_ms = clock_mono_ms();
	req->statements = (struct store_statement *)(req + 1);

	/* statements, then all values, then all texts */
	for (size_t i = 0; i < count; ++i)
		values += statements[i].count;
	value = (struct store_value *)(req->statements + count);
	text = (char *)(value + values);

	for (size_t i = 0; i < count; ++i) {
		const struct store_statement *from = &statements[i];
		struct store_statement *to = &req->statements[i];

		to->count = from->count;
		to->values = value;
		to->sql = from->sql;
		if (!sql_is_builtin(from->sql)) {
			size_t n = strlen(from->sql) + 1;

			to->sql = memcpy(text, from->sql, n);
			text += n;
		}
		for (size_t j = 0; j < from->count; ++j, ++value) {
			*value = from->values[j];
			if (value->type != STORE_TEXT)
				continue;
			if (value->size)
				memcpy(text, value->text, value->size);
			value->text = text;
			text += value->size;
		}
	}

	return req;
}

static void free_result(struct request *req)
{
	while (req->chunks) {
		struct chunk *next = req->chunks->next;

		free(req->chunks);
		req->chunks = next;
	}
	free(req->values);
	free(req->names);
	req->values = NULL;
	req->names = NULL;
	req->capacity = 0;
	req->result_bytes = 0;
}

void request_free(struct request *req)
{
	if (!req)
		return;
	free_result(req);
	free(req);
}

/* ---- what came of it ---------------------------------------------------- */

const char *request_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "busy";
	case SQLITE_FULL:
		return "full";
	case SQLITE_CONSTRAINT:
		return "constraint";
	case SQLITE_INTERRUPT:
		return "timeout";
	case SQLITE_READONLY:
		return "readonly";
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return "io";
	case SQLITE_NOMEM:
		return "memory";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "corrupt";
	case SQLITE_TOOBIG:
		return "size";
	case SQLITE_AUTH:
		return "forbidden";
	default:
		return "sql";
	}
}

void request_fail(struct request *req, const char *code, const char *error)
{
	if (error != req->error)
		snprintf(req->error, sizeof(req->error), "%s", error);
	free_result(req);
	memset(&req->result, 0, sizeof(req->result));
	req->result.error = req->error;
	req->result.code = code;
}

static char *keep_text(struct request *req, const char *text, size_t size)
{
	struct chunk *c = req->chunks;
	char *copy;

	if (!c || c->size - c->used < size) {
		size_t want = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		c = malloc(sizeof(*c) + want);
		if (!c)
			return NULL;
		c->used = 0;
		c->size = want;
		c->next = req->chunks;
		req->chunks = c;
	}
	copy = c->text + c->used;
	if (size)
		memcpy(copy, text, size);
	c->used += size;
	req->result_bytes += size;

	return copy;
}

static int begin_rows(struct request *req, sqlite3_stmt *stmt, size_t columns)
{
	struct store_result *res = &req->result;

	free_result(req);
	res->columns = columns;
	res->rows = 0;
	res->values = NULL;
	req->names = calloc(columns, sizeof(*req->names));
	if (!req->names)
		return SQLITE_NOMEM;
	res->names = req->names;
	for (size_t i = 0; i < columns; ++i) {
		const char *name = sqlite3_column_name(stmt, (int)i);

		if (name)
			name = keep_text(req, name, strlen(name) + 1);
		if (!name)
			return SQLITE_NOMEM;
		req->names[i] = name;
	}

	return SQLITE_OK;
}

static int keep_value(struct request *req, struct store_value *value,
		      sqlite3_stmt *stmt, int column)
{
	memset(value, 0, sizeof(*value));
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_NULL:
		value->type = STORE_NULL;
		return SQLITE_OK;
	case SQLITE_INTEGER:
		value->type = STORE_INTEGER;
		value->integer = sqlite3_column_int64(stmt, column);
		return SQLITE_OK;
	case SQLITE_FLOAT:
		value->type = STORE_REAL;
		value->real = sqlite3_column_double(stmt, column);
		return SQLITE_OK;
	default:
		value->type = STORE_TEXT;
		/* a blob is a text whose bytes mean nothing to us */
		value->text = sqlite3_column_blob(stmt, column);
		value->size = (size_t)sqlite3_column_bytes(stmt, column);
		value->text = keep_text(req, value->text, value->size);
		return value->text ? SQLITE_OK : SQLITE_NOMEM;
	}
}

static int keep_row(struct request *req, sqlite3_stmt *stmt)
{
	struct store_result *res = &req->result;
	size_t at = res->rows * res->columns;

	if (at + res->columns > req->capacity) {
		size_t capacity = req->capacity * 2 + res->columns;
		struct store_value *values =
			realloc(req->values, capacity * sizeof(*values));

		if (!values)
			return SQLITE_NOMEM;
		req->values = values;
		req->capacity = capacity;
	}
	assert(req->values);
	for (size_t i = 0; i < res->columns; ++i) {
		int rc = keep_value(req, &req->values[at + i], stmt, (int)i);

		if (rc)
			return rc;
	}
	res->values = req->values;
	++res->rows;
	req->result_bytes += res->columns * sizeof(*req->values);

	return req->result_bytes > REQUEST_RESULT_MAX ? SQLITE_TOOBIG
						      : SQLITE_OK;
}

static int bind(sqlite3_stmt *stmt, const struct store_value *value, int at)
{
	switch (value->type) {
	case STORE_INTEGER:
		return sqlite3_bind_int64(stmt, at, value->integer);
	case STORE_REAL:
		return sqlite3_bind_double(stmt, at, value->real);
	case STORE_TEXT:
		return sqlite3_bind_text64(stmt, at, value->text, value->size,
					   SQLITE_STATIC, SQLITE_UTF8);
	case STORE_NULL:
		break;
	}

	return sqlite3_bind_null(stmt, at);
}

static int run_statement(struct request *req, struct connection *conn,
			 const struct store_statement *s)
{
	sqlite3_stmt *stmt = NULL;
	const char *why = NULL;
	size_t columns, wanted;
	int rc;

	rc = connection_prepare(conn, s->sql, &stmt, &why);
	if (rc) {
		snprintf(req->error, sizeof(req->error), "%s",
			 why ? why : sqlite3_errmsg(connection_db(conn)));
		return rc;
	}

	wanted = (size_t)sqlite3_bind_parameter_count(stmt);
	if (wanted != s->count) {
		snprintf(req->error, sizeof(req->error),
			 "%zu values for %zu parameters", s->count, wanted);
		return SQLITE_RANGE;
	}
	for (size_t i = 0; !rc && i < s->count; ++i)
		rc = bind(stmt, &s->values[i], (int)i + 1);

	columns = (size_t)sqlite3_column_count(stmt);
	if (!rc && columns)
		rc = begin_rows(req, stmt, columns);
	while (!rc) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			rc = keep_row(req, stmt);
	}
	connection_note_error(conn, rc);
	if (rc == SQLITE_TOOBIG && columns)
		snprintf(req->error, sizeof(req->error),
			 "the result is larger than %d MB; use LIMIT",
			 REQUEST_RESULT_MAX >> 20);
	else if (rc != SQLITE_DONE)
		snprintf(req->error, sizeof(req->error), "%s",
			 rc == SQLITE_INTERRUPT
				 ? "it took longer than its time limit"
				 : sqlite3_errmsg(connection_db(conn)));
	sqlite3_reset(stmt);

	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int request_run(struct request *req, struct connection *conn)
{
	sqlite3 *db = connection_db(conn);
	int64_t before = sqlite3_total_changes64(db);
	size_t i;
	int rc = SQLITE_OK;

	free_result(req);
	memset(&req->result, 0, sizeof(req->result));
	for (i = 0; i < req->count; ++i) {
		rc = run_statement(req, conn, &req->statements[i]);
		if (rc)
			break;
	}
	if (rc) {
		request_fail(req, request_code(rc), req->error);
		req->result.failed = (int)i;
		return rc;
	}

	req->result.changes = sqlite3_total_changes64(db) - before;
	req->result.last_rowid = sqlite3_last_insert_rowid(db);

	return SQLITE_OK;
}
