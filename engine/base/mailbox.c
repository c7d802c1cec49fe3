/* mailbox.c -- a list under a mutex, an eventfd for its first message */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include "base/clock.h"
#include "base/loop.h"
#include "base/mailbox.h"

struct mailbox {
	pthread_mutex_t mutex;
	/* under the mutex */
	struct mail *head, **tail;
	size_t count;
	size_t wake_at; /* so many wake the receiver; 0: it comes by itself */

	int eventfd;
	atomic_uint waking; /* senders that are about to write to it */

	/* the receiver's */
	struct event *event;
	mail_h *handler;
	void *arg;
	struct mail *taken; /* being handed over */
	bool delivering;
	bool freed; /* by a handler: the memory goes when that returns */
};

int mailbox_alloc(struct mailbox **mp)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
	int err;

	if (!mailbox)
		return ENOMEM;
	mailbox->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->eventfd < 0) {
		err = errno;
		free(mailbox);
		return err;
	}
	pthread_mutex_init(&mailbox->mutex, NULL);
	mailbox->tail = &mailbox->head;
	mailbox->wake_at = 1;
	*mp = mailbox;
	return 0;
}

static void hand_over(struct mail *list, mail_h *handler, void *arg)
{
	while (list) {
		struct mail *mail = list;

		list = mail->next;
		mail->next = NULL;
		assert(handler);
		handler(mail, arg);
	}
}

void mailbox_free(struct mailbox *mailbox, mail_h *handler, void *arg)
{
	struct mail *taken, *rest;

	if (!mailbox)
		return;
	if (mailbox->event)
		event_free(mailbox->event);
	taken = mailbox->taken;
	rest = mailbox_take(mailbox);
	while (atomic_load(&mailbox->waking))
		sched_yield();
	close(mailbox->eventfd);
	pthread_mutex_destroy(&mailbox->mutex);
	mailbox->freed = true;
	if (!mailbox->delivering)
		free(mailbox);

	hand_over(taken, handler, arg);
	hand_over(rest, handler, arg);
}

/* Before the list is looked at, never after: a message that comes in between
 * leaves the eventfd readable with nothing to find, which is harmless. */
static void clear_eventfd(const struct mailbox *mailbox)
{
	uint64_t n;
	ssize_t got = read(mailbox->eventfd, &n, sizeof(n));

	(void)got; /* EAGAIN: nothing was posted since */
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *mailbox = arg;
	(void)fd;
	(void)what;

	clear_eventfd(mailbox);
	mailbox_deliver(mailbox);
}

void mailbox_deliver(struct mailbox *mailbox)
{
	assert(!mailbox->delivering);
	mailbox->taken = mailbox_take(mailbox);
	mailbox->delivering = true;
	while (!mailbox->freed && mailbox->taken) {
		struct mail *mail = mailbox->taken;

		mailbox->taken = mail->next;
		mail->next = NULL;
		mailbox->handler(mail, mailbox->arg);
	}
	mailbox->delivering = false;
	if (mailbox->freed)
		free(mailbox);
}

int mailbox_listen(struct mailbox *mailbox, struct loop *loop, mail_h *handler,
		   void *arg)
{
	assert(!mailbox->event);
	mailbox->event = event_new(loop_event_base(loop), mailbox->eventfd,
				   EV_READ | EV_PERSIST, on_readable, mailbox);
	if (!mailbox->event)
		return ENOMEM;
	if (event_add(mailbox->event, NULL) < 0) {
		event_free(mailbox->event);
		mailbox->event = NULL;
		return ENOMEM;
	}
	mailbox->handler = handler;
	mailbox->arg = arg;
	return 0;
}

/* Not under the mutex: the receiver may run at once, in our place, and would
 * only meet the lock. */
static void unlock_and_wake(struct mailbox *mailbox, bool wake)
{
	static const uint64_t one = 1;
	ssize_t n;

	if (wake)
		atomic_fetch_add(&mailbox->waking, 1);
	pthread_mutex_unlock(&mailbox->mutex);
	if (!wake)
		return;
	n = write(mailbox->eventfd, &one, sizeof(one));
	(void)n; /* EAGAIN: the counter is full, so it is readable */
	atomic_fetch_sub(&mailbox->waking, 1);
}

void mailbox_post_list(struct mailbox *mailbox, struct mail *list)
{
	struct mail **tail = &list->next;
	size_t before, count = 1;

	for (; *tail; tail = &(*tail)->next)
		count++;
	pthread_mutex_lock(&mailbox->mutex);
	*mailbox->tail = list;
	mailbox->tail = tail;
	before = mailbox->count;
	mailbox->count += count;
	unlock_and_wake(mailbox, before < mailbox->wake_at &&
					 mailbox->count >= mailbox->wake_at);
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
	mail->next = NULL;
	mailbox_post_list(mailbox, mail);
}

static void wake_at(struct mailbox *mailbox, size_t count)
{
	pthread_mutex_lock(&mailbox->mutex);
	mailbox->wake_at = count;
	unlock_and_wake(mailbox, count && mailbox->count >= count);
}

void mailbox_visited(struct mailbox *mailbox, bool visited)
{
	wake_at(mailbox, visited ? 0 : 1);
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
	struct mail *list;

	pthread_mutex_lock(&mailbox->mutex);
	list = mailbox->head;
	mailbox->head = NULL;
	mailbox->tail = &mailbox->head;
	mailbox->count = 0;
	pthread_mutex_unlock(&mailbox->mutex);
	return list;
}

static bool holds(struct mailbox *mailbox, size_t count)
{
	bool enough;

	pthread_mutex_lock(&mailbox->mutex);
	enough = mailbox->count >= count;
	pthread_mutex_unlock(&mailbox->mutex);
	return enough;
}

struct mail *mailbox_wait(struct mailbox *mailbox, size_t enough,
			  int timeout_ms)
{
	const uint64_t start_ms = clock_mono_ms();

	wake_at(mailbox, enough);
	for (;;) {
		struct pollfd pfd = {mailbox->eventfd, POLLIN, 0};
		int left_ms = -1;

		if (holds(mailbox, enough))
			break;
		if (timeout_ms >= 0) {
			uint64_t passed_ms = clock_mono_ms() - start_ms;

			if (passed_ms >= (uint64_t)timeout_ms)
				break;
			left_ms = timeout_ms - (int)passed_ms;
		}
		if (poll(&pfd, 1, left_ms) > 0)
			clear_eventfd(mailbox);
	}
	return mailbox_take(mailbox);
}
