/* The engine's own queries as scripts hold them. A string of moon.db.sql is
 * anchored once for each query, and known again by its address: what comes back
 * unchanged needs no copy of its text, no search for it and, as it hardly ever
 * fails, no savepoint (store/writer.c). */
#include "script/db.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 512 }; /* a power of two, twice the queries there are */

struct own_queries {
	size_t used;
	struct own_query slots[SLOTS]; /* by the address of Lua's string */
};

static const char key;

size_t sql_placeholders(const char *sql)
{
	size_t n = 0;

	while (*sql) {
		if (*sql == '\'' || *sql == '"') {
			const char *end = strchr(sql + 1, *sql);

			if (!end)
				break;
			sql = end + 1;
		} else if (sql[0] == '-' && sql[1] == '-') {
			sql += strcspn(sql, "\n");
		} else {
			n += *sql++ == '?';
		}
	}
	return n;
}

bool sql_is_read(const char *sql)
{
	static const char select[] = "select";

	for (;;) {
		sql += strspn(sql, " \t\r\n(");
		if (sql[0] != '-' || sql[1] != '-')
			break;
		sql += strcspn(sql, "\n");
	}
	for (size_t i = 0; i < sizeof(select) - 1; i++) {
		if (tolower((unsigned char)sql[i]) != select[i])
			return false;
	}
	return true;
}

static size_t slot_of(const struct own_queries *own, const char *string)
{
	size_t i = ((uintptr_t)string >> 4) * 0x9e3779b97f4a7c15u >> 55;

	while (own->slots[i].string && own->slots[i].string != string)
		i = (i + 1) % SLOTS;
	return i;
}

const struct own_query *own_query_of(const struct scripts *host,
				     const char *string)
{
	const struct own_queries *own = host->own_queries;
	const struct own_query *query;

	if (!own)
		return NULL;
	query = &own->slots[slot_of(own, string)];
	return query->string ? query : NULL;
}

static struct own_queries *own_queries(lua_State *L)
{
	struct scripts *host = host_of(L);

	if (!host->own_queries) {
		host->own_queries = calloc(1, sizeof(*host->own_queries));
		if (!host->own_queries)
			(void)raise_memory(L);
	}
	return host->own_queries;
}

bool own_query_push(lua_State *L, const char *name)
{
	struct own_queries *own;
	struct own_query *query;
	const char *text;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
	}
	lua_pushstring(L, name);
	if (lua_rawget(L, -2) == LUA_TSTRING) {
		lua_remove(L, -2);
		return true;
	}
	lua_pop(L, 1);
	text = store_query(name);
	own = own_queries(L);
	if (!text) {
		lua_pop(L, 1);
		return false;
	}
	lua_pushstring(L, text);
	query = &own->slots[slot_of(own, lua_tostring(L, -1))];
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name); /* anchored, from here on */
	if (own->used < SLOTS / 2) {
		own->used++;
		*query =
			(struct own_query){.string = lua_tostring(L, -1),
					   .text = text,
					   .parameters = sql_placeholders(text),
					   .read = sql_is_read(text)};
	}
	lua_remove(L, -2);
	return true;
}
