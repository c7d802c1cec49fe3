/* moon.cdr.find{…}: call records, newest first, in seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/args.h"
#include "script/db.h"

enum { FILTERS_MAX = 12, READ_MS = 30000 };

struct filter {
	char sql[1024];
	size_t used;
	struct store_value values[FILTERS_MAX];
	size_t count;
};

static const struct option find_options[] = {
	{"id", OPT_STRING},	   {"since", OPT_ANY},
	{"until", OPT_ANY},	   {"disposition", OPT_STRING},
	{"campaign", OPT_STRING},  {"number", OPT_STRING},
	{"direction", OPT_STRING}, {"lead", OPT_STRING},
	{"limit", OPT_COUNT},	   {0},
};

static void add(struct filter *f, const char *condition)
{
	f->used += (size_t)snprintf(f->sql + f->used, sizeof(f->sql) - f->used,
				    " AND %s", condition);
}

static void add_text(lua_State *L, struct filter *f, const char *option,
		     const char *condition, int times)
{
	const char *text = args_string(L, 1, option, NULL);

	if (!text)
		return;
	add(f, condition);
	while (times-- > 0)
		f->values[f->count++] = (struct store_value){
			.type = STORE_TEXT, .text = text, .size = strlen(text)};
}

/* Seconds since the epoch, or a text as `moondial cdr --since` takes it. */
static void add_time(lua_State *L, struct filter *f, const char *option,
		     const char *condition)
{
	int64_t ms = 0;

	if (!args_has(L, 1, option))
		return;
	lua_getfield(L, 1, option);
	if (lua_type(L, -1) == LUA_TNUMBER)
		ms = (int64_t)(lua_tonumber(L, -1) * 1000);
	else if (lua_type(L, -1) != LUA_TSTRING ||
		 clock_parse(&ms, lua_tostring(L, -1)))
		(void)raise_error(L, "usage",
				  "moon.cdr.find: %s is seconds since the "
				  "epoch or a time such as \"2h\", got %s",
				  option, luaL_tolstring(L, -1, NULL));
	lua_pop(L, 1);
	add(f, condition);
	f->values[f->count++] =
		(struct store_value){.type = STORE_INTEGER, .integer = ms};
}

static int push_field(lua_State *L, const char *name,
		      const struct store_value *value)
{
	const size_t n = strlen(name);
	char key[64];

	if (n > 3 && n < sizeof(key) && !strcmp(name + n - 3, "_ms")) {
		memcpy(key, name, n - 3);
		key[n - 3] = '\0';
		lua_pushnumber(L, value->type == STORE_REAL
					  ? value->real / 1000
					  : (double)value->integer / 1000);
		lua_setfield(L, -2, key);
		return 0;
	}
	if (!strcmp(name, "user_json")) {
		cJSON *json = cJSON_ParseWithLength(value->text, value->size);

		/* Small, and ours: no script is in between. */
		if (json) {
			json_push(L, json);
			cJSON_Delete(json);
			lua_setfield(L, -2, "user");
		}
		return 0;
	}
	value_push(L, value);
	lua_setfield(L, -2, name);
	return 0;
}

static int push_records(lua_State *L, struct waiter *w)
{
	const struct query *query = (const struct query *)w;
	const struct rows *rows = &query->rows;
	const struct store_value *value = rows->values;

	if (query->error || query->no_memory)
		return query_push_error(L, query, "moon.cdr.find");
	lua_newtable(L);
	for (size_t i = 0; i < rows->rows; i++) {
		lua_createtable(L, 0, (int)rows->columns);
		for (size_t j = 0; j < rows->columns; j++, value++) {
			if (value->type != STORE_NULL)
				(void)push_field(L, rows->names[j], value);
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* moon.cdr.find{…} → list of records, or nil, reason, message */
static int l_find(lua_State *L)
{
	static const char verb[] = "moon.cdr.find";
	struct store_statement statement;
	struct filter *f;
	struct query *query;
	lua_Integer limit;

	script_can_wait(L, verb);
	args_check(L, 1, verb, find_options, false);
	lua_settop(L, 1);
	f = op_new(L, sizeof(*f), NULL);
	f->used = (size_t)snprintf(f->sql, sizeof(f->sql),
				   "SELECT * FROM cdrs WHERE 1 = 1");
	add_text(L, f, "id", "id = ?", 1);
	add_time(L, f, "since", "started_at_ms >= ?");
	add_time(L, f, "until", "started_at_ms < ?");
	add_text(L, f, "disposition", "disposition = ?", 1);
	add_text(L, f, "campaign", "campaign = ?", 1);
	add_text(L, f, "direction", "direction = ?", 1);
	add_text(L, f, "lead", "lead_id = ?", 1);
	add_text(L, f, "number", "(from_user = ? OR to_user = ?)", 2);
	limit = (lua_Integer)args_number(L, 1, "limit", 1000);
	f->used += (size_t)snprintf(f->sql + f->used, sizeof(f->sql) - f->used,
				    " ORDER BY started_at_ms DESC, id DESC "
				    "LIMIT ?");
	f->values[f->count++] =
		(struct store_value){.type = STORE_INTEGER, .integer = limit};
	statement = (struct store_statement){
		.sql = f->sql, .values = f->values, .count = f->count};
	query = query_new(L, verb, push_records);
	query->request = store_read(query->host->config.store, &statement,
				    READ_MS, query_answered, query);
	if (!query->request)
		return raise_error(L, "failed", "%s: not enough memory", verb);
	return script_wait(L, &query->w);
}

void cdr_push(lua_State *L)
{
	static const luaL_Reg functions[] = {{"find", l_find}, {NULL, NULL}};

	luaL_newlib(L, functions);
}
