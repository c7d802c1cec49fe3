/* engine_private.h -- what engine.c, start.c, commands.c and status.c share */
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
	struct endpoints *endpoints;
	struct calls *calls;
	struct scripts *scripts;
	struct control *control;
	struct ebb_watch *ebb;
	struct netwatch *netwatch; /* NULL: the system has none */
	cJSON *config_public;
	enum engine_phase phase;
	struct tmr timer; /* looks for idleness, then for quiet */
	unsigned quiet, settling;
	int exit_status;
	uint64_t started_ms; /* monotonic */
	int64_t began_ms;    /* wall */
	const char *script, *db;
	char lua_dir[1024], own_prompts[1024];
	const char **prompt_dirs;
};

struct engine_params;

/* start.c: make and connect the rooms. False with ERR; engine_free() takes
 * apart what there is. */
bool engine_start_rooms(struct engine *engine,
			const struct engine_params *params, char *err,
			size_t size);

/* engine.c: those of the configuration are there, whatever script needs them
 * first; what is wrong with them is logged. */
void engine_agents(struct engine *engine);

/* status.c: a ban as JSON, the caller's to delete. */
struct source_ban;
cJSON *status_ban(const struct source_ban *ban);
cJSON *status_bans(const struct engine *engine);

/* status_endpoints.c: all endpoints, with their bindings; a binding. */
struct binding;
cJSON *status_endpoints(const struct engine *engine);
cJSON *status_binding(const struct binding *binding);

/* status.c: whether a peer is there, into the object O. */
struct trunk_reading;
void status_reading(cJSON *o, const struct trunk_reading *reading);

/* engine.c: the last call has gone; moon.stop(); moon.drain(). */
void engine_drained(void *arg);
void engine_script_stop(int exit_code, void *arg);
void engine_script_drain(void *arg);

#endif
