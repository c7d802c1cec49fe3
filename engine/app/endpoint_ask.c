#include "app/endpoint_ask.h"

#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "app/define.h"
#include "app/endpoint_writer.h"
#include "app/engine_private.h"
#include "base/log.h"
#include "call/endpoint.h"
#include "script/script.h"

struct asking {
	const struct engine *engine;
	uint64_t query;
	char *user;
};

static void free_asking(struct asking *asking)
{
	free(asking->user);
	free(asking);
}

static void complain(const struct asking *asking, const char *why)
{
	static struct log_limit limit = LOG_LIMIT(10, 10000);

	log_limited(&limit, LOG_ERROR, NULL, "moon.on_register, '%s': %s",
		    asking->user, why);
}

static void nobody(const struct asking *asking, bool failed)
{
	(void)endpoints_answer(asking->engine->endpoints, asking->query, NULL,
			       failed, NULL, 0);
}

/* The name is that of who asks, whatever the table says. */
static cJSON *element_of(const struct asking *asking, const cJSON *result,
			 char *err, size_t size)
{
	cJSON *table = cJSON_Duplicate(result, true), *element = NULL;

	cJSON_DeleteItemFromObjectCaseSensitive(table, "name");
	if (table && cJSON_AddStringToObject(table, "name", asking->user))
		element = config_element(asking->engine->config, "endpoint",
					 table, err, size);
	cJSON_Delete(table);
	return element;
}

static void have_answer(const cJSON *result, const char *why, void *arg)
{
	struct asking *asking = arg;
	struct endpoint_params params;
	char err[512] = "out of memory";
	cJSON *element = NULL;

	if (why) {
		/* loaded again, or at an end: no fault of the script */
		if (strcmp(why, "cancelled") != 0)
			complain(asking, why);
		nobody(asking, true);
	} else if (!result || cJSON_IsNull(result) || cJSON_IsFalse(result)) {
		nobody(asking, false);
	} else if (!cJSON_IsObject(result)) {
		complain(asking, "a table with a password or ha1 is expected, "
				 "or nil");
		nobody(asking, true);
	} else {
		element = element_of(asking, result, err, sizeof(err));
		if (element)
			define_endpoint(&params, element);
		if (!element) {
			complain(asking, err);
			nobody(asking, true);
		} else if (endpoints_answer(asking->engine->endpoints,
					    asking->query, &params, false, err,
					    sizeof(err))) {
			complain(asking, err);
		}
	}
	cJSON_Delete(element);
	free_asking(asking);
}

bool endpoint_ask(const struct engine *engine,
		  const struct registrar_query *query)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	char source[BINDING_SOURCE_SIZE], agent[128] = "";
	cJSON *request;
	int err;

	if (!asking || !(asking->user = strdup(registrar_query_user(query)))) {
		free(asking);
		return false;
	}
	asking->engine = engine;
	asking->query = registrar_query_id(query);
	(void)re_snprintf(source, sizeof(source), "%J",
			  registrar_query_source(query));
	registrar_query_user_agent(query, agent, sizeof(agent));
	request = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "user", asking->user);
	cJSON_AddStringToObject(request, "method",
				registrar_query_method(query));
	cJSON_AddStringToObject(request, "source", source);
	cJSON_AddStringToObject(request, "user_agent", agent);
	err = scripts_register(engine->scripts, request, have_answer, asking);
	cJSON_Delete(request);
	if (err)
		free_asking(asking);
	return !err;
}
