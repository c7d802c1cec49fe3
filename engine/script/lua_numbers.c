/* moon.numbers: lists of telephone numbers on disk, made and asked on the
 * background thread. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/numbers.h"
#include "script/args.h"
#include "script/host.h"

enum { ASKED_MAX = 10000 };

static const char type_name[] = "moondial.numbers";

/* Opened by the first that asks. NUMBERS is the background thread's. */
struct set {
	char path[PATH_MAX];
	struct numbers *numbers;
};

/* Shared with the background thread while it works; counted on the loop
 * thread only. */
struct asking {
	struct set *set; /* referenced */
	size_t count;
	uint64_t *keys;
	bool *has;
	int err;
	struct waiter *waiter;
};

struct asking_wait {
	struct waiter w;
	struct asking *asking;
};

static void set_destroy(void *arg)
{
	struct set *set = arg;

	mem_deref(set->numbers);
}

static void asking_destroy(void *arg)
{
	struct asking *asking = arg;

	mem_deref(asking->set);
	free(asking->keys);
	free(asking->has);
}

static void ask(void *arg)
{
	struct asking *asking = arg;
	struct set *set = asking->set;

	if (!set->numbers)
		asking->err = numbers_open(&set->numbers, set->path);
	for (size_t i = 0; !asking->err && i < asking->count; i++) {
		if (asking->keys[i])
			asking->err = numbers_has(set->numbers, asking->keys[i],
						  &asking->has[i]);
	}
}

static void asked(void *arg)
{
	struct asking *asking = arg;

	if (asking->waiter)
		waiter_wake(asking->waiter, WAKE_DONE);
	mem_deref(asking);
}

static void disarm(struct waiter *w)
{
	struct asking_wait *op = (struct asking_wait *)w;

	if (op->asking)
		op->asking->waiter = NULL;
}

static void wait_free(void *arg)
{
	struct asking_wait *op = arg;

	if (op->asking && op->asking->waiter == &op->w)
		op->asking->waiter = NULL;
	op->asking = mem_deref(op->asking);
}

/* The list that was given is still at 2: what it holds are the keys. */
static int push_found(lua_State *L, struct waiter *w)
{
	struct asking *asking = ((struct asking_wait *)w)->asking;

	if (asking->err == ENOMEM)
		return raise_memory(L);
	if (asking->err) {
		(void)push_reason(L, "failed");
		lua_pushfstring(L, "%s: %s", asking->set->path,
				asking->err == EBADMSG
					? "is no list of numbers, or cut off"
					: strerror(asking->err));
		return 3;
	}
	lua_newtable(L);
	for (size_t i = 0; i < asking->count; i++) {
		if (!asking->has[i])
			continue;
		if (lua_rawgeti(L, 2, (lua_Integer)i + 1) != LUA_TSTRING) {
			lua_pop(L, 1); /* the list was changed meanwhile */
			continue;
		}
		lua_pushboolean(L, 1);
		lua_rawset(L, -3);
	}
	return 1;
}

/* set:find(list) → {[number] = true} of those that are in it; or nil,
 * "failed", message. What is no number is in no list. */
static int l_find(lua_State *L)
{
	static const char verb[] = "set:find";
	struct set **box = luaL_checkudata(L, 1, type_name);
	struct scripts *host = host_of(L);
	struct asking_wait *op;
	struct asking *asking;
	lua_Unsigned n;

	script_can_wait(L, verb);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	n = lua_rawlen(L, 2);
	if (n > ASKED_MAX)
		return raise_error(L, "usage", "%s: at most %d numbers", verb,
				   ASKED_MAX);
	op = op_new(L, sizeof(*op), wait_free);
	asking = op->asking = mem_zalloc(sizeof(*asking), asking_destroy);
	if (!asking)
		return raise_memory(L);
	asking->set = mem_ref(*box);
	asking->count = n;
	asking->keys = calloc(n + 1, sizeof(*asking->keys));
	asking->has = calloc(n + 1, sizeof(*asking->has));
	if (!asking->keys || !asking->has)
		return raise_memory(L);
	for (lua_Unsigned i = 0; i < n; i++) {
		lua_rawgeti(L, 2, (lua_Integer)i + 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			return raise_error(L, "usage",
					   "%s: a list of texts is expected, "
					   "got a %s in it",
					   verb, luaL_typename(L, -1));
		if (!numbers_key(lua_tostring(L, -1), &asking->keys[i]))
			asking->keys[i] = 0;
		lua_pop(L, 1);
	}
	waiter_init(L, &op->w, disarm, NULL, push_found);
	asking->waiter = &op->w;
	if (background_run(host->config.background, ask, asked,
			   mem_ref(asking))) {
		mem_deref(asking);
		return raise_error(L, "failed", "%s: not enough memory", verb);
	}
	return script_wait(L, &op->w);
}

static const char *checked_path(lua_State *L, int index, const char *verb)
{
	const char *path = luaL_checkstring(L, index);

	if (!host_of(L)->config.background)
		(void)raise_error(L, "state", "%s: not here", verb);
	if (!*path || strlen(path) >= PATH_MAX)
		(void)raise_error(L, "usage", "%s: a path is expected", verb);
	return path;
}

/* moon.numbers.open(path) → set. The file is opened when it is first asked. */
static int l_open(lua_State *L)
{
	const char *path = checked_path(L, 1, "moon.numbers.open");
	struct set **box = lua_newuserdatauv(L, sizeof(void *), 0);

	*box = NULL;
	luaL_setmetatable(L, type_name);
	*box = mem_zalloc(sizeof(**box), set_destroy);
	if (!*box)
		return raise_memory(L);
	(void)snprintf((*box)->path, sizeof((*box)->path), "%s", path);
	return 1;
}

/* ---- build --------------------------------------------------------------- */

struct building {
	struct numbers_import import;
	char source[PATH_MAX], path[PATH_MAX], country[8];
	int err;
	struct waiter *waiter;
};

static const struct option build_options[] = {{"country", OPT_STRING}, {0}};

struct building_wait {
	struct waiter w;
	struct building *building;
};

static void build(void *arg)
{
	struct building *building = arg;

	building->err = numbers_build(&building->import);
}

static void built(void *arg)
{
	struct building *building = arg;

	if (building->waiter)
		waiter_wake(building->waiter, WAKE_DONE);
	mem_deref(building);
}

static void build_disarm(struct waiter *w)
{
	struct building_wait *op = (struct building_wait *)w;

	if (op->building)
		op->building->waiter = NULL;
}

static void build_free(void *arg)
{
	struct building_wait *op = arg;

	if (op->building && op->building->waiter == &op->w)
		op->building->waiter = NULL;
	op->building = mem_deref(op->building);
}

static int push_built(lua_State *L, struct waiter *w)
{
	struct building *b = ((struct building_wait *)w)->building;
	const struct numbers_import *import = &b->import;

	if (b->err) {
		(void)push_reason(L, "failed");
		lua_pushfstring(L, "%s: %s", b->source, strerror(b->err));
		return 3;
	}
	lua_createtable(L, 0, 5);
	lua_pushinteger(L, (lua_Integer)import->lines);
	lua_setfield(L, -2, "lines");
	lua_pushinteger(L, (lua_Integer)import->numbers);
	lua_setfield(L, -2, "numbers");
	lua_pushinteger(L, (lua_Integer)import->duplicates);
	lua_setfield(L, -2, "duplicates");
	lua_pushinteger(L, (lua_Integer)import->bad);
	lua_setfield(L, -2, "bad");
	lua_newtable(L);
	for (uint64_t i = 0; i < import->bad && i < NUMBERS_BAD_SHOWN; i++) {
		lua_pushinteger(L, (lua_Integer)import->bad_lines[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "bad_lines");
	return 1;
}

/* moon.numbers.build(source, path[, {country}]) → {lines, numbers, duplicates,
 * bad, bad_lines}, or nil, "failed", message */
static int l_build(lua_State *L)
{
	static const char verb[] = "moon.numbers.build";
	const char *source, *path, *country;
	struct building_wait *op;
	struct building *b;

	script_can_wait(L, verb);
	source = checked_path(L, 1, verb);
	path = checked_path(L, 2, verb);
	args_check(L, 3, verb, build_options, false);
	country = args_string(L, 3, "country", NULL);
	if (country && (strspn(country, "0123456789") != strlen(country) ||
			!*country || strlen(country) > 3 || *country == '0'))
		return raise_error(L, "usage",
				   "%s: 'country' is a calling code such as "
				   "\"1\" or \"44\"",
				   verb);
	op = op_new(L, sizeof(*op), build_free);
	b = op->building = mem_zalloc(sizeof(*b), NULL);
	if (!b)
		return raise_memory(L);
	(void)snprintf(b->source, sizeof(b->source), "%s", source);
	(void)snprintf(b->path, sizeof(b->path), "%s", path);
	(void)snprintf(b->country, sizeof(b->country), "%s",
		       country ? country : "");
	b->import.source = b->source;
	b->import.path = b->path;
	b->import.country = country ? b->country : NULL;
	waiter_init(L, &op->w, build_disarm, NULL, push_built);
	b->waiter = &op->w;
	if (background_run(host_of(L)->config.background, build, built,
			   mem_ref(b))) {
		mem_deref(b);
		return raise_error(L, "failed", "%s: not enough memory", verb);
	}
	return script_wait(L, &op->w);
}

static int l_gc(lua_State *L)
{
	struct set **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void numbers_open_type(lua_State *L)
{
	luaL_newmetatable(L, type_name);
	lua_newtable(L);
	lua_pushcfunction(L, l_find);
	lua_setfield(L, -2, "find");
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "numbers");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void numbers_push(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"open", l_open}, {"build", l_build}, {NULL, NULL}};

	luaL_newlib(L, functions);
}
