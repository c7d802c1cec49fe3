/* task.h -- private to script: what moon.spawn returns */
#ifndef MOONDIAL_SCRIPT_TASK_H
#define MOONDIAL_SCRIPT_TASK_H

#include "script/host.h"

/* The task object of a coroutine; keeps its results. raises */
void task_push(lua_State *L, struct script *s);
/* The script of the task at INDEX, or NULL. */
struct script *task_test(lua_State *L, int index);
/* Its results, or nil, reason, message. raises */
int task_push_results(lua_State *L, const struct script *s);
/* spawn into the table at the top. */
void task_add_moon(lua_State *L);

#endif
