/* detect.h -- private to script: detection in options, fields and events */
#ifndef MOONDIAL_SCRIPT_DETECT_H
#define MOONDIAL_SCRIPT_DETECT_H

#include "script/event.h"

struct detect_options {
	struct detect_settings settings;
	const char *keep; /* name of a file, anchored in the table; or NULL */
};

/* The table at INDEX; none, nil and true are the defaults. raises */
void detect_read(lua_State *L, int index, const char *verb,
		 struct detect_options *o);
/* Fields of a verdict into the table at the top. */
void detect_set_fields(lua_State *L, const struct detect_verdict *v);
/* call.detection: a table, or nil. */
void detect_push(lua_State *L, const struct leg *leg);
/* call.detection = KIND (argument INDEX). raises */
void detect_assign(lua_State *L, const struct leg *leg, int index);

/* Somebody waits for this event: when it is a detector's, that listens. */
void leg_listen(struct leg *leg, enum event_name name);
void leg_unlisten(struct leg *leg, enum event_name name);

#endif
