/* db.h -- private to script: a request to the store that a script waits for */
#ifndef MOONDIAL_SCRIPT_DB_H
#define MOONDIAL_SCRIPT_DB_H

#include "script/host.h"
#include "store/store.h"

/* Rows as the store handed them over, copied: they are made Lua tables when
 * the script runs. VALUES is all their memory. */
struct rows {
	size_t columns, rows;
	const char **names;
	struct store_value *values;
};

/* ---- own_query.c ---- */

/* One of the engine's own queries (db/queries) that scripts have asked for. */
struct own_query {
	const char *string; /* Lua's, anchored */
	const char *text;   /* the engine's */
	size_t parameters;
	bool read; /* a SELECT */
};

/* Which of the engine's own STRING is; NULL: a text of the script's. STRING
 * must be Lua's own pointer, as of lua_tostring. */
const struct own_query *own_query_of(const struct scripts *host,
				     const char *string);
/* Push the text of db/queries/NAME.sql. False: there is none, nothing is
 * pushed. raises: memory. */
bool own_query_push(lua_State *L, const char *name);
/* How many ? there are outside of strings and comments. */
size_t sql_placeholders(const char *sql);
/* A SELECT, comments before it left out. */
bool sql_is_read(const char *sql);

struct query {
	struct waiter w;
	struct scripts *host;
	uint64_t request;
	struct rows rows;
	int64_t changes, last_rowid;
	int failed; /* the statement that failed, from 0 */
	char *code, *error;
	bool no_memory;
};

/* A query's userdata, with the waiter ready; PUSH gets its struct query. */
struct query *query_new(lua_State *L, const char *verb,
			int (*push)(lua_State *, struct waiter *));
/* As store_h; ARG is the query. */
void query_answered(const struct store_result *result, void *arg);
/* What a failure is: raises for SQL that is wrong; else nil, code, message. */
int query_push_error(lua_State *L, const struct query *query, const char *verb);
void value_push(lua_State *L, const struct store_value *value);
/* A Lua value → a parameter. False: no such type. The text stays Lua's. */
bool value_read(lua_State *L, int index, struct store_value *value);

#endif
