/* A command that runs Lua beside the engine: the background thread and, if it
 * wants one, the database; no SIP, no audio. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/define.h"
#include "app/engine.h"
#include "base/background.h"
#include "base/loop.h"
#include "script/script.h"
#include "store/store.h"

struct tool {
	const struct cli_tool *what;
	const char **prompt_dirs;
	char own_prompts[1024];
	struct loop *loop;
	struct store *store;
	struct background *background;
	struct scripts *scripts;
	char lua_dir[1024];
	int status;
};

static int write_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");
	bool whole;

	if (!f)
		return cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
	whole = fputs(content, f) >= 0;
	if (fclose(f) || !whole)
		return cli_fail(CLI_FAILED, "%s: can't be written", path);
	return CLI_OK;
}

static void done(const cJSON *result, const char *err, void *arg)
{
	struct tool *tool = arg;
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(result, "text");
	const char *text = cJSON_GetStringValue(item ? item : result);
	const char *path = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(result, "path"));
	const char *content = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(result, "content"));

	if (err)
		tool->status = cli_fail(CLI_FAILED, "%s", err);
	else if (tool->what->done)
		tool->what->done(result, tool->what->arg);
	else if (text && *text) /* "": it has printed by itself */
		(void)printf("%s%s", text,
			     text[strlen(text) - 1] == '\n' ? "" : "\n");
	if (!err && path && content)
		tool->status = write_file(path, content);
	loop_stop(tool->loop);
}

static bool define(const char *kind, const cJSON *table, char *err, size_t size,
		   void *arg)
{
	const struct cli_tool *what = ((const struct tool *)arg)->what;

	return what->define(kind, table, err, size, what->arg);
}

static bool start(struct tool *tool, char *err, size_t size)
{
	const struct cli_tool *what = tool->what;
	const struct scripts_handlers handlers = {
		.define = what->define ? define : NULL,
	};
	struct scripts_config config = {
		.loop = tool->loop,
		.lua_dir = engine_share("lua", tool->lua_dir,
					sizeof(tool->lua_dir)),
		/* an import of a million rows waits for the store only now
		 * and then: no slice here */
		.slice_ms = 60000,
		.config = what->config,
		.file = what->script,
	};

	if (!config.lua_dir) {
		(void)snprintf(err, size,
			       "the runtime modules (lua/moondial) "
			       "are not found; set MOONDIAL_SHARE");
		return false;
	}
	if (what->db &&
	    store_open(&tool->store, tool->loop, what->db,
		       what->writes ? STORE_TOOL : STORE_READ, err, size))
		return false;
	tool->prompt_dirs = define_prompts(what->config, tool->own_prompts,
					   sizeof(tool->own_prompts));
	if (!tool->prompt_dirs)
		goto oom;
	config.prompt_dirs = tool->prompt_dirs;
	config.store = tool->store;
	if (background_alloc(&tool->background, tool->loop))
		goto oom;
	config.background = tool->background;
	if (scripts_alloc(&tool->scripts, &config, &handlers, tool))
		goto oom;
	return true;
oom:
	(void)snprintf(err, size, "out of memory");
	return false;
}

int cli_tool_run(const struct cli_tool *what)
{
	struct tool tool = {.what = what, .status = CLI_OK};
	char err[2048];

	if (loop_alloc(&tool.loop)) {
		cJSON_Delete(what->args);
		return cli_fail(CLI_FAILED, "out of memory");
	}
	loop_enter(tool.loop);
	if (!start(&tool, err, sizeof(err)))
		tool.status = cli_fail(CLI_FAILED, "%s", err);
	else if (scripts_run(tool.scripts, what->module, what->function,
			     what->args, done, &tool))
		tool.status = cli_fail(CLI_FAILED, "out of memory");
	else
		(void)loop_run(tool.loop);

	scripts_free(tool.scripts);
	background_free(tool.background);
	store_close(tool.store);
	loop_free(tool.loop);
	free(tool.prompt_dirs);
	cJSON_Delete(what->args);
	return tool.status;
}

int cli_tool(const char *db, bool writes, const char *module,
	     const char *function, cJSON *args)
{
	const struct cli_tool tool = {.db = db,
				      .writes = writes,
				      .module = module,
				      .function = function,
				      .args = args};

	return cli_tool_run(&tool);
}
