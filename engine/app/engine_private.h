/* engine_private.h -- what engine.c, commands.c and status.c share */
#ifndef MOONDIAL_APP_ENGINE_PRIVATE_H
#define MOONDIAL_APP_ENGINE_PRIVATE_H

#include <re.h>
#include <cjson/cJSON.h>

enum engine_phase { ENGINE_RUNNING, ENGINE_DRAINING, ENGINE_CLOSING };

struct engine {
	struct config *config;
	struct loop *loop;
	struct background *background;
	struct store *store;
	struct media *media;
	struct stack *stack;
	struct accounts *accounts;
	struct trunks *trunks;
	struct calls *calls;
	struct scripts *scripts;
	struct control *control;
	cJSON *config_public;
	enum engine_phase phase;
	bool unregistered;
	int exit_status;
	struct tmr idle_timer;
	int64_t started_at_ms;
	const char *script, *db;
	char lua_dir[1024], own_prompts[1024];
	const char **prompt_dirs;
};

#endif
