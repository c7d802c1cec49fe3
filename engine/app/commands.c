/* Commands of the control socket. */
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "api/control.h"
#include "app/engine.h"
#include "app/engine_private.h"
#include "base/log.h"
#include "script/script.h"
#include "sip/stack.h"

enum { USER_MAX = 64 };

struct answer {
	struct engine *engine;
	uint64_t ticket;
};

static void done(const cJSON *result, const char *err, void *arg)
{
	struct answer *answer = arg;
	struct control *control = answer->engine->control;

	if (control && err)
		control_error(control, answer->ticket, err);
	else if (control)
		control_reply(control, answer->ticket,
			      result ? cJSON_Duplicate(result, true) : NULL);
	free(answer);
}

static void cmd_status(struct engine *engine, uint64_t ticket,
		       const cJSON *request)
{
	(void)request;
	control_reply(engine->control, ticket, engine_status(engine));
}

/* {uid, user} for the audit trail: the user id as the kernel says, the name as
 * the command does. */
static cJSON *who_asks(struct engine *engine, uint64_t ticket,
		       const cJSON *request)
{
	const cJSON *user = cJSON_GetObjectItemCaseSensitive(request, "user");
	const long uid = control_peer(engine->control, ticket);
	cJSON *who = cJSON_CreateObject();

	if (uid >= 0)
		cJSON_AddNumberToObject(who, "uid", (double)uid);
	if (cJSON_IsString(user) && strlen(user->valuestring) <= USER_MAX)
		cJSON_AddStringToObject(who, "user", user->valuestring);
	return who;
}

static void noted(const cJSON *result, const char *err, void *arg)
{
	(void)result;
	(void)arg;
	if (err)
		log_error(NULL, "the reload is in no audit trail: %s", err);
}

static void cmd_reload(struct engine *engine, uint64_t ticket,
		       const cJSON *request)
{
	char err[1024];
	cJSON *args;

	if (!engine_reload(engine, err, sizeof(err))) {
		control_error(engine->control, ticket, err);
		return;
	}
	args = cJSON_CreateArray();
	cJSON_AddItemToArray(args, who_asks(engine, ticket, request));
	if (scripts_run(engine->scripts, "moondial.compliance.audit",
			"reloaded", args, noted, NULL))
		noted(NULL, "out of memory", NULL);
	cJSON_Delete(args);
	control_reply(engine->control, ticket, cJSON_CreateString("reloaded"));
}

static void cmd_drain(struct engine *engine, uint64_t ticket,
		      const cJSON *request)
{
	(void)request;
	control_reply(engine->control, ticket, cJSON_CreateString("draining"));
	engine_drain(engine);
}

static void cmd_eval(struct engine *engine, uint64_t ticket,
		     const cJSON *request)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(request, "text");
	struct answer *answer;

	if (!cJSON_IsString(text)) {
		control_error(engine->control, ticket,
			      "eval: \"text\" is missing");
		return;
	}
	answer = malloc(sizeof(*answer));
	if (!answer) {
		control_error(engine->control, ticket, "out of memory");
		return;
	}
	*answer = (struct answer){engine, ticket};
	if (scripts_eval(engine->scripts, text->valuestring, done, answer)) {
		control_error(engine->control, ticket, "out of memory");
		free(answer);
	}
}

/* {"command": "campaign", "args": ["start", …]}: the Lua side does it, as
 * FUNCTION("start", …), or WITH_WHO as FUNCTION(who, "start", …). */
static void run_module(struct engine *engine, uint64_t ticket,
		       const cJSON *request, const char *module,
		       const char *function, bool with_who)
{
	const cJSON *words = cJSON_GetObjectItemCaseSensitive(request, "args");
	struct answer *answer;
	cJSON *args;

	if (!cJSON_IsArray(words)) {
		control_error(engine->control, ticket,
			      "\"args\" must be a list");
		return;
	}
	answer = malloc(sizeof(*answer));
	args = cJSON_Duplicate(words, true);
	if (!answer || !args) {
		control_error(engine->control, ticket, "out of memory");
		free(answer);
		cJSON_Delete(args);
		return;
	}
	*answer = (struct answer){engine, ticket};
	if (with_who)
		cJSON_InsertItemInArray(args, 0,
					who_asks(engine, ticket, request));
	if (scripts_run(engine->scripts, module, function, args, done,
			answer)) {
		control_error(engine->control, ticket, "out of memory");
		free(answer);
	}
	cJSON_Delete(args);
}

static void cmd_campaign(struct engine *engine, uint64_t ticket,
			 const cJSON *request)
{
	run_module(engine, ticket, request, "moondial.campaign.control",
		   "command", true);
}

static void cmd_agent(struct engine *engine, uint64_t ticket,
		      const cJSON *request)
{
	run_module(engine, ticket, request, "moondial.agents", "control",
		   false);
}

static bool read_address(struct sa *addr, const cJSON *request, char *err,
			 size_t size)
{
	const cJSON *text =
		cJSON_GetObjectItemCaseSensitive(request, "address");

	if (cJSON_IsString(text) && !sa_set_str(addr, text->valuestring, 0))
		return true;
	(void)snprintf(err, size,
		       "\"address\" must be an IP address, such as "
		       "192.0.2.1");
	return false;
}

/* Without an address: the list. */
static void cmd_ban(struct engine *engine, uint64_t ticket,
		    const cJSON *request)
{
	const cJSON *seconds =
		cJSON_GetObjectItemCaseSensitive(request, "seconds");
	char err[256];
	struct sa addr;
	int e;

	if (!cJSON_HasObjectItem(request, "address")) {
		control_reply(engine->control, ticket, status_bans(engine));
		return;
	}
	if (!read_address(&addr, request, err, sizeof(err))) {
		control_error(engine->control, ticket, err);
		return;
	}
	if (seconds && (!cJSON_IsNumber(seconds) || seconds->valuedouble <= 0 ||
			seconds->valuedouble > 1e9)) {
		control_error(engine->control, ticket,
			      "\"seconds\" must be a number above 0");
		return;
	}
	e = sources_ban(stack_sources(engine->stack), &addr, "by hand",
			seconds ? (uint64_t)(seconds->valuedouble * 1000) : 0);
	if (e)
		control_error(engine->control, ticket,
			      e == EPERM ? "this address is trusted: it can't "
					   "be banned"
					 : "too many bans by hand");
	else
		control_reply(engine->control, ticket,
			      cJSON_CreateString("banned"));
}

/* {"address": "all"}: every ban. */
static void cmd_unban(struct engine *engine, uint64_t ticket,
		      const cJSON *request)
{
	const cJSON *text =
		cJSON_GetObjectItemCaseSensitive(request, "address");
	const bool all =
		cJSON_IsString(text) && !strcmp(text->valuestring, "all");
	char err[256];
	struct sa addr;

	if (!all && !read_address(&addr, request, err, sizeof(err)))
		control_error(engine->control, ticket, err);
	else if (sources_unban(stack_sources(engine->stack),
			       all ? NULL : &addr))
		control_error(engine->control, ticket,
			      "this address is not banned");
	else
		control_reply(engine->control, ticket,
			      cJSON_CreateString("unbanned"));
}

static const struct {
	const char *name;
	void (*run)(struct engine *engine, uint64_t ticket,
		    const cJSON *request);
} commands[] = {
	{"status", cmd_status},	    {"reload", cmd_reload},
	{"drain", cmd_drain},	    {"eval", cmd_eval},
	{"campaign", cmd_campaign}, {"agent", cmd_agent},
	{"ban", cmd_ban},	    {"unban", cmd_unban},
};

void engine_command(uint64_t ticket, const char *command, const cJSON *request,
		    void *arg)
{
	struct engine *engine = arg;
	char names[128] = "";

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(command, commands[i].name)) {
			commands[i].run(engine, ticket, request);
			return;
		}
		(void)snprintf(names + strlen(names),
			       sizeof(names) - strlen(names), "%s%s",
			       i ? ", " : "", commands[i].name);
	}
	{
		char err[256];

		(void)snprintf(err, sizeof(err),
			       "unknown command; there are: %s", names);
		control_error(engine->control, ticket, err);
	}
}
