/* select.h -- private to script: what moon.select waits for */
#ifndef MOONDIAL_SCRIPT_SELECT_H
#define MOONDIAL_SCRIPT_SELECT_H

#include "script/event.h"

/* Pushes a description of an event of LEG. raises */
void event_source_push(lua_State *L, struct leg *leg, enum event_name name);

#endif
