/* script.h -- the door from app to the Lua side
 *
 * One Lua state on the loop thread; a coroutine for each call, task, timer and
 * handler. Generations: each load of the scripts has its own environment and
 * package.loaded; calls in progress keep the old one.
 */
#ifndef MOONDIAL_SCRIPT_SCRIPT_H
#define MOONDIAL_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "sip/reach/reach.h"

struct loop;
struct call;
struct calls;
struct store;
struct media;
struct accounts;
struct endpoints;
struct trunks;
struct background;
struct qualifier;
struct qualify;
struct scripts;

struct scripts_handlers {
	/* moon.account{…}, moon.trunk{…}: merge with the configuration's and
	 * apply. KIND: "account", "trunk". False with ERR (names the key). */
	bool (*define)(const char *kind, const cJSON *table, char *err,
		       size_t size, void *arg);
	/* moon.stop(), moon.drain(). */
	void (*stop)(int exit_code, void *arg);
	void (*drain)(void *arg);
	/* A change of what moon.qualify asks about. */
	void (*qualified)(struct qualify *qualify, enum reach was, void *arg);
};

/* What it points to is borrowed for life. */
struct scripts_config {
	struct loop *loop;
	struct calls *calls; /* NULL in tools: no telephony */
	struct store *store;
	struct background *background;
	struct accounts *accounts;
	struct endpoints *endpoints; /* or NULL */
	struct trunks *trunks;
	struct media *media;
	struct qualifier *qualifier;	/* NULL in tools */
	const cJSON *config;		/* moon.config, secrets left out */
	const char *lua_dir;		/* the runtime modules: package.path */
	const char *const *prompt_dirs; /* NULL-terminated */
	const char *recordings_dir;
	const char *file;  /* of a tool: the script that it looks at, whose
			    * folder is searched; NULL: none */
	uint32_t slice_ms; /* 20: the longest run without a wait */
	uint32_t grace_ms; /* 5000: after the call's end */
	uint64_t memory_soft, memory_hard; /* bytes; 0: 256 MiB, 512 MiB */
	uint64_t pattern_steps;		   /* of one match; 0: 1,000,000 */
};

int scripts_alloc(struct scripts **sp, const struct scripts_config *config,
		  const struct scripts_handlers *handlers, void *arg);
/* Ends every coroutine, frees the state. No call is left. */
void scripts_free(struct scripts *scripts);

/* Load FILE with moon.args = ARGV and run its main chunk; what it returns (a
 * campaign) is started. Up to its first wait, the main chunk may run for 5 s
 * when it is the first, and for 5 slices (100 ms) when another is in force: a
 * reload stalls all calls for no longer. False with ERR: file:line: message. */
bool scripts_load(struct scripts *scripts, const char *file,
		  const char *const *argv, char *err, size_t size);
/* Compile only, for `moondial check`. */
bool scripts_check(const char *file, char *err, size_t size);
/* Load again; on failure the old generation stays in force. */
bool scripts_reload(struct scripts *scripts, char *err, size_t size);

/* As calls_handlers.incoming; ARG is the struct scripts. */
bool scripts_incoming(struct call *call, void *arg);

/* Whether moon.on_register() has been given a function; and ask it who REQUEST
 * (an object) is: DONE gets what it returns, or ERR. ENOENT, ENOMEM: DONE isn't
 * called. */
typedef void(scripts_done_h)(const cJSON *result, const char *err, void *arg);
bool scripts_registers(const struct scripts *scripts);
int scripts_register(struct scripts *scripts, const cJSON *request,
		     scripts_done_h *done, void *arg);

/* Run a Lua module's function as a task (control socket, command line):
 * require(MODULE)[FUNCTION](ARGS…) with ARGS a JSON array; DONE gets its
 * result as JSON, or ERR. */
int scripts_run(struct scripts *scripts, const char *module,
		const char *function, const cJSON *args, scripts_done_h *done,
		void *arg);

/* The console: evaluate TEXT in the newest generation. */
int scripts_eval(struct scripts *scripts, const char *text,
		 scripts_done_h *done, void *arg);

/* An event of the engine for handlers of moon.on(NAME): handler(VALUE). VALUE
 * is borrowed. */
void scripts_event(struct scripts *scripts, const char *name,
		   const cJSON *value);

struct scripts_count {
	unsigned coroutines, generations;
	unsigned references; /* Lua values that C holds */
	uint64_t memory_bytes, errors;
};
void scripts_count(const struct scripts *scripts, struct scripts_count *count);

/* Collect Lua's garbage, in slices that delay nobody; then DONE, unless the
 * scripts are freed before. One at a time. */
typedef void(scripts_collected_h)(void *arg);
void scripts_collect(struct scripts *scripts, scripts_collected_h *done,
		     void *arg);

/* Nothing left that could do anything: no handler, task, timer, subscription
 * or call. `moondial run` of a script that has finished ends then. */
bool scripts_idle(const struct scripts *scripts);

#endif
