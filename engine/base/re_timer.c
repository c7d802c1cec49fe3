/* re_timer.c -- libre's timers: a binary heap behind one libevent timer
 *
 * Defines every function of libre's tmr.o, so that the linker does not take
 * that object from the archive. Starting, restarting and cancelling cost
 * O(log n); time is CLOCK_MONOTONIC, in ns inside, so that no timer fires
 * early; equal deadlines fire in the order in which they were started.
 *
 * struct tmr is libre's (re_tmr.h); its list element holds our place in the
 * heap: `le.data` the heap, `le.prev` the index. It is valid while th != NULL,
 * which is also what tmr_isrunning() looks at, so zeroed memory is a timer.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <re.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/re_loop.h"

enum { TIMERS_MIN = 256 };

#define NS_PER_MS UINT64_C(1000000)

struct node {
	uint64_t due_ns;
	uint64_t seq; /* order of starting; breaks ties */
	struct tmr *tmr;
};

struct re_timers {
	struct event *event;
	struct node *heap;
	size_t count, size;
	uint64_t next_seq;
	uint64_t armed_ns; /* when the libevent timer fires; 0: not armed */
	bool firing;
};

static struct re_timers *current_timers(void)
{
	struct loop *loop = loop_current();

	return loop ? loop_re_timers(loop) : NULL;
}

static size_t index_of(const struct tmr *tmr)
{
	return (size_t)(uintptr_t)tmr->le.prev;
}

static void put(struct re_timers *timers, size_t i, const struct node *node)
{
	timers->heap[i] = *node;
	node->tmr->le.prev = (struct le *)(uintptr_t)i;
}

static bool before(const struct node *a, const struct node *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->seq < b->seq;
}

/* Find the place for NODE, from the hole at I upward, then downward. */
static void settle(struct re_timers *timers, size_t i, struct node node)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (!before(&node, &timers->heap[parent]))
			break;
		put(timers, i, &timers->heap[parent]);
		i = parent;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
		    before(&timers->heap[child + 1], &timers->heap[child]))
			child++;
		if (!before(&timers->heap[child], &node))
			break;
		put(timers, i, &timers->heap[child]);
		i = child;
	}
	put(timers, i, &node);
}

static void take_out(struct re_timers *timers, struct tmr *tmr)
{
	size_t i = index_of(tmr);

	assert(i < timers->count && timers->heap[i].tmr == tmr);
	timers->count--;
	if (i < timers->count)
		settle(timers, i, timers->heap[timers->count]);
	memset(&tmr->le, 0, sizeof(tmr->le));
	tmr->th = NULL;
}

/* Let the libevent timer fire for the earliest. One that is armed too early,
 * because the earliest was cancelled, just finds nothing to do. */
static void arm(struct re_timers *timers, uint64_t now_ns)
{
	uint64_t due_ns, wait_us;
	struct timeval tv;

	if (timers->firing || !timers->count)
		return;
	due_ns = timers->heap[0].due_ns;
	if (timers->armed_ns && timers->armed_ns <= due_ns)
		return;

	wait_us = due_ns > now_ns ? (due_ns - now_ns + 999) / 1000 : 0;
	tv.tv_sec = (time_t)(wait_us / 1000000);
	tv.tv_usec = (suseconds_t)(wait_us % 1000000);
	event_add(timers->event, &tv);
	timers->armed_ns = due_ns;
}

/* Fires what is due. Timers started meanwhile wait for the next turn, however
 * short they are: sockets come in between. */
static void fire(struct re_timers *timers)
{
	const uint64_t now_ns = clock_mono_ns();
	const uint64_t seq_end = timers->next_seq;

	timers->firing = true;
	while (timers->count) {
		const struct node *first = &timers->heap[0];
		struct tmr *tmr = first->tmr;
		tmr_h *handler = tmr->th;
		void *arg = tmr->arg;

		if (first->due_ns > now_ns || first->seq >= seq_end)
			break;
		take_out(timers, tmr);
		assert(handler); /* what has none is not in the heap */
		handler(arg);
	}
	timers->firing = false;
	arm(timers, clock_mono_ns());
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct re_timers *timers = arg;
	(void)fd;
	(void)what;

	timers->armed_ns = 0;
	fire(timers);
}

int re_timers_alloc(struct re_timers **tp, struct event_base *base)
{
	struct re_timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return ENOMEM;
	timers->event = evtimer_new(base, on_timeout, timers);
	if (!timers->event) {
		free(timers);
		return ENOMEM;
	}
	*tp = timers;
	return 0;
}

void re_timers_free(struct re_timers *timers)
{
	if (!timers)
		return;
	while (timers->count)
		take_out(timers, timers->heap[timers->count - 1].tmr);
	event_free(timers->event);
	free(timers->heap);
	free(timers);
}

void tmr_init(struct tmr *tmr)
{
	if (tmr)
		memset(tmr, 0, sizeof(*tmr));
}

/* tmr_start() cannot fail, and a timer that silently never fires would hang a
 * transaction for ever. */
static void grow(struct re_timers *timers)
{
	size_t size = timers->size ? 2 * timers->size : TIMERS_MIN;
	struct node *heap = realloc(timers->heap, size * sizeof(*heap));

	if (!heap) {
		log_error(NULL, "out of memory for %zu timers", size);
		abort();
	}
	timers->heap = heap;
	timers->size = size;
}

/* Call TH(ARG) once after DELAY ms, on the loop of this thread. A timer that is
 * running is started anew; TH NULL cancels it. */
void tmr_start(struct tmr *tmr, uint64_t delay, tmr_h *th, void *arg)
{
	struct re_timers *timers;
	struct node node;
	uint64_t now_ns;

	if (!tmr)
		return;
	if (!th) {
		if (tmr->th)
			take_out(tmr->le.data, tmr);
		tmr->arg = NULL;
		return;
	}

	timers = current_timers();
	assert(timers);
	/* Beyond centuries the sum would wrap round into the past. */
	if (delay > UINT64_MAX / 4 / NS_PER_MS)
		delay = UINT64_MAX / 4 / NS_PER_MS;
	now_ns = clock_mono_ns();
	node = (struct node){
		.due_ns = now_ns + delay * NS_PER_MS,
		.seq = timers->next_seq++,
		.tmr = tmr,
	};

	if (tmr->th && tmr->le.data == timers) {
		settle(timers, index_of(tmr), node);
	} else {
		if (tmr->th)
			take_out(tmr->le.data, tmr);
		if (timers->count == timers->size)
			grow(timers);
		settle(timers, timers->count++, node);
	}
	tmr->le.data = timers;
	tmr->th = th;
	tmr->arg = arg;
	tmr->jfs = node.due_ns / NS_PER_MS;
	arm(timers, now_ns);
}

void tmr_cancel(struct tmr *tmr)
{
	tmr_start(tmr, 0, NULL, NULL);
}

/* Monotonic milliseconds. */
uint64_t tmr_jiffies(void)
{
	return clock_mono_ms();
}

/* Milliseconds until TMR fires, rounded up; 0 when it is due or not running. */
uint64_t tmr_get_expire(const struct tmr *tmr)
{
	const struct re_timers *timers;
	uint64_t now_ns, due_ns;

	if (!tmr || !tmr->th)
		return 0;
	timers = tmr->le.data;
	due_ns = timers->heap[index_of(tmr)].due_ns;
	now_ns = clock_mono_ns();
	return due_ns > now_ns ? (due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS
			       : 0;
}

/* The lists that libre keeps are not ours: both work on this thread's heap. */
void tmr_poll(struct list *tmrl)
{
	struct re_timers *timers = current_timers();
	(void)tmrl;

	if (timers && !timers->firing)
		fire(timers);
}

uint64_t tmr_next_timeout(struct list *tmrl)
{
	const struct re_timers *timers = current_timers();
	uint64_t ms;
	(void)tmrl;

	if (!timers || !timers->count)
		return 0;
	ms = tmr_get_expire(timers->heap[0].tmr);
	return ms ? ms : 1; /* 0 means that there is none */
}

int tmr_status(struct re_printf *pf, void *unused)
{
	const struct re_timers *timers = current_timers();
	int err;
	(void)unused;

	if (!timers || !timers->count)
		return 0;
	err = re_hprintf(pf, "Timers (%u):\n", (unsigned)timers->count);
	for (size_t i = 0; i < timers->count && !err; i++) {
		const struct tmr *tmr = timers->heap[i].tmr;

		err = re_hprintf(pf, "  %p: th=%p expire=%llums\n", tmr,
				 tmr->th,
				 (unsigned long long)tmr_get_expire(tmr));
	}
	return err;
}

void tmr_debug(void)
{
	if (tmr_next_timeout(NULL))
		(void)re_fprintf(stderr, "%H", tmr_status, NULL);
}
