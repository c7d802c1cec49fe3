/* require: "moondial" is the engine; "moondial.…" and others are Lua files of
 * the script's folder and of the runtime's. One package.loaded a generation. */
#include "script/host.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static bool valid(const char *name)
{
	bool start = true;

	for (; *name; name++) {
		if (*name == '.') {
			if (start)
				return false;
			start = true;
		} else if (isalnum((unsigned char)*name) || *name == '_' ||
			   *name == '-') {
			start = false;
		} else {
			return false;
		}
	}
	return !start;
}

static bool find_in(const char *folder, const char *relative, char *path,
		    size_t size)
{
	static const char *const endings[] = {".lua", "/init.lua"};

	for (size_t i = 0; folder && i < 2; i++) {
		const int n = snprintf(path, size, "%s/%s%s", folder, relative,
				       endings[i]);

		if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static bool find(const struct generation *gen, const char *name, char *path,
		 size_t size)
{
	const char *lua_dir = gen->host->config.lua_dir;
	char relative[256];

	if (strlen(name) >= sizeof(relative))
		return false;
	(void)snprintf(relative, sizeof(relative), "%s", name);
	for (char *p = relative; *p; p++) {
		if (*p == '.')
			*p = '/';
	}
	/* The runtime's own can't be shadowed by chance. */
	if (!strncmp(name, "moondial.", 9))
		return find_in(lua_dir, relative, path, size);
	return find_in(gen->folder, relative, path, size) ||
	       find_in(lua_dir, relative, path, size);
}

static int l_require_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	/* name, loaded, result or error */
	if (status != LUA_OK && status != LUA_YIELD) {
		/* It may be required again. */
		lua_pushvalue(L, 1);
		lua_pushnil(L);
		lua_rawset(L, 2);
		return lua_error(L);
	}
	if (lua_isnil(L, 3)) {
		lua_settop(L, 2);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	lua_rawset(L, 2);
	return 1;
}

static const char loading = 'l';

static int l_require(lua_State *L)
{
	struct generation *gen = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 1);
	char path[PATH_MAX], shown[WHERE_SIZE];
	uint64_t begin_ns;

	lua_settop(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->loaded_ref);
	lua_pushvalue(L, 1);
	if (lua_rawget(L, 2) != LUA_TNIL) {
		if (lua_touserdata(L, 3) == (void *)&loading)
			return luaL_error(L, "module '%s' requires itself",
					  name);
		return 1;
	}
	lua_settop(L, 2);
	if (!strcmp(name, "moondial")) {
		moon_push(L, gen);
		return l_require_k(L, LUA_OK, 0);
	}
	if (!valid(name))
		return luaL_error(L,
				  "module '%s': not a name such as "
				  "'flows.menu'",
				  name);
	if (!find(gen, name, path, sizeof(path)))
		return luaL_error(
			L, "module '%s' not found in %s and %s", name,
			gen->folder ? gen->folder : "(no script's folder)",
			gen->host->config.lua_dir ? gen->host->config.lua_dir
						  : "(no runtime folder)");
	lua_pushvalue(L, 1);
	lua_pushlightuserdata(L, (void *)(uintptr_t)&loading);
	lua_rawset(L, 2);
	(void)snprintf(shown, sizeof(shown), "%.100s%s", name, ".lua");
	for (char *p = shown; p + 4 < shown + strlen(shown); p++) {
		if (*p == '.')
			*p = '/';
	}
	/* That a script is the first to need a module is not its fault. */
	begin_ns = clock_mono_ns();
	generation_load_file(L, gen, path, shown);
	budget_spare(host_of(L), clock_mono_ns() - begin_ns);
	lua_pushvalue(L, 1);
	lua_pushstring(L, path);
	return l_require_k(L, lua_pcallk(L, 2, 1, 0, 0, l_require_k), 0);
}

void require_push(lua_State *L, struct generation *gen)
{
	lua_pushlightuserdata(L, gen);
	lua_pushcclosure(L, l_require, 1);
}
