/* string.find, match, gmatch, gsub on patterns with a limit; the others that
 * can take long in C, with the clock looked at. */
#include "script/host.h"

#include <limits.h>
#include <string.h>

#include "script/pattern.h"

static int too_long(lua_State *L)
{
	return luaL_error(L,
			  "pattern match takes too long (more than %I "
			  "steps)",
			  (lua_Integer)host_of(L)->config.pattern_steps);
}

/* Small patterns fit on the C stack; others in a userdata. Pushes one value.
 * raises */
enum { NODES_SMALL = 32, STEPS_WATCHED = 1000 };

static void compile(lua_State *L, struct pattern *p,
		    struct node small[NODES_SMALL], const char *text,
		    size_t size, bool anchor)
{
	struct node *nodes = small;
	const char *err;

	if (size < NODES_SMALL)
		lua_pushnil(L);
	else
		nodes = lua_newuserdatauv(L, pattern_room(size), 0);
	err = pattern_compile(p, nodes, text, size, anchor);
	if (err)
		(void)luaL_error(L, "%s", err);
}

static void subject(struct pattern *p, const char *s, size_t size)
{
	p->subject = s;
	p->end = s + size;
}

/* Steps of one match; what grows with the text is allowed. raises */
static const char *match(lua_State *L, struct pattern *p, const char *at)
{
	const uint64_t before = p->steps;
	const char *stop = NULL;
	const enum pattern_result result = pattern_match(p, at, &stop);

	/* The hook counts this as one instruction. */
	if (before - p->steps > STEPS_WATCHED)
		budget_check(L);
	switch (result) {
	case PATTERN_YES:
		return stop;
	case PATTERN_STEPS:
		(void)too_long(L);
		return NULL;
	default:
		return NULL;
	}
}

static void refill(lua_State *L, struct pattern *p)
{
	p->steps = host_of(L)->config.pattern_steps +
		   4 * (uint64_t)(p->end - p->subject);
}

static void push_capture(lua_State *L, const struct pattern *p, unsigned i)
{
	const struct capture *capture = &p->capture[i];

	if (capture->position)
		lua_pushinteger(L, capture->start - p->subject + 1);
	else
		lua_pushlstring(L, capture->start, capture->size);
}

/* All captures; the whole match when there are none and WHOLE. */
static int push_captures(lua_State *L, const struct pattern *p, const char *at,
			 const char *stop, bool whole)
{
	luaL_checkstack(L, (int)p->captures + 1, "too many captures");
	if (p->captures == 0 && whole) {
		lua_pushlstring(L, at, (size_t)(stop - at));
		return 1;
	}
	for (unsigned i = 0; i < p->captures; i++)
		push_capture(L, p, i);
	return (int)p->captures;
}

/* A position as scripts give it: from 1, negative from the end. */
static size_t start_of(lua_Integer i, size_t size)
{
	if (i > 0)
		return (size_t)i;
	if (i == 0 || i < -(lua_Integer)size)
		return 1;
	return size + (size_t)i + 1;
}

static bool is_plain(const char *text, size_t size)
{
	return !memchr(text, '\0', size) && !strpbrk(text, "^$*+?.([%-");
}

static int find_or_match(lua_State *L, bool find)
{
	size_t size, psize;
	const char *s = luaL_checklstring(L, 1, &size);
	const char *text = luaL_checklstring(L, 2, &psize);
	const size_t init = start_of(luaL_optinteger(L, 3, 1), size) - 1;
	struct node small[NODES_SMALL];
	struct pattern p;

	if (init > size) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || is_plain(text, psize))) {
		const char *found =
			psize ? memmem(s + init, size - init, text, psize)
			      : s + init;

		if (!found) {
			lua_pushnil(L);
			return 1;
		}
		lua_pushinteger(L, found - s + 1);
		lua_pushinteger(L, found - s + (lua_Integer)psize);
		return 2;
	}
	compile(L, &p, small, text, psize, true);
	subject(&p, s, size);
	refill(L, &p);
	for (const char *at = s + init; at <= p.end; at++) {
		const char *stop = match(L, &p, at);

		if (stop && find) {
			lua_pushinteger(L, at - s + 1);
			lua_pushinteger(L, stop - s);
			return 2 + push_captures(L, &p, at, stop, false);
		}
		if (stop)
			return push_captures(L, &p, at, stop, true);
		if (p.anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

static int l_find(lua_State *L)
{
	return find_or_match(L, true);
}

static int l_match(lua_State *L)
{
	return find_or_match(L, false);
}

/* ---- gmatch ----------------------------------------------------------------
 */

struct gmatch {
	struct pattern p;
	const char *at, *last; /* last: end of the match before */
	struct node nodes[];
};

static int l_gmatch_next(lua_State *L)
{
	struct gmatch *g = lua_touserdata(L, lua_upvalueindex(3));

	refill(L, &g->p);
	for (const char *at = g->at; at <= g->p.end; at++) {
		const char *stop = match(L, &g->p, at);

		if (stop && stop != g->last) {
			g->at = g->last = stop;
			return push_captures(L, &g->p, at, stop, true);
		}
	}
	g->at = g->p.end + 1;
	return 0;
}

static int l_gmatch(lua_State *L)
{
	size_t size, psize;
	const char *s = luaL_checklstring(L, 1, &size);
	const char *text = luaL_checklstring(L, 2, &psize);
	size_t init = start_of(luaL_optinteger(L, 3, 1), size) - 1;
	struct gmatch *g;
	const char *err;

	lua_settop(L, 2);
	g = lua_newuserdatauv(L, sizeof(*g) + pattern_room(psize), 0);
	err = pattern_compile(&g->p, g->nodes, text, psize, false);
	if (err)
		return luaL_error(L, "%s", err);
	if (init > size)
		init = size + 1;
	subject(&g->p, s, size);
	g->at = s + init;
	g->last = NULL;
	lua_pushcclosure(L, l_gmatch_next, 3);
	return 1;
}

/* ---- gsub
 * ----------------------------------------------------------------------- */

static void add_template(lua_State *L, luaL_Buffer *b, const struct pattern *p,
			 const char *at, const char *stop)
{
	size_t size;
	const char *t = lua_tolstring(L, 3, &size);

	for (size_t i = 0; i < size; i++) {
		unsigned n;

		if (t[i] != '%') {
			luaL_addchar(b, t[i]);
			continue;
		}
		i++;
		if (i < size && t[i] == '%') {
			luaL_addchar(b, '%');
			continue;
		}
		if (i >= size || t[i] < '0' || t[i] > '9') {
			(void)luaL_error(L, "invalid use of '%%' in "
					    "replacement string");
			return;
		}
		n = (unsigned)(t[i] - '0');
		if (n == 0 || (n == 1 && p->captures == 0)) {
			luaL_addlstring(b, at, (size_t)(stop - at));
			continue;
		}
		if (n > p->captures) {
			(void)luaL_error(L,
					 "invalid capture index %%%d in "
					 "replacement string",
					 (int)n);
			return;
		}
		push_capture(L, p, n - 1);
		(void)luaL_tolstring(L, -1, NULL);
		lua_remove(L, -2);
		luaL_addvalue(b);
	}
}

/* True: it was changed. */
static bool add_value(lua_State *L, luaL_Buffer *b, const struct pattern *p,
		      const char *at, const char *stop, int type)
{
	if (type == LUA_TFUNCTION) {
		int n;

		lua_pushvalue(L, 3);
		n = push_captures(L, p, at, stop, true);
		lua_call(L, n, 1);
	} else if (type == LUA_TTABLE) {
		if (p->captures)
			push_capture(L, p, 0);
		else
			lua_pushlstring(L, at, (size_t)(stop - at));
		lua_gettable(L, 3);
	} else {
		add_template(L, b, p, at, stop);
		return true;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(b, at, (size_t)(stop - at));
		return false;
	}
	if (!lua_isstring(L, -1))
		(void)luaL_error(L, "invalid replacement value (a %s)",
				 luaL_typename(L, -1));
	luaL_addvalue(b);
	return true;
}

static int l_gsub(lua_State *L)
{
	size_t size, psize;
	const char *s = luaL_checklstring(L, 1, &size);
	const char *text = luaL_checklstring(L, 2, &psize);
	const int type = lua_type(L, 3);
	const lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)size + 1);
	const char *at = s, *last = NULL;
	struct node small[NODES_SMALL];
	lua_Integer n = 0;
	luaL_Buffer b;
	struct pattern p;
	bool changed = false;

	luaL_argexpected(L,
			 type == LUA_TNUMBER || type == LUA_TSTRING ||
				 type == LUA_TFUNCTION || type == LUA_TTABLE,
			 3, "string/function/table");
	lua_settop(L, 4);
	compile(L, &p, small, text, psize, true);
	luaL_buffinit(L, &b);
	subject(&p, s, size);
	while (n < max) {
		const char *stop;

		refill(L, &p);
		stop = match(L, &p, at);
		if (stop && stop != last) {
			n++;
			if (add_value(L, &b, &p, at, stop, type))
				changed = true;
			at = last = stop;
			if ((n & 63) == 0)
				budget_check(L);
		} else if (at < p.end) {
			luaL_addchar(&b, *at++);
			if (((at - s) & 1023) == 0)
				budget_check(L);
		} else {
			break;
		}
		if (p.anchored)
			break;
	}
	if (!changed) {
		lua_pushvalue(L, 1);
	} else {
		luaL_addlstring(&b, at, (size_t)(p.end - at));
		luaL_pushresult(&b);
	}
	lua_pushinteger(L, n);
	return 2;
}

/* string.rep of nothing would count to its end in C. */
static int l_rep(lua_State *L)
{
	size_t size, separator = 0;

	(void)luaL_checklstring(L, 1, &size);
	(void)luaL_optlstring(L, 3, "", &separator);
	if (size == 0 && separator == 0 && luaL_checkinteger(L, 2) > 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* The stock function, and then a look at the clock. */
static int l_watched(lua_State *L)
{
	const int n = lua_tocfunction(L, lua_upvalueindex(1))(L);

	budget_check(L);
	return n;
}

static void wrap(lua_State *L, const char *name, lua_CFunction fn)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, fn, 1);
	lua_setfield(L, -2, name);
}

/* The string library's table is at the top. */
void string_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch},
		{"gsub", l_gsub}, {NULL, NULL},
	};
	static const char *const slow[] = {"format", "reverse", "upper",
					   "lower",  "pack",	"byte"};

	luaL_setfuncs(L, functions, 0);
	wrap(L, "rep", l_rep);
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++)
		wrap(L, slow[i], l_watched);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
}

/* ---- table
 * -------------------------------------------------------------------- */

/* table.move(a, f, e, t[, b]) */
static int l_move(lua_State *L)
{
	const lua_Integer f = luaL_checkinteger(L, 2);
	const lua_Integer e = luaL_checkinteger(L, 3);
	const lua_Integer t = luaL_checkinteger(L, 4);
	const int to = lua_isnoneornil(L, 5) ? 1 : 5;
	lua_Integer n;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, to, LUA_TTABLE);
	if (e >= f) {
		bool upward;

		luaL_argcheck(L, f > 0 || e < LUA_MAXINTEGER + f, 3,
			      "too many elements to move");
		n = e - f + 1;
		luaL_argcheck(L, t <= LUA_MAXINTEGER - n + 1, 4,
			      "destination wrap around");
		upward = t > e || t <= f ||
			 (to != 1 && !lua_compare(L, 1, to, LUA_OPEQ));
		for (lua_Integer k = 0; k < n; k++) {
			const lua_Integer i = upward ? k : n - 1 - k;

			lua_geti(L, 1, f + i);
			lua_seti(L, to, t + i);
			if ((k & 1023) == 1023)
				budget_check(L);
		}
	}
	lua_pushvalue(L, to);
	return 1;
}

/* The order of sort without one: counts, so that a long sort ends. */
static int l_less(lua_State *L)
{
	lua_Integer *n = lua_touserdata(L, lua_upvalueindex(1));

	if ((++*n & 1023) == 0)
		budget_check(L);
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

static int l_sort(lua_State *L)
{
	if (lua_isnoneornil(L, 2)) {
		lua_Integer *n;

		lua_settop(L, 1);
		n = lua_newuserdatauv(L, sizeof(*n), 0);
		*n = 0;
		lua_pushcclosure(L, l_less, 1);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* The table library's table is at the top. */
void table_open(lua_State *L)
{
	static const char *const slow[] = {"insert", "remove", "concat",
					   "unpack", "pack"};

	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++)
		wrap(L, slow[i], l_watched);
	wrap(L, "sort", l_sort);
	lua_pushcfunction(L, l_move);
	lua_setfield(L, -2, "move");
}
