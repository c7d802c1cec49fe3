/* later.h -- private to script: names of the API that a later version brings */
#ifndef MOONDIAL_SCRIPT_LATER_H
#define MOONDIAL_SCRIPT_LATER_H

#include "script/host.h"

/* What reading an absent NAME of WHAT ("call:", "moon.") gives: a function that
 * raises {code = "not_available"} when it is one of LATER (NULL-terminated; may
 * be NULL); else raises, with the nearest of the table of functions at METHODS
 * and of the other NAMES (may be NULL). */
int later_index(lua_State *L, const char *what, const char *name, int methods,
		const char *const *later, const char *const *names);

#endif
