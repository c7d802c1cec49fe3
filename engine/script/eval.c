/* Functions and lines from outside: control socket, command line, console. */
#include "script/host.h"

#include <errno.h>
#include <string.h>

struct command {
	const char *module, *function, *text;
	const cJSON *args;
	scripts_done_h *done;
	void *arg;
	struct generation *gen; /* a reference */
};

/* module, function, args… → what it returns */
static int called_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int required_k(lua_State *L, int status, lua_KContext ctx)
{
	const char *function = lua_tostring(L, 1);

	(void)status;
	(void)ctx;
	/* function name, args…, module */
	if (!lua_istable(L, -1) ||
	    lua_getfield(L, -1, function) != LUA_TFUNCTION)
		return luaL_error(L, "the module has no function '%s'",
				  function);
	lua_replace(L, 1);
	lua_pop(L, 1);
	lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, called_k);
	return called_k(L, LUA_OK, 0);
}

static int run(lua_State *L)
{
	lua_insert(L, 1); /* the module's name was last */
	require_push(L, generation_current(L));
	lua_insert(L, 1);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	lua_remove(L, 1);
	lua_remove(L, 1);
	lua_callk(L, 1, 1, 0, required_k);
	return required_k(L, LUA_OK, 0);
}

static struct generation *use_generation(lua_State *L, struct command *command)
{
	struct scripts *host = host_of(L);

	if (host->gen) {
		command->gen = mem_ref(host->gen);
	} else {
		/* A tool: the runtime's modules only, but for one that loads
		 * a script itself. */
		generation_new(L, &command->gen, host->config.file, NULL);
		if (!host->config.file)
			generation_freeze(command->gen);
	}
	return command->gen;
}

static void start_run(lua_State *L, void *arg)
{
	struct command *command = arg;
	const cJSON *item;
	struct generation *gen;
	struct script *s;
	int n = 2;

	gen = use_generation(L, command);
	lua_pushcfunction(L, run);
	lua_pushstring(L, command->function);
	cJSON_ArrayForEach(item, command->args)
	{
		json_push(L, item);
		n++;
	}
	lua_pushstring(L, command->module);
	s = script_new(L, n, gen, NULL, SCRIPT_TASK);
	s->done = command->done;
	s->done_arg = command->arg;
}

/* An expression, or else statements. */
static void start_eval(lua_State *L, void *arg)
{
	struct command *command = arg;
	struct generation *gen;
	struct script *s;

	gen = use_generation(L, command);
	lua_pushfstring(L, "return %s", command->text);
	if (luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1),
			     "=console", "t") != LUA_OK) {
		lua_pop(L, 1);
		if (luaL_loadbufferx(L, command->text, strlen(command->text),
				     "=console", "t") != LUA_OK) {
			command->done(NULL, lua_tostring(L, -1), command->arg);
			command->done = NULL;
			return;
		}
	}
	/* `moon` is at hand. */
	lua_newtable(L);
	lua_newtable(L);
	generation_push_g(L, gen);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	require_push(L, gen);
	lua_pushliteral(L, "moondial");
	lua_call(L, 1, 1);
	lua_setfield(L, -2, "moon");
	(void)lua_setupvalue(L, -2, 1);
	s = script_new(L, 0, gen, NULL, SCRIPT_TASK);
	s->done = command->done;
	s->done_arg = command->arg;
}

static int run_protected(struct scripts *host, host_h *fn,
			 struct command *command)
{
	const bool ok = host_protect(host, fn, command);

	mem_deref(command->gen);
	return ok ? 0 : ENOMEM;
}

int scripts_run(struct scripts *host, const char *module, const char *function,
		const cJSON *args, scripts_done_h *done, void *arg)
{
	struct command command = {.module = module,
				  .function = function,
				  .args = args,
				  .done = done,
				  .arg = arg};

	return run_protected(host, start_run, &command);
}

int scripts_eval(struct scripts *host, const char *text, scripts_done_h *done,
		 void *arg)
{
	struct command command = {.text = text, .done = done, .arg = arg};

	return run_protected(host, start_eval, &command);
}
