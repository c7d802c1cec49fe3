#include "app/endpoint_tell.h"

#include <cjson/cJSON.h>

#include "app/endpoint_writer.h"
#include "script/script.h"

static void add_source(cJSON *o, enum sip_transp tp, const struct sa *source)
{
	char text[BINDING_SOURCE_SIZE];

	binding_source_print(text, tp, source);
	cJSON_AddStringToObject(o, "source", text);
}

void endpoint_tell(struct scripts *scripts, const struct binding *b,
		   enum binding_event event)
{
	const char *state = binding_event_name(event);
	cJSON *o;

	if (!scripts || !state)
		return;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "name", binding_name(b));
	cJSON_AddStringToObject(o, "state", state);
	cJSON_AddStringToObject(o, "contact", binding_contact(b));
	cJSON_AddStringToObject(o, "target", binding_target(b));
	add_source(o, binding_transport(b), binding_source(b));
	cJSON_AddStringToObject(o, "user_agent", binding_user_agent(b));
	cJSON_AddNumberToObject(
		o, "expires",
		(double)(binding_expires_at(b) - binding_refreshed_at(b)) /
			1000);
	scripts_event(scripts, "endpoint", o);
	cJSON_Delete(o);
}

void endpoint_tell_restart(struct scripts *scripts,
			   const struct registrar_restart *restart,
			   unsigned calls)
{
	cJSON *o;

	if (!scripts)
		return;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "name", restart->name);
	cJSON_AddStringToObject(o, "contact", restart->contact);
	add_source(o, restart->tp, restart->source);
	cJSON_AddStringToObject(o, "user_agent", restart->user_agent);
	cJSON_AddNumberToObject(o, "calls", calls);
	scripts_event(scripts, "endpoint_restarted", o);
	cJSON_Delete(o);
}
