/* loop.h -- one thread's event loop
 *
 * A loop wraps one libevent base. The main thread's loop carries libre: its
 * sockets (fd_listen) and timers (tmr_start) run on the loop that this thread
 * has entered with loop_enter(). Media workers have loops of their own.
 * A loop belongs to the thread that runs it; only mailboxes cross threads.
 */
#ifndef MOONDIAL_BASE_LOOP_H
#define MOONDIAL_BASE_LOOP_H

#include <stdbool.h>

struct loop;
struct event_base;

typedef void(loop_h)(void *arg);
typedef void(loop_signal_h)(int sig, void *arg);

/* Make a loop. ENOMEM. */
int loop_alloc(struct loop **lp);

/* Free a loop that isn't running; leaves it first when this thread is in it. */
void loop_free(struct loop *loop);

/* Make LOOP this thread's: libre's descriptors and timers use it from now on.
 * NULL leaves the one that it is in. */
void loop_enter(struct loop *loop);

/* The loop that this thread has entered, or NULL. */
struct loop *loop_current(void);

/* Run until loop_stop(), also one that came before. The owning thread.
 * 0, or an errno value when libevent fails. */
int loop_run(struct loop *loop);

/* Leave loop_run() after the callbacks that are due now. Owning thread only. */
void loop_stop(struct loop *loop);

/* Turns begin two milliseconds apart at least, once they follow each other: to
 * wake up costs more than most of what a thread is woken for, so a busy one
 * does what has come together. After a pause the first turn comes at once. */
void loop_set_pace(struct loop *loop);

struct event_base *loop_event_base(struct loop *loop);

/* Tell HANDLER of each descriptor that libre begins and ceases to listen to
 * (OPEN true, false). It may shut a socket down, not close it. NULL: nobody. */
typedef void(loop_fd_h)(int fd, bool open, void *arg);
void loop_watch_fds(struct loop *loop, loop_fd_h *handler, void *arg);

/* Call HANDLER for signal SIG on the loop (not in signal context).
 * One handler a signal; NULL removes it. ENOMEM, EINVAL. */
int loop_signal(struct loop *loop, int sig, loop_signal_h *handler, void *arg);

/* A piece of work that runs once after the callbacks now running have
 * returned to the loop: never beneath a libre frame. Queuing it again before
 * it ran does nothing. Embed it, zeroed; soon_cancel() before freeing it. */
struct soon {
	struct soon *next, **prevp;
	loop_h *handler;
	void *arg;
};
void soon_queue(struct soon *soon, loop_h *handler, void *arg);
void soon_cancel(struct soon *soon);
bool soon_pending(const struct soon *soon);

/* True on the thread that entered LOOP: for assert() at a module's door. */
bool loop_is_mine(const struct loop *loop);

#endif
