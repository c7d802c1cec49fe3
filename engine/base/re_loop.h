/* re_loop.h -- what a loop carries for libre: descriptors and timers
 *
 * Private to base: loop.c owns both, re_loop.c and re_timer.c define them,
 * and with them the functions of libre's own main.o and tmr.o (re_regex.c those
 * of regex.o).
 */
#ifndef MOONDIAL_BASE_RE_LOOP_H
#define MOONDIAL_BASE_RE_LOOP_H

#include "base/loop.h"

struct re_fds;
struct re_timers;

int re_fds_alloc(struct re_fds **fp, struct event_base *base);
void re_fds_free(struct re_fds *fds);
void re_fds_watch(struct re_fds *fds, loop_fd_h *handler, void *arg);

/* Timers still running are disarmed: cancelling them later does nothing. */
int re_timers_alloc(struct re_timers **tp, struct event_base *base);
void re_timers_free(struct re_timers *timers);

struct re_fds *loop_re_fds(struct loop *loop);
struct re_timers *loop_re_timers(struct loop *loop);

#endif
