/* args.h -- private to script: tables of options, checked
 *
 * Each verb lists its options; an unknown one raises and names the nearest, a
 * wrong type raises with verb and option. The raised error carries the line.
 */
#ifndef MOONDIAL_SCRIPT_ARGS_H
#define MOONDIAL_SCRIPT_ARGS_H

#include "script/host.h"

enum option_type {
	OPT_STRING,
	OPT_NUMBER,
	OPT_SECONDS, /* a number, not negative */
	OPT_COUNT,   /* an integer, not negative */
	OPT_BOOLEAN,
	OPT_TABLE,
	OPT_FUNCTION,
	OPT_ANY,
	OPT_LATER, /* known, not available yet */
};

struct option {
	const char *name; /* NULL ends the list */
	enum option_type type;
};

/* Check the table at INDEX (none or nil is fine). POSITIONAL: entries 1…n are
 * allowed. raises */
void args_check(lua_State *L, int index, const char *verb,
		const struct option *options, bool positional);

/* Of a checked table; the fallback when absent. Strings are anchored in it. */
const char *args_string(lua_State *L, int index, const char *name,
			const char *fallback);
double args_number(lua_State *L, int index, const char *name, double fallback);
bool args_boolean(lua_State *L, int index, const char *name, bool fallback);
/* Seconds → ms, at most a week. */
uint32_t args_ms(lua_State *L, int index, const char *name, double fallback_s);
/* media_timeout, media_timeout_hangup, as call_set_media_timeout() takes them.
 */
void args_media_timeout(lua_State *L, int index, uint32_t *timeout_ms,
			uint32_t *hangup_ms);
/* Seconds as an argument of its own; FALLBACK_MS when none or nil. raises */
uint32_t args_seconds(lua_State *L, int index, const char *verb,
		      uint32_t fallback_ms);
uint32_t ms_of(double seconds);
bool args_has(lua_State *L, int index, const char *name);

#endif
