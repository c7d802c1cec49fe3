/* The part of `moondial status` that is about endpoints: who is registered,
 * from where, until when, and their calls. */
#include <re.h>

#include "app/engine_private.h"
#include "call/endpoint.h"

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (*text)
		cJSON_AddStringToObject(o, name, text);
}

cJSON *status_binding(const struct binding *b)
{
	cJSON *o = cJSON_CreateObject();
	char source[64];

	(void)re_snprintf(source, sizeof(source), "%s:%J",
			  binding_transport(b) == SIP_TRANSP_TCP ? "tcp"
								 : "udp",
			  binding_source(b));
	cJSON_AddStringToObject(o, "contact", binding_contact(b));
	cJSON_AddStringToObject(o, "target", binding_target(b));
	add_text(o, "path", binding_path(b));
	cJSON_AddStringToObject(o, "source", source);
	add_text(o, "instance", binding_instance(b));
	add_text(o, "user_agent", binding_user_agent(b));
	cJSON_AddStringToObject(o, "call_id", binding_call_id(b));
	cJSON_AddNumberToObject(o, "cseq", binding_cseq(b));
	cJSON_AddNumberToObject(o, "q", binding_q(b) / 1000.0);
	cJSON_AddNumberToObject(o, "registered_at_ms",
				(double)binding_since(b));
	cJSON_AddNumberToObject(o, "refreshed_at_ms",
				(double)binding_refreshed_at(b));
	cJSON_AddNumberToObject(o, "expires_at_ms",
				(double)binding_expires_at(b));
	return o;
}

/* A binding, and whether it answers. */
static cJSON *status_contact(const struct endpoints *endpoints,
			     const struct binding *binding)
{
	cJSON *o = status_binding(binding);
	struct trunk_reading reading;

	endpoint_reachability(endpoints, binding, &reading);
	status_reading(o, &reading);
	return o;
}

struct adding {
	const struct registrar *registrar;
	const struct endpoints *endpoints;
	cJSON *list;
};

static bool add_endpoint(struct endpoint *endpoint, void *arg)
{
	const struct adding *adding = arg;
	const struct endpoint_params *p = endpoint_params(endpoint);
	struct binding *bindings[ENDPOINT_CONTACTS_MAX];
	const size_t n = registrar_bindings(adding->registrar, p->name,
					    bindings, ENDPOINT_CONTACTS_MAX);
	struct endpoint_count count;
	cJSON *o = cJSON_CreateObject(), *contacts;

	endpoint_count(endpoint, &count);
	cJSON_AddStringToObject(o, "name", p->name);
	cJSON_AddStringToObject(o, "state", n ? "registered" : "unregistered");
	cJSON_AddNumberToObject(o, "calls", count.calls);
	cJSON_AddNumberToObject(o, "ringing", count.ringing);
	cJSON_AddNumberToObject(o, "answered", count.answered);
	cJSON_AddNumberToObject(o, "max_calls", p->max_calls);
	cJSON_AddNumberToObject(o, "busy_level", p->busy_level);
	cJSON_AddNumberToObject(o, "total", (double)count.total);
	cJSON_AddNumberToObject(o, "refused", (double)count.refused);
	if (endpoint_is_asked(endpoint))
		cJSON_AddBoolToObject(o, "by_script", true);
	contacts = cJSON_AddArrayToObject(o, "contacts");
	for (size_t i = 0; i < n && i < ENDPOINT_CONTACTS_MAX; i++)
		cJSON_AddItemToArray(contacts, status_contact(adding->endpoints,
							      bindings[i]));
	cJSON_AddItemToArray(adding->list, o);
	return false;
}

cJSON *status_endpoints(const struct engine *engine)
{
	struct adding adding = {
		.registrar = endpoints_registrar(engine->endpoints),
		.endpoints = engine->endpoints,
		.list = cJSON_CreateArray(),
	};

	endpoint_each(engine->endpoints, add_endpoint, &adding);
	return adding.list;
}
