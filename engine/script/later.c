#include "script/later.h"

#include <string.h>

#include "base/nearest.h"

enum { NAMES_MAX = 128 };

static int l_later(lua_State *L)
{
	return raise_error(L, "not_available", "%s is not available yet",
			   lua_tostring(L, lua_upvalueindex(1)));
}

int later_index(lua_State *L, const char *what, const char *name, int methods,
		const char *const *later, const char *const *names)
{
	const char *all[NAMES_MAX];
	const char *near;
	size_t n = 0;

	for (; later && *later; later++) {
		if (strcmp(*later, name) != 0)
			continue;
		lua_pushfstring(L, "%s%s", what, name);
		lua_pushcclosure(L, l_later, 1);
		return 1;
	}
	for (; names && *names && n < NAMES_MAX; names++)
		all[n++] = *names;
	methods = lua_absindex(L, methods);
	for (lua_pushnil(L); lua_next(L, methods); lua_pop(L, 1)) {
		if (n < NAMES_MAX && lua_type(L, -2) == LUA_TSTRING)
			all[n++] = lua_tostring(L, -2);
	}
	near = nearest_name(name, all, n);
	return raise_error(L, "usage", "%s%.40s: there is no such name%s%s%s",
			   what, name, near ? "; did you mean '" : "",
			   near ? near : "", near ? "'?" : "");
}
