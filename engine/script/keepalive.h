/* keepalive.h -- private to script: options of call: and account:keepalive */
#ifndef MOONDIAL_SCRIPT_KEEPALIVE_H
#define MOONDIAL_SCRIPT_KEEPALIVE_H

#include "script/host.h"
#include "sip/session_keepalive.h"

/* The table at INDEX: sip, rtp (true, false, seconds), nat_session, hangup.
 * raises */
void keepalive_read(lua_State *L, int index, const char *verb,
		    struct session_keepalive *keepalive);

#endif
