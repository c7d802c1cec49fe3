/* moon.db: query, exec, transaction, sql. The script waits; the store's thread
 * works. */
#include "script/db.h"

#include <stdlib.h>
#include <string.h>

enum { STATEMENTS_MAX = 1000, PARAMETERS_MAX = 1000, READ_MS = 30000 };

/* ---- the answer, in C
 * -------------------------------------------------------- */

static void rows_clear(struct rows *rows)
{
	free(rows->values);
	memset(rows, 0, sizeof(*rows));
}

static size_t rows_size(const struct store_result *result)
{
	const size_t n = result->columns * result->rows;
	size_t size = n * sizeof(*result->values) +
		      result->columns * sizeof(*result->names) + 1;

	for (size_t i = 0; i < result->columns; i++)
		size += strlen(result->names[i]) + 1;
	for (size_t i = 0; i < n; i++) {
		if (result->values[i].type == STORE_TEXT)
			size += result->values[i].size;
	}
	return size;
}

/* One piece of memory: values, names, texts. */
static bool rows_copy(struct rows *rows, const struct store_result *result)
{
	const size_t n = result->columns * result->rows;
	char *text;

	rows->columns = result->columns;
	rows->rows = result->rows;
	rows->values = malloc(rows_size(result));
	if (!rows->values)
		return false;
	rows->names = (const char **)(rows->values + n);
	text = (char *)(rows->names + result->columns);
	for (size_t i = 0; i < result->columns; i++) {
		const size_t size = strlen(result->names[i]) + 1;

		rows->names[i] = memcpy(text, result->names[i], size);
		text += size;
	}
	for (size_t i = 0; i < n; i++) {
		const struct store_value *from = &result->values[i];

		rows->values[i] = *from;
		if (from->type != STORE_TEXT)
			continue;
		rows->values[i].text = text;
		if (from->size)
			memcpy(text, from->text, from->size);
		text += from->size;
	}
	return true;
}

void query_answered(const struct store_result *result, void *arg)
{
	struct query *query = arg;

	query->request = 0;
	query->changes = result->changes;
	query->last_rowid = result->last_rowid;
	query->failed = result->failed;
	if (result->error) {
		query->error = strdup(result->error);
		query->code = strdup(result->code ? result->code : "failed");
	} else if (!rows_copy(&query->rows, result)) {
		query->no_memory = true;
	}
	waiter_wake(&query->w, WAKE_DONE);
}

static void disarm(struct waiter *w)
{
	struct query *query = (struct query *)w;

	if (query->request)
		store_cancel(query->host->config.store, query->request);
	query->request = 0;
}

static void query_free(void *arg)
{
	struct query *query = arg;

	disarm(&query->w);
	rows_clear(&query->rows);
	free(query->code);
	free(query->error);
	query->code = query->error = NULL;
}

struct query *query_new(lua_State *L, const char *verb,
			int (*push)(lua_State *, struct waiter *))
{
	struct scripts *host = host_of(L);
	struct query *query;

	if (!host->config.store)
		(void)raise_error(L, "state", "%s: no database here", verb);
	query = op_new(L, sizeof(*query), query_free);
	query->host = host;
	waiter_init(L, &query->w, disarm, NULL, push);
	return query;
}

/* ---- values
 * ---------------------------------------------------------------------- */

void value_push(lua_State *L, const struct store_value *value)
{
	switch (value->type) {
	case STORE_INTEGER:
		lua_pushinteger(L, value->integer);
		break;
	case STORE_REAL:
		lua_pushnumber(L, value->real);
		break;
	case STORE_TEXT:
		lua_pushlstring(L, value->text, value->size);
		break;
	case STORE_NULL:
		lua_pushnil(L);
		break;
	}
}

bool value_read(lua_State *L, int index, struct store_value *value)
{
	memset(value, 0, sizeof(*value));
	switch (lua_type(L, index)) {
	case LUA_TNONE:
	case LUA_TNIL:
		value->type = STORE_NULL;
		return true;
	case LUA_TBOOLEAN:
		value->type = STORE_INTEGER;
		value->integer = lua_toboolean(L, index);
		return true;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index)) {
			value->type = STORE_INTEGER;
			value->integer = lua_tointeger(L, index);
		} else {
			value->type = STORE_REAL;
			value->real = lua_tonumber(L, index);
		}
		return true;
	case LUA_TSTRING:
		value->type = STORE_TEXT;
		value->text = lua_tolstring(L, index, &value->size);
		return true;
	case LUA_TLIGHTUSERDATA:
		value->type = STORE_NULL;
		return !lua_touserdata(L, index);
	default:
		return false;
	}
}

int query_push_error(lua_State *L, const struct query *query, const char *verb)
{
	if (query->no_memory)
		return raise_memory(L);
	if (!strcmp(query->code, "sql"))
		return raise_error(L, "sql", "%s: %s", verb, query->error);
	(void)push_reason(L, query->code);
	lua_pushstring(L, query->error);
	return 3;
}

static void push_rows(lua_State *L, const struct rows *rows)
{
	const struct store_value *value = rows->values;
	const int columns = (int)rows->columns;
	int names;

	lua_createtable(L, (int)(rows->rows < 10000 ? rows->rows : 10000), 0);
	if (!rows->rows)
		return;
	luaL_checkstack(L, columns + 4, "too many columns");
	names = lua_gettop(L) + 1;
	for (int i = 0; i < columns; i++)
		lua_pushstring(L, rows->names[i]);
	for (size_t i = 0; i < rows->rows; i++) {
		lua_createtable(L, 0, columns);
		for (int j = 0; j < columns; j++, value++) {
			if (value->type == STORE_NULL)
				continue;
			lua_pushvalue(L, names + j);
			value_push(L, value);
			lua_rawset(L, -3);
		}
		lua_rawseti(L, names - 1, (lua_Integer)i + 1);
	}
	lua_settop(L, names - 1);
}

static int push_query(lua_State *L, struct waiter *w)
{
	struct query *query = (struct query *)w;

	if (query->error || query->no_memory)
		return query_push_error(L, query, "moon.db.query");
	push_rows(L, &query->rows);
	rows_clear(&query->rows);
	return 1;
}

static int push_exec(lua_State *L, struct waiter *w)
{
	const struct query *query = (const struct query *)w;

	if (query->error || query->no_memory)
		return query_push_error(L, query, "moon.db.exec");
	lua_pushinteger(L, query->changes);
	lua_pushinteger(L, query->last_rowid);
	return 2;
}

static int push_transaction(lua_State *L, struct waiter *w)
{
	struct query *query = (struct query *)w;
	char verb[64];

	(void)re_snprintf(verb, sizeof(verb),
			  "moon.db.transaction, statement "
			  "%d",
			  query->failed + 1);
	if (query->error || query->no_memory)
		return query_push_error(L, query, verb);
	push_rows(L, &query->rows);
	lua_pushinteger(L, query->changes);
	rows_clear(&query->rows);
	return 2;
}

/* ---- verbs
 * ------------------------------------------------------------------------- */

/* Arguments from FIRST on; kept in a userdata that is pushed. */
static void read_parameters(lua_State *L, int first, const char *verb,
			    struct store_statement *statement)
{
	const int n = lua_gettop(L) - first + 1;
	struct store_value *values;

	if (n <= 0)
		return;
	if (n > PARAMETERS_MAX)
		(void)raise_error(L, "usage", "%s: too many parameters", verb);
	values = op_new(L, (size_t)n * sizeof(*values), NULL);
	for (int i = 0; i < n; i++) {
		if (!value_read(L, first + i, &values[i]))
			(void)raise_error(
				L, "usage", "%s: parameter %d can't be a %s",
				verb, i + 1, luaL_typename(L, first + i));
	}
	statement->values = values;
	statement->count = (size_t)n;
}

static int submit(lua_State *L, struct query *query,
		  const struct store_statement *statements, size_t count,
		  const char *verb, bool read)
{
	struct store *store = query->host->config.store;

	query->request = read ? store_read(store, statements, READ_MS,
					   query_answered, query)
			      : store_ask(store, statements, count,
					  query_answered, query);
	if (!query->request)
		return raise_error(L, "failed", "%s: not enough memory", verb);
	return script_wait(L, &query->w);
}

/* The first argument, as the engine's own where it is. */
static const char *text_of(lua_State *L, bool *read)
{
	const char *sql = luaL_checkstring(L, 1);
	const struct own_query *own = own_query_of(host_of(L), sql);

	*read = own ? own->read : sql_is_read(sql);
	return own ? own->text : sql;
}

/* moon.db.query(sql, …) → rows, or nil, reason, message. SELECTs run on the
 * read-only connection; others (INSERT … RETURNING) in order with writes. */
static int l_query(lua_State *L)
{
	static const char verb[] = "moon.db.query";
	struct store_statement statement = {0};
	struct query *query;
	bool read;

	script_can_wait(L, verb);
	statement.sql = text_of(L, &read);
	read_parameters(L, 2, verb, &statement);
	query = query_new(L, verb, push_query);
	return submit(L, query, &statement, 1, verb, read);
}

/* moon.db.exec(sql, …) → changes, last id; or nil, reason, message */
static int l_exec(lua_State *L)
{
	static const char verb[] = "moon.db.exec";
	struct store_statement statement = {0};
	struct query *query;
	bool read;

	script_can_wait(L, verb);
	statement.sql = text_of(L, &read);
	read_parameters(L, 2, verb, &statement);
	query = query_new(L, verb, push_exec);
	return submit(L, query, &statement, 1, verb, false);
}

/* The text of entry I, as the engine's own where it is, and how many values it
 * takes. Pushes the entry. */
static void read_text(lua_State *L, int list, lua_Integer i,
		      struct store_statement *statement)
{
	static const char verb[] = "moon.db.transaction";
	const struct own_query *own;

	if (lua_rawgeti(L, list, i) != LUA_TTABLE ||
	    lua_rawgeti(L, -1, 1) != LUA_TSTRING)
		(void)raise_error(L, "usage",
				  "%s: entry %d must be {sql, parameters…}",
				  verb, (int)i);
	statement->sql = lua_tostring(L, -1);
	own = own_query_of(host_of(L), statement->sql);
	if (own)
		statement->sql = own->text;
	statement->count =
		own ? own->parameters : sql_placeholders(statement->sql);
	lua_pop(L, 1);
	if (statement->count > PARAMETERS_MAX)
		(void)raise_error(L, "usage", "%s: too many parameters", verb);
	if (lua_rawlen(L, -1) > statement->count + 1)
		(void)raise_error(L, "usage",
				  "%s: entry %d has more parameters than "
				  "question marks",
				  verb, (int)i);
}

/* VALUES of entry I. Their texts are its table's. */
static void read_values(lua_State *L, int list, lua_Integer i, size_t count,
			struct store_value *values)
{
	(void)lua_rawgeti(L, list, i);
	for (size_t k = 0; k < count; k++) {
		lua_rawgeti(L, -1, (lua_Integer)k + 2);
		if (!value_read(L, -1, &values[k]))
			(void)raise_error(L, "usage",
					  "moon.db.transaction: entry %d, "
					  "parameter %d can't be a %s",
					  (int)i, (int)k + 1,
					  luaL_typename(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* moon.db.transaction{ {sql, …}, … } → rows of the last statement that had any,
 * changes; all or nothing. nil, reason, message */
static int l_transaction(lua_State *L)
{
	static const char verb[] = "moon.db.transaction";
	struct store_statement *statements;
	struct store_value *values;
	struct query *query;
	size_t count = 0;
	lua_Integer n;

	script_can_wait(L, verb);
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	n = (lua_Integer)lua_rawlen(L, 1);
	if (n < 1 || n > STATEMENTS_MAX)
		return raise_error(L, "usage", "%s: 1 to %d statements", verb,
				   STATEMENTS_MAX);
	statements = op_new(L, (size_t)n * sizeof(*statements), NULL);
	for (lua_Integer i = 1; i <= n; i++) {
		read_text(L, 1, i, &statements[i - 1]);
		count += statements[i - 1].count;
		lua_pop(L, 1);
	}
	values = op_new(L, (count + 1) * sizeof(*values), NULL);
	for (lua_Integer i = 1; i <= n; i++) {
		struct store_statement *s = &statements[i - 1];

		s->values = values;
		read_values(L, 1, i, s->count, values);
		values += s->count;
	}
	query = query_new(L, verb, push_transaction);
	return submit(L, query, statements, (size_t)n, verb, false);
}

/* moon.db.sql(name) → the text of db/queries/NAME.sql */
static int l_sql(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	if (!own_query_push(L, name))
		return raise_error(L, "usage",
				   "moon.db.sql: there is no query '%.60s'",
				   name);
	return 1;
}

void db_push(lua_State *L)
{
	static const luaL_Reg functions[] = {{"query", l_query},
					     {"exec", l_exec},
					     {"transaction", l_transaction},
					     {"sql", l_sql},
					     {NULL, NULL}};

	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null"); /* the same as moon.json.null */
}
