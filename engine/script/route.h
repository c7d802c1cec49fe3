/* route.h -- private to script: moon.on_call, and the way of a new call to it
 */
#ifndef MOONDIAL_SCRIPT_ROUTE_H
#define MOONDIAL_SCRIPT_ROUTE_H

#include "script/host.h"

void routes_flush(struct list *routes);
/* on_call into the table at the top. */
void route_add_moon(lua_State *L);

#endif
