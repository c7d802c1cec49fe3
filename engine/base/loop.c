/* loop.c -- one thread's event loop: a libevent base, signals, soon
 *
 * The base has no locks (a loop belongs to one thread) and precise timers:
 * libevent's default reads CLOCK_MONOTONIC_COARSE, which is 4 ms wide at
 * HZ=250 and would show in every 20 ms tick of audio.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <event2/event.h>
#include "base/clock.h"
#include "base/loop.h"
#include "base/re_loop.h"

struct signal_slot {
	struct event *event;
	loop_signal_h *handler;
	void *arg;
};

struct loop {
	struct event_base *base;
	struct re_fds *fds;
	struct re_timers *timers;
	struct signal_slot signals[NSIG];

	struct soon *soon_head, **soon_tail;
	struct event *soon_event;
	bool soon_running;

	bool paced;
	uint64_t turn_ms; /* when the last turn ended */
	bool stop;
};

enum { PACE_MS = 2 };

static _Thread_local struct loop *current;

/* Runs what was queued before it began. What those handlers queue waits for
 * the next turn (a timer of 0), so that work which queues itself again never
 * keeps sockets from being read. */
static void run_soon(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval next_turn = {0, 0};
	struct loop *loop = arg;
	struct soon *head = loop->soon_head;
	(void)fd;
	(void)what;

	if (!head)
		return;
	loop->soon_head = NULL;
	loop->soon_tail = &loop->soon_head;
	head->prevp = &head;

	loop->soon_running = true;
	while (head) {
		struct soon *soon = head;
		loop_h *handler = soon->handler;
		void *handler_arg = soon->arg;

		head = soon->next;
		if (head)
			head->prevp = &head;
		soon->next = NULL;
		soon->prevp = NULL;
		handler(handler_arg);
	}
	loop->soon_running = false;

	if (loop->soon_head)
		event_add(loop->soon_event, &next_turn);
}

int loop_alloc(struct loop **lp)
{
	struct event_config *config;
	struct loop *loop;
	int err = ENOMEM;

	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return ENOMEM;
	loop->soon_tail = &loop->soon_head;

	config = event_config_new();
	if (!config)
		goto out;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
					      EVENT_BASE_FLAG_PRECISE_TIMER);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!loop->base)
		goto out;

	loop->soon_event = event_new(loop->base, -1, 0, run_soon, loop);
	if (!loop->soon_event)
		goto out;
	err = re_fds_alloc(&loop->fds, loop->base);
	if (err)
		goto out;
	err = re_timers_alloc(&loop->timers, loop->base);
out:
	if (err)
		loop_free(loop);
	else
		*lp = loop;
	return err;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (current == loop)
		current = NULL;

	/* Their owners may outlive the loop, and cancel them later. */
	for (struct soon *soon = loop->soon_head, *next; soon; soon = next) {
		next = soon->next;
		soon->next = NULL;
		soon->prevp = NULL;
	}
	for (int sig = 0; sig < NSIG; sig++)
		if (loop->signals[sig].event)
			event_free(loop->signals[sig].event);
	if (loop->soon_event)
		event_free(loop->soon_event);
	re_timers_free(loop->timers);
	re_fds_free(loop->fds);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

void loop_enter(struct loop *loop)
{
	current = loop;
}

struct loop *loop_current(void)
{
	return current;
}

bool loop_is_mine(const struct loop *loop)
{
	return loop && current == loop;
}

void loop_set_pace(struct loop *loop)
{
	loop->paced = true;
}

/* On whole milliseconds, as the media workers' ticks are: threads that wake up
 * together share the interrupt. */
static void keep_pace(struct loop *loop)
{
	uint64_t now_ms = clock_mono_ms();
	bool busy = now_ms <= loop->turn_ms + PACE_MS;

	loop->turn_ms = now_ms;
	if (!busy || loop->soon_head)
		return;
	clock_sleep_until_ms(now_ms + PACE_MS);
	loop->turn_ms = now_ms + PACE_MS;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	assert(loop_is_mine(loop));

	/* One turn at a time: a stop asked for in a callback is seen after the
	 * others that are due now. One asked for before is not lost, either. */
	while (!loop->stop) {
		errno = 0;
		if (event_base_loop(loop->base,
				    EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) <
		    0) {
			err = errno ? errno : EIO;
			break;
		}
		if (loop->paced && !loop->stop)
			keep_pace(loop);
	}
	loop->stop = false;
	return err;
}

void loop_stop(struct loop *loop)
{
	assert(loop_is_mine(loop));
	loop->stop = true;
}

struct event_base *loop_event_base(struct loop *loop)
{
	return loop->base;
}

struct re_fds *loop_re_fds(struct loop *loop)
{
	return loop->fds;
}

void loop_watch_fds(struct loop *loop, loop_fd_h *handler, void *arg)
{
	re_fds_watch(loop->fds, handler, arg);
}

struct re_timers *loop_re_timers(struct loop *loop)
{
	return loop->timers;
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct signal_slot *slot = &((struct loop *)arg)->signals[sig];
	(void)what;

	slot->handler((int)sig, slot->arg);
}

int loop_signal(struct loop *loop, int sig, loop_signal_h *handler, void *arg)
{
	struct signal_slot *slot;

	if (sig <= 0 || sig >= NSIG)
		return EINVAL;
	slot = &loop->signals[sig];

	if (!handler) {
		if (slot->event)
			event_free(slot->event);
		*slot = (struct signal_slot){0};
		return 0;
	}
	if (!slot->event) {
		slot->event = evsignal_new(loop->base, sig, on_signal, loop);
		if (!slot->event)
			return ENOMEM;
		/* Fails for signals that can't be caught. */
		if (event_add(slot->event, NULL) < 0) {
			event_free(slot->event);
			slot->event = NULL;
			return EINVAL;
		}
	}
	slot->handler = handler;
	slot->arg = arg;
	return 0;
}

void soon_queue(struct soon *soon, loop_h *handler, void *arg)
{
	struct loop *loop = current;

	assert(loop);
	soon->handler = handler;
	soon->arg = arg;
	if (soon->prevp)
		return;

	/* While a batch runs, its end looks at the queue. */
	if (!loop->soon_head && !loop->soon_running)
		event_active(loop->soon_event, EV_TIMEOUT, 0);
	soon->next = NULL;
	soon->prevp = loop->soon_tail;
	*loop->soon_tail = soon;
	loop->soon_tail = &soon->next;
}

void soon_cancel(struct soon *soon)
{
	if (!soon->prevp)
		return;
	*soon->prevp = soon->next;
	if (soon->next) {
		soon->next->prevp = soon->prevp;
	} else if (current && current->soon_tail == &soon->next) {
		/* The last of the queue; one of a running batch has no tail. */
		current->soon_tail = soon->prevp;
	}
	soon->next = NULL;
	soon->prevp = NULL;
}

bool soon_pending(const struct soon *soon)
{
	return soon->prevp != NULL;
}
