/* Loads of the scripts: each has an environment, a package.loaded, handlers. */
#include "script/host.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "script/event.h"
#include "script/leg.h"
#include "script/route.h"
#include "script/timer.h"

/* A first load may read and compile many files. One that replaces another
 * stalls the calls in progress: it gets a few slices. */
static const uint64_t first_slice_ns = UINT64_C(5000000000);
enum { RELOAD_SLICES = 5 };

static void generation_destroy(void *data)
{
	struct generation *gen = data;
	lua_State *L = gen->host->L;

	list_unlink(&gen->le);
	routes_flush(&gen->routes);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->register_ref);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->env_ref);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->g_ref);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->loaded_ref);
	luaL_unref(L, LUA_REGISTRYINDEX, gen->args_ref);
	free(gen->file);
	free(gen->folder);
}

struct generation *generation_current(lua_State *L)
{
	const struct scripts *host = host_of(L);

	return host->running ? host->running->gen : host->gen;
}

/* ---- the environment -------------------------------------------------------
 */

/* _G is an empty proxy, so that both a write and a read of what is not there
 * are seen. upvalue 1: the generation, 2: the table behind. */
static int l_index(lua_State *L)
{
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
		return 1;
	if (lua_type(L, 2) == LUA_TSTRING)
		return luaL_error(L, "undefined variable '%s'",
				  lua_tostring(L, 2));
	return 1;
}

static int l_newindex(lua_State *L)
{
	const struct generation *gen = lua_touserdata(L, lua_upvalueindex(1));

	if (gen->frozen) {
		luaL_tolstring(L, 2, NULL);
		return raise_error(L, "frozen",
				   "global '%.60s' can't be set once the "
				   "script is loaded: use local, or call.user",
				   lua_tostring(L, -1));
	}
	lua_settop(L, 3);
	lua_rawset(L, lua_upvalueindex(2));
	return 0;
}

static int l_pairs(lua_State *L)
{
	lua_getfield(L, lua_upvalueindex(2), "next");
	lua_pushvalue(L, lua_upvalueindex(2));
	lua_pushnil(L);
	return 3;
}

static void set_closure(lua_State *L, const char *name, lua_CFunction fn,
			struct generation *gen)
{
	lua_pushlightuserdata(L, gen);
	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->env_ref);
	lua_pushcclosure(L, fn, 2);
	lua_setfield(L, -2, name);
}

void generation_push_g(lua_State *L, const struct generation *gen)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->g_ref);
}

static void open_environment(lua_State *L, struct generation *gen,
			     const char *const *argv)
{
	int n = 0;

	lua_newtable(L);
	for (; argv && argv[n]; n++) {
		lua_pushstring(L, argv[n]);
		lua_rawseti(L, -2, n + 1);
	}
	gen->args_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	gen->loaded_ref = luaL_ref(L, LUA_REGISTRYINDEX);

	lua_newtable(L);
	gen->env_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	lua_createtable(L, 0, 4);
	set_closure(L, "__index", l_index, gen);
	set_closure(L, "__newindex", l_newindex, gen);
	set_closure(L, "__pairs", l_pairs, gen);
	lua_pushliteral(L, "_G");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	gen->g_ref = luaL_ref(L, LUA_REGISTRYINDEX);

	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->env_ref);
	sandbox_open(L, gen);
	lua_pop(L, 1);
}

void generation_new(lua_State *L, struct generation **gp, const char *file,
		    const char *const *argv)
{
	struct scripts *host = host_of(L);
	struct generation *gen = mem_zalloc(sizeof(*gen), generation_destroy);

	if (!gen)
		(void)raise_memory(L);
	*gp = gen;
	gen->host = host;
	gen->env_ref = gen->g_ref = gen->loaded_ref = gen->args_ref = LUA_NOREF;
	gen->register_ref = LUA_NOREF;
	gen->number = ++host->next_generation;
	list_append(&host->generations, &gen->le, gen);
	if (file) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s", file);
		gen->file = strdup(file);
		gen->folder = strdup(dirname(path));
		if (!gen->file || !gen->folder)
			(void)raise_memory(L);
	}
	open_environment(L, gen, argv);
}

void generation_freeze(struct generation *gen)
{
	gen->frozen = true;
}

/* Runs on a call, has dialled one, or waits for a task that does. */
static bool belongs_to_call(const struct script *s)
{
	struct le *le;

	for (; s; s = s->waits_for) {
		if (s->leg)
			return true;
		LIST_FOREACH(&s->owned, le)
		{
			if (!((const struct leg *)le->data)->ended)
				return true;
		}
	}
	return false;
}

bool script_is_left_over(const struct script *s)
{
	return s->gen->retired && !s->done && !belongs_to_call(s);
}

void generation_retire(struct generation *gen)
{
	struct scripts *host = gen->host;
	struct le *le;

	if (gen->retired)
		return;
	gen->retired = true;
	routes_flush(&gen->routes);
	luaL_unref(host->L, LUA_REGISTRYINDEX, gen->register_ref);
	gen->register_ref = LUA_NOREF;
	timers_retire(host, gen);
	subscriptions_retire(host, gen);
	qualifies_retire(host, gen);
	LIST_FOREACH(&host->scripts, le)
	{
		struct script *s = le->data;

		if (s->gen == gen && script_is_left_over(s))
			script_close(s, SCRIPT_CANCELLED);
	}
}

/* ---- loading
 * ------------------------------------------------------------------ */

/* Text only: bytecode could break the state. */
static void compile(lua_State *L, const char *path, const char *chunkname)
{
	char name[WHERE_SIZE];
	FILE *f = fopen(path, "rb");
	luaL_Buffer b;
	size_t n, len;
	const char *text;

	if (!f)
		(void)luaL_error(L, "%s: %s", path, strerror(errno));
	luaL_buffinit(L, &b);
	do {
		n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f);
		luaL_addsize(&b, n);
	} while (n == LUAL_BUFFERSIZE);
	if (ferror(f)) {
		(void)fclose(f);
		(void)luaL_error(L, "%s: %s", path, strerror(errno));
	}
	(void)fclose(f);
	luaL_pushresult(&b);
	text = lua_tolstring(L, -1, &len);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	if (len && *text == '#') {
		/* A first line "#!…", its newline kept for the count. */
		const char *end = memchr(text, '\n', len);

		len = end ? len - (size_t)(end - text) : 0;
		text = end ? end : "";
	}
	(void)snprintf(name, sizeof(name), "@%s", chunkname);
	/* Lua's own message for it does not name the file. */
	if (len && *text == LUA_SIGNATURE[0])
		(void)luaL_error(L, "%s: a binary chunk; scripts are text",
				 chunkname);
	if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK)
		(void)lua_error(L);
	lua_remove(L, -2);
}

void generation_load_file(lua_State *L, const struct generation *gen,
			  const char *path, const char *chunkname)
{
	compile(L, path, chunkname);
	generation_push_g(L, gen);
	(void)lua_setupvalue(L, -2, 1);
}

struct load {
	const char *file;
	const char *const *argv;
	struct generation *gen;
	struct script *script;
};

/* As it is written in messages: the name without its folders. */
static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void load(lua_State *L, struct load *load)
{
	generation_new(L, &load->gen, load->file, load->argv);
	generation_load_file(L, load->gen, load->file, short_name(load->file));
	load->script = mem_ref(script_new(L, 0, load->gen, NULL, SCRIPT_MAIN));
	load->script->keep = true;
}

static int l_load(lua_State *L)
{
	load(L, lua_touserdata(L, 1));
	return 0;
}

static int l_check(lua_State *L)
{
	const char *path = lua_touserdata(L, 1);

	compile(L, path, short_name(path));
	return 0;
}

/* What the main chunk has returned is started: value:start(). */
static void start_result(lua_State *L, void *arg)
{
	struct script *s = arg;

	if (s->results_ref == 0)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->results_ref);
	if (lua_rawgeti(L, -1, 1) != LUA_TTABLE)
		return;
	if (lua_getfield(L, -1, "start") != LUA_TFUNCTION)
		return;
	lua_insert(L, -2);
	(void)script_new(L, 1, s->gen, NULL, SCRIPT_TASK);
}

struct main_watch {
	struct watch watch;
	struct script *script;
};

static void main_watch_destroy(void *data)
{
	struct main_watch *mw = data;

	list_unlink(&mw->watch.le);
	mem_deref(mw->script);
}

static void main_ended(struct watch *watch, const struct call_event *event)
{
	struct main_watch *mw = (struct main_watch *)watch;

	(void)event;
	if (mw->script->state == SCRIPT_DONE && !mw->script->gen->retired &&
	    !mw->script->host->freeing)
		(void)host_protect(mw->script->host, start_result, mw->script);
	mem_deref(mw);
}

static bool run_main(struct scripts *host, struct load *load, char *err,
		     size_t size)
{
	struct script *s = load->script;
	struct main_watch *mw;

	list_unlink(&s->ready_le);
	script_step(s, host->gen ? RELOAD_SLICES * host_slice_ns(host)
				 : first_slice_ns);
	if (s->state == SCRIPT_FAILED) {
		(void)snprintf(err, size, "%s", s->error ? s->error : "error");
		return false;
	}
	generation_freeze(load->gen);
	if (s->state == SCRIPT_DONE) {
		(void)host_protect(host, start_result, s);
		return true;
	}
	mw = mem_zalloc(sizeof(*mw), main_watch_destroy);
	if (mw) {
		mw->script = mem_ref(s);
		mw->watch.fire = main_ended;
		watch_add(&s->watches, &mw->watch);
	}
	return true;
}

/* Everything that a generation that did not load has begun. */
static void discard(struct generation *gen)
{
	struct scripts *host = gen->host;
	struct le *le;

	generation_retire(gen);
again:
	LIST_FOREACH(&host->scripts, le)
	{
		struct script *s = le->data;

		if (s->gen == gen) {
			script_kill(s);
			goto again;
		}
	}
}

bool scripts_load(struct scripts *host, const char *file,
		  const char *const *argv, char *err, size_t size)
{
	struct load l = {.file = file, .argv = argv};
	lua_State *L = host->L;
	bool ok;

	lua_pushcfunction(L, l_load);
	lua_pushlightuserdata(L, &l);
	ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
	if (!ok) {
		(void)snprintf(err, size, "%s",
			       lua_type(L, -1) == LUA_TSTRING
				       ? lua_tostring(L, -1)
				       : "error");
		lua_pop(L, 1);
	} else {
		ok = run_main(host, &l, err, size);
	}
	if (ok) {
		struct generation *old = host->gen;

		host->gen = l.gen;
		if (old)
			generation_retire(old);
		mem_deref(old);
	} else if (l.gen) {
		discard(l.gen);
		mem_deref(l.gen);
	}
	mem_deref(l.script);
	return ok;
}

static const char **copy_args(lua_State *L, const struct generation *gen)
{
	int n;
	const char **argv;

	lua_rawgeti(L, LUA_REGISTRYINDEX, gen->args_ref);
	n = (int)lua_rawlen(L, -1);
	argv = calloc((size_t)n + 1, sizeof(*argv));
	for (int i = 0; argv && i < n; i++) {
		lua_rawgeti(L, -1, i + 1);
		argv[i] = strdup(lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return argv;
}

bool scripts_reload(struct scripts *host, char *err, size_t size)
{
	const char **argv;
	char *file;
	bool ok;

	if (!host->gen || !host->gen->file) {
		(void)snprintf(err, size, "no script is loaded");
		return false;
	}
	file = strdup(host->gen->file);
	argv = copy_args(host->L, host->gen);
	ok = file && argv && scripts_load(host, file, argv, err, size);
	for (int i = 0; argv && argv[i]; i++)
		free((void *)argv[i]);
	free((void *)argv);
	free(file);
	if (ok)
		log_info(NULL, "scripts reloaded: generation %u",
			 host->gen->number);
	return ok;
}

bool scripts_check(const char *file, char *err, size_t size)
{
	lua_State *L = luaL_newstate();
	bool ok;

	if (!L) {
		(void)snprintf(err, size, "not enough memory");
		return false;
	}
	lua_pushcfunction(L, l_check);
	lua_pushlightuserdata(L, (void *)(uintptr_t)file);
	ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
	if (!ok)
		(void)snprintf(err, size, "%s", lua_tostring(L, -1));
	lua_close(L);
	return ok;
}
