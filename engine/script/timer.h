/* timer.h -- private to script: moon.after, moon.every
 *
 * A timer starts a coroutine each time; `every` waits for the last one. It is
 * counted (mem_ref) by host->timers while armed and by the script's object.
 */
#ifndef MOONDIAL_SCRIPT_TIMER_H
#define MOONDIAL_SCRIPT_TIMER_H

#include "script/host.h"

/* Its coroutine has ended. */
void timer_script_ended(struct timer *timer, struct script *s);
/* Disarm; its function is released. */
void timer_stop(struct timer *timer);
/* Timers of GEN that belong to no call end. */
void timers_retire(struct scripts *host, const struct generation *gen);
/* Timers made by the scripts of LEG: `every` ends with it. */
void timers_leg_ended(struct leg *leg);

/* after, every, sleep, now into the table at the top. */
void timer_add_moon(lua_State *L);

#endif
