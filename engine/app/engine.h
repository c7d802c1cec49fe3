/* engine.h -- everything put together: start, run, drain, stop
 *
 * Made in the order of dependence (loop, store, media, SIP, calls, scripts,
 * control), connected by handlers, and taken apart in the reverse order. The
 * stop is in steps, each waiting for the one before: no new calls, the calls
 * end (at a limit they are ended), unregister, the scripts' last words, the
 * store's queue, exit.
 */
#ifndef MOONDIAL_APP_ENGINE_H
#define MOONDIAL_APP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

struct engine;
struct config;

struct engine_params {
	struct config *config;	/* borrowed for life */
	const char *const *sip; /* --sip, NULL-terminated; NULL: config */
	const char *script;
	const char *const *argv; /* for moon.args, NULL-terminated */
};

/* Start all of it. False with a message in ERR that says what to do. */
bool engine_start(struct engine **ep, const struct engine_params *params,
		  char *err, size_t size);

/* Run until stopped. The exit status: 0 after a drain or moon.stop(). */
int engine_run(struct engine *engine);
void engine_free(struct engine *engine);

/* Begin to drain; a second time: end at once. */
void engine_drain(struct engine *engine);

/* The scripts again; calls in progress are not touched. */
bool engine_reload(struct engine *engine, char *err, size_t size);

/* State for `moondial status`, the caller's to delete. */
cJSON *engine_status(const struct engine *engine);

/* A command of the control socket (commands.c). */
struct control;
void engine_command(uint64_t ticket, const char *command, const cJSON *request,
		    void *arg);

/* Where the runtime files are: "lua", "prompts". Beside the program's source
 * or build, or installed under share/moondial. NULL: not found. OUT is
 * returned. */
const char *engine_share(const char *what, char *out, size_t size);

#endif
