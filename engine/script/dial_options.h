/* dial_options.h -- private to script: whom moon.dial and moon.originate call,
 * and how
 *
 * Both take a target, or a list of them, as argument 1 and a table of options
 * as argument 2. caller, user and lead (the object) are the operation's.
 */
#ifndef MOONDIAL_SCRIPT_DIAL_OPTIONS_H
#define MOONDIAL_SCRIPT_DIAL_OPTIONS_H

#include "call/call.h"
#include "script/detect.h"

enum {
	TARGETS_MAX = 16, /* of a list */
	TRUNKS_MAX = 16,
	HEADERS_MAX = 4096, /* bytes of all together */
};

/* Zeroed before it is read. What isn't a copy is anchored in the arguments, as
 * long as these are on the stack. */
struct dial_options {
	char *targets[TARGETS_MAX];
	unsigned targets_count;
	struct call_dial params; /* but target, binding and claim */
	char *trunks[TRUNKS_MAX + 1];
	char headers[HEADERS_MAX];
	struct detect_options detect;
	bool in_turn, early_media;
};

/* Arguments 1 and 2, with nothing begun yet. raises */
void dial_options_check(lua_State *L, const char *verb);
/* … of checked ones. raises ("memory", "usage": headers); whatever was read is
 * to be freed also then. */
void dial_options_read(lua_State *L, const char *verb, struct dial_options *o);
void dial_options_free(struct dial_options *o);

#endif
