#include "app/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/control.h"
#include "app/cdr_writer.h"
#include "app/config.h"
#include "app/define.h"
#include "app/ebb.h"
#include "app/engine_private.h"
#include "app/reachability.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/netwatch.h"
#include "call/call.h"
#include "call/endpoint.h"
#include "call/trunk.h"
#include "media/media.h"
#include "script/script.h"
#include "sip/account/account.h"
#include "sip/stack.h"
#include "store/store.h"

enum {
	IDLE_CHECK_MS = 250,
	SETTLE_CHECK_MS = 20,
	SETTLE_CHECKS = 100, /* at most so many */
};

/* ---- the end, step by step ------------------------------------------- */

/* Tasks that outlive their call (a campaign's, noting a result) are still at
 * the database: leave when nothing has been asked of it for two checks. */
static void settle(void *arg)
{
	struct engine *engine = arg;

	engine->quiet = store_queued(engine->store) ? 0 : engine->quiet + 1;
	if (engine->quiet >= 2 || ++engine->settling > SETTLE_CHECKS)
		loop_stop(engine->loop);
	else
		tmr_start(&engine->timer, SETTLE_CHECK_MS, settle, engine);
}

void engine_drained(void *arg)
{
	struct engine *engine = arg;

	if (engine->phase == ENGINE_CLOSING)
		return;
	engine->phase = ENGINE_CLOSING;
	tmr_cancel(&engine->timer);
	accounts_close(
		engine->accounts,
		(uint32_t)(1000 * schema_number(config_root(engine->config),
						"unregister_wait", 2)),
		settle, engine);
}

/* moon.on("drain") */
static void tell_drain(struct engine *engine, double limit)
{
	cJSON *event = cJSON_CreateObject();

	cJSON_AddNumberToObject(event, "limit", limit);
	if (engine->scripts)
		scripts_event(engine->scripts, "drain", event);
	cJSON_Delete(event);
}

void engine_drain(struct engine *engine)
{
	const double limit =
		schema_number(config_root(engine->config), "drain", 30);
	struct calls_count count;

	switch (engine->phase) {
	case ENGINE_RUNNING:
		calls_count(engine->calls, &count);
		if (count.active)
			log_info(NULL,
				 "stopping: calls in progress (%u) may go on "
				 "for %.0f s (signal again to end them now)",
				 count.active, limit);
		engine->phase = ENGINE_DRAINING;
		tell_drain(engine, limit);
		calls_drain(engine->calls, (uint32_t)(limit * 1000));
		break;
	case ENGINE_DRAINING:
		log_info(NULL, "stopping now");
		calls_drain(engine->calls, 0);
		break;
	case ENGINE_CLOSING:
		loop_stop(engine->loop);
		break;
	}
}

static void on_stop_signal(int sig, void *arg)
{
	(void)sig;
	engine_drain(arg);
}

static void on_reload_signal(int sig, void *arg)
{
	char err[1024];
	(void)sig;

	if (!engine_reload(arg, err, sizeof(err)))
		log_error(NULL, "scripts not reloaded, the old ones go on: %s",
			  err);
}

static void resumed(const cJSON *result, const char *err, void *arg)
{
	(void)result;
	(void)arg;
	if (err)
		log_error(NULL, "campaigns not resumed: %s", err);
}

static void agents_begun(const cJSON *result, const char *err, void *arg)
{
	(void)result;
	(void)arg;
	if (err)
		log_error(NULL, "agents: %s", err);
}

void engine_agents(struct engine *engine)
{
	const cJSON *agents = cJSON_GetObjectItemCaseSensitive(
		engine->config_public, "agents");
	const char *const begin = "begin";
	cJSON *args;

	if (!cJSON_GetArraySize(agents))
		return;
	args = cJSON_CreateStringArray(&begin, 1);
	if (!args || scripts_run(engine->scripts, "moondial.agents", "control",
				 args, agents_begun, NULL))
		log_error(NULL, "agents: out of memory");
	cJSON_Delete(args);
}

bool engine_reload(struct engine *engine, char *err, size_t size)
{
	media_forget_prompts(engine->media);
	if (!scripts_reload(engine->scripts, err, size))
		return false;
	/* those that `campaign start` was given files of */
	if (scripts_run(engine->scripts, "moondial.campaign", "resume", NULL,
			resumed, NULL))
		log_error(NULL, "campaigns not resumed: out of memory");
	engine_agents(engine);
	return true;
}

void engine_script_stop(int exit_code, void *arg)
{
	struct engine *engine = arg;

	engine->exit_status = exit_code;
	if (engine->phase == ENGINE_RUNNING)
		engine->phase = ENGINE_DRAINING;
	if (engine->phase == ENGINE_DRAINING)
		calls_drain(engine->calls, 0);
}

void engine_script_drain(void *arg)
{
	struct engine *engine = arg;

	if (engine->phase == ENGINE_RUNNING)
		engine_drain(engine);
}

/* A script that has done its work (a campaign that is through) ends us. */
static void idle_check(void *arg)
{
	struct engine *engine = arg;

	if (scripts_idle(engine->scripts)) {
		log_info(NULL, "nothing left to do");
		engine_drain(engine);
		return;
	}
	tmr_start(&engine->timer, IDLE_CHECK_MS, idle_check, engine);
}

/* ---- start, run, free ------------------------------------------------- */

static void say_ready(const struct engine *engine)
{
	size_t n;
	const struct stack_listen *listens = stack_listens(engine->stack, &n);
	char text[1024] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && used < sizeof(text); i++) {
		char addr[128];

		(void)re_snprintf(addr, sizeof(addr), "%J", &listens[i].addr);
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%s:%s",
			i ? ", " : "",
			listens[i].tp == SIP_TRANSP_TCP ? "tcp" : "udp", addr);
	}
	log_info(NULL, "ready: %s on %s, database %s", engine->script, text,
		 engine->db);
}

bool engine_start(struct engine **ep, const struct engine_params *params,
		  char *err, size_t size)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine || loop_alloc(&engine->loop)) {
		(void)snprintf(err, size, "out of memory");
		free(engine);
		return false;
	}
	loop_enter(engine->loop);
	loop_set_pace(engine->loop);
	engine->config = params->config;
	engine->config_public = config_public(params->config);
	engine->script = params->script;
	engine->db =
		schema_string(config_root(params->config), "db", "moondial.db");
	engine->started_ms = clock_mono_ms();
	engine->began_ms = clock_wall_ms();

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* write() then says EFBIG */
	if (libre_init() || !engine_start_rooms(engine, params, err, size)) {
		engine_free(engine);
		return false;
	}
	/* What holds again when the loop has gone: a second signal at the very
	 * end makes no failure of a good end. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)loop_signal(engine->loop, SIGINT, on_stop_signal, engine);
	(void)loop_signal(engine->loop, SIGTERM, on_stop_signal, engine);
	(void)loop_signal(engine->loop, SIGHUP, on_reload_signal, engine);
	say_ready(engine);
	tmr_start(&engine->timer, IDLE_CHECK_MS, idle_check, engine);
	*ep = engine;
	return true;
}

int engine_run(struct engine *engine)
{
	int err = loop_run(engine->loop);

	if (err) {
		log_error(NULL, "event loop: %s", strerror(err));
		return EXIT_FAILURE;
	}
	return engine->exit_status;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	tmr_cancel(&engine->timer);
	ebb_watch_stop(engine->ebb);
	control_free(engine->control);
	engine->control = NULL; /* a command's script may not have ended */
	if (engine->calls)
		calls_drain(engine->calls, 0);
	scripts_free(engine->scripts);
	media_free(engine->media); /* reports what was open: CDRs complete */
	calls_free(engine->calls);
	endpoints_free(engine->endpoints);
	reachability_end(engine);
	trunks_free(engine->trunks);
	/* the store answers whom it still owes an answer when it is closed */
	engine->endpoints = NULL;
	engine->trunks = NULL;
	/* a last BYE may still have asked for credentials */
	accounts_free(engine->accounts);
	stack_free(engine->stack);
	background_free(engine->background);
	netwatch_free(engine->netwatch);
	ebb_watch_free(engine->ebb);
	store_close(engine->store);
	loop_signal(engine->loop, SIGINT, NULL, NULL);
	loop_signal(engine->loop, SIGTERM, NULL, NULL);
	loop_signal(engine->loop, SIGHUP, NULL, NULL);
	libre_close();
	loop_free(engine->loop);
	cJSON_Delete(engine->config_public);
	free(engine->prompt_dirs);
	free(engine);
}
