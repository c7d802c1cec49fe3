/* reach_fields.h -- private to script: what a trunk and a qualify object share
 *
 * state, reachable, since, rtt, rtt_smoothed, availability, reason
 */
#ifndef MOONDIAL_SCRIPT_REACH_FIELDS_H
#define MOONDIAL_SCRIPT_REACH_FIELDS_H

#include "call/trunk_reach.h"
#include "script/host.h"

/* Their names, for a message about another one. */
#define REACH_FIELDS                                                          \
	"state", "reachable", "since", "rtt", "rtt_smoothed", "availability", \
		"reason"

/* Push the value of KEY; false: it is none of them, nothing is pushed. */
bool reach_push_field(lua_State *L, const struct trunk_reading *reading,
		      const char *key);
/* Set all of them in the table at the top. */
void reach_set_fields(lua_State *L, const struct trunk_reading *reading);

#endif
