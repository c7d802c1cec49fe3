/* moon.json: Lua values ↔ JSON. Integers are exact up to 2^53; null is
 * moon.json.null; an empty table is an object unless moon.json.array marked
 * it, as decode does. */
#include "script/host.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

static const char array_key = 'a';

struct reader {
	char *err;
	size_t size;
};

static cJSON *value(lua_State *L, int index, struct reader *r, int depth);

static cJSON *fail(struct reader *r, const char *what)
{
	if (!r->err[0])
		(void)snprintf(r->err, r->size, "%s", what);
	return NULL;
}

static bool is_marked(lua_State *L, int index)
{
	bool marked;

	if (!lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

static cJSON *list(lua_State *L, int index, struct reader *r, int depth)
{
	const lua_Unsigned n = lua_rawlen(L, index);
	cJSON *array = cJSON_CreateArray();

	for (lua_Unsigned i = 1; i <= n; i++) {
		cJSON *item;

		lua_rawgeti(L, index, (lua_Integer)i);
		item = value(L, lua_gettop(L), r, depth + 1);
		lua_pop(L, 1);
		if (!item) {
			cJSON_Delete(array);
			return NULL;
		}
		cJSON_AddItemToArray(array, item);
	}
	return array;
}

static cJSON *object(lua_State *L, int index, struct reader *r, int depth)
{
	cJSON *o = cJSON_CreateObject();

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		cJSON *item;

		if (lua_type(L, -2) != LUA_TSTRING)
			item = fail(r, "a table with keys that are neither 1…n "
				       "nor strings");
		else
			item = value(L, lua_gettop(L), r, depth + 1);
		if (!item) {
			cJSON_Delete(o);
			lua_pop(L, 2);
			return NULL;
		}
		cJSON_AddItemToObject(o, lua_tostring(L, -2), item);
	}
	return o;
}

static cJSON *number(lua_State *L, int index, struct reader *r)
{
	char text[32];
	double d;

	if (lua_isinteger(L, index)) {
		const lua_Integer n = lua_tointeger(L, index);
		const lua_Integer exact = (lua_Integer)1 << 53;

		/* As a double it would lose digits above 2^53. */
		if (n >= -exact && n <= exact)
			return cJSON_CreateNumber((double)n);
		(void)snprintf(text, sizeof(text), "%lld", (long long)n);
		return cJSON_CreateRaw(text);
	}
	d = lua_tonumber(L, index);
	if (!isfinite(d))
		return fail(r, "a number that is not finite");
	return cJSON_CreateNumber(d);
}

static cJSON *value(lua_State *L, int index, struct reader *r, int depth)
{
	if (depth > DEPTH_MAX || !lua_checkstack(L, 6))
		return fail(r, "tables nested too deeply (or in a circle)");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return cJSON_CreateNull();
	case LUA_TBOOLEAN:
		return cJSON_CreateBool(lua_toboolean(L, index));
	case LUA_TNUMBER:
		return number(L, index, r);
	case LUA_TSTRING:
		if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
			return fail(r, "a string with a NUL byte");
		return cJSON_CreateString(lua_tostring(L, index));
	case LUA_TLIGHTUSERDATA:
		if (!lua_touserdata(L, index))
			return cJSON_CreateNull();
		break;
	case LUA_TTABLE:
		if (lua_rawlen(L, index) > 0 || is_marked(L, index))
			return list(L, index, r, depth);
		return object(L, index, r, depth);
	default:
		break;
	}
	(void)snprintf(r->err, r->size, "a %s can't be JSON",
		       luaL_typename(L, index));
	return NULL;
}

cJSON *json_read(lua_State *L, int index, char *err, size_t size)
{
	struct reader r = {.err = err, .size = size};
	cJSON *json;

	err[0] = '\0';
	json = value(L, lua_absindex(L, index), &r, 0);
	if (!json && !err[0])
		(void)snprintf(err, size, "not enough memory");
	return json;
}

void json_push(lua_State *L, const cJSON *json)
{
	const cJSON *item;
	lua_Integer i = 0;

	luaL_checkstack(L, 6, "JSON nested too deeply");
	if (cJSON_IsString(json)) {
		lua_pushstring(L, json->valuestring);
	} else if (cJSON_IsNumber(json)) {
		const double d = json->valuedouble;

		if (floor(d) == d && fabs(d) <= 9007199254740992.0)
			lua_pushinteger(L, (lua_Integer)d);
		else
			lua_pushnumber(L, d);
	} else if (cJSON_IsBool(json)) {
		lua_pushboolean(L, cJSON_IsTrue(json));
	} else if (cJSON_IsArray(json)) {
		lua_newtable(L);
		lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
		lua_setmetatable(L, -2);
		cJSON_ArrayForEach(item, json)
		{
			json_push(L, item);
			lua_rawseti(L, -2, ++i);
		}
	} else if (cJSON_IsObject(json)) {
		lua_newtable(L);
		cJSON_ArrayForEach(item, json)
		{
			lua_pushstring(L, item->string);
			json_push(L, item);
			lua_rawset(L, -3);
		}
	} else {
		lua_pushlightuserdata(L, NULL);
	}
}

struct holder {
	cJSON *json;
	char *text;
};

static void holder_free(void *op)
{
	struct holder *h = op;

	cJSON_Delete(h->json);
	cJSON_free(h->text);
	h->json = NULL;
	h->text = NULL;
}

/* moon.json.encode(value) → text */
static int l_encode(lua_State *L)
{
	char err[256];
	struct holder *h;

	luaL_checkany(L, 1);
	h = op_new(L, sizeof(*h), holder_free);
	h->json = json_read(L, 1, err, sizeof(err));
	if (!h->json)
		return raise_error(L, "usage", "moon.json.encode: %s", err);
	h->text = cJSON_PrintUnformatted(h->json);
	if (!h->text)
		return raise_memory(L);
	lua_pushstring(L, h->text);
	holder_free(h);
	budget_check(L);
	return 1;
}

/* moon.json.decode(text) → value, or nil, reason */
static int l_decode(lua_State *L)
{
	size_t size;
	const char *text = luaL_checklstring(L, 1, &size);
	struct holder *h = op_new(L, sizeof(*h), holder_free);
	const char *end = NULL;

	h->json = cJSON_ParseWithLengthOpts(text, size + 1, &end, true);
	if (!h->json) {
		lua_pushnil(L);
		lua_pushfstring(L, "not JSON at character %d",
				end ? (int)(end - text) + 1 : 1);
		return 2;
	}
	json_push(L, h->json);
	holder_free(h);
	budget_check(L);
	return 1;
}

/* moon.json.array([t]) → t, marked as a list also when it is empty */
static int l_array(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	lua_setmetatable(L, 1);
	return 1;
}

void json_open(lua_State *L)
{
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

/* Pushes the table. */
void json_table_push(lua_State *L)
{
	static const luaL_Reg functions[] = {{"encode", l_encode},
					     {"decode", l_decode},
					     {"array", l_array},
					     {NULL, NULL}};

	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
}
