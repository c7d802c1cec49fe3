/* re_loop.c -- libre's descriptors on libevent
 *
 * Defines every function of libre's main.o, so that the linker does not take
 * that object from the archive. A descriptor's handler is called on the loop
 * that its thread had entered when it called fd_listen().
 *
 * Errors and hang-ups arrive as readable or writable, whichever is listened
 * for (libevent reports EPOLLERR and EPOLLHUP so); the next system call on the
 * socket then says what happened. FD_EXCEPT is accepted and never delivered:
 * libre only prints it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/event.h>
#include <re.h>
#include "base/log.h"
#include "base/loop.h"
#include "base/re_loop.h"

enum { FDS_MIN = 64 };

/* The event stays allocated for the next descriptor of the same number. */
struct fd_slot {
	struct event *event;
	fd_h *handler;
	void *arg;
	int flags;
};

struct re_fds {
	struct event_base *base;
	struct fd_slot *slots; /* indexed by descriptor */
	int size;
	loop_fd_h *watchh;
	void *watch_arg;
};

static struct re_fds *current_fds(void)
{
	struct loop *loop = loop_current();

	return loop ? loop_re_fds(loop) : NULL;
}

int re_fds_alloc(struct re_fds **fp, struct event_base *base)
{
	struct re_fds *fds = calloc(1, sizeof(*fds));

	if (!fds)
		return ENOMEM;
	fds->base = base;
	*fp = fds;
	return 0;
}

void re_fds_free(struct re_fds *fds)
{
	if (!fds)
		return;
	for (int fd = 0; fd < fds->size; fd++)
		if (fds->slots[fd].event)
			event_free(fds->slots[fd].event);
	free(fds->slots);
	free(fds);
}

void re_fds_watch(struct re_fds *fds, loop_fd_h *handler, void *arg)
{
	fds->watchh = handler;
	fds->watch_arg = arg;
}

static int grow(struct re_fds *fds, int fd)
{
	int size = fds->size ? fds->size : FDS_MIN;
	struct fd_slot *slots;

	while (size <= fd)
		size *= 2;
	slots = realloc(fds->slots, (size_t)size * sizeof(*slots));
	if (!slots)
		return ENOMEM;
	memset(slots + fds->size, 0,
	       (size_t)(size - fds->size) * sizeof(*slots));
	fds->slots = slots;
	fds->size = size;
	return 0;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct re_fds *fds = arg;
	const struct fd_slot *slot = &fds->slots[fd];
	int flags = 0;

	if (what & EV_READ)
		flags |= FD_READ;
	if (what & EV_WRITE)
		flags |= FD_WRITE;

	/* The handler may close this descriptor, or make the table move:
	 * nothing here is looked at afterwards. */
	slot->handler(flags, slot->arg);
}

static void forget(struct fd_slot *slot)
{
	/* Takes it off libevent's list of active events, too: a descriptor of
	 * the same number opened in this turn sees nothing of it. */
	event_del(slot->event);
	slot->handler = NULL;
	slot->arg = NULL;
	slot->flags = 0;
}

/* libre listens with a backlog of 5: when a few more connect at once, the
 * kernel drops their SYN, and they wait for a second before the next. */
static void widen_backlog(int fd)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) &&
	    listens)
		(void)listen(fd, SOMAXCONN);
}

/* Call FH(flags, ARG) when FD is ready for what FLAGS say (FD_READ, FD_WRITE),
 * until fd_close() or another fd_listen() for it. No FLAGS: stop listening.
 * EBADF, ENOMEM, EPERM (a regular file); EBADFD outside of any loop. */
int fd_listen(int fd, int flags, fd_h *fh, void *arg)
{
	struct re_fds *fds = current_fds();
	struct fd_slot *slot;
	short what = EV_PERSIST;
	bool fresh;
	int err;

	if (fd < 0)
		return EBADF;
	if (!flags || !fh) {
		if (fds && fd < fds->size && fds->slots[fd].handler) {
			forget(&fds->slots[fd]);
			if (fds->watchh)
				fds->watchh(fd, false, fds->watch_arg);
		}
		return 0;
	}
	if (!fds)
		return EBADFD;
	if (fd >= fds->size) {
		err = grow(fds, fd);
		if (err)
			return err;
	}
	slot = &fds->slots[fd];

	/* Registered anew even when the flags stay: should the descriptor have
	 * been closed and opened behind our back, the kernel has forgotten it.
	 */
	fresh = !slot->handler;
	if (!fresh)
		forget(slot);

	if (flags & FD_READ)
		what |= EV_READ;
	if (flags & FD_WRITE)
		what |= EV_WRITE;
	if (slot->event)
		event_assign(slot->event, fds->base, fd, what, on_event, fds);
	else
		slot->event = event_new(fds->base, fd, what, on_event, fds);
	if (!slot->event)
		return ENOMEM;

	errno = 0;
	if (event_add(slot->event, NULL) < 0)
		return errno ? errno : ENOMEM;
	slot->handler = fh;
	slot->arg = arg;
	slot->flags = flags;
	widen_backlog(fd);
	if (fresh && fds->watchh)
		fds->watchh(fd, true, fds->watch_arg);
	return 0;
}

/* Stop listening on FD. It must be called before close(), also in a handler. */
void fd_close(int fd)
{
	(void)fd_listen(fd, 0, NULL, NULL);
}

/* The table grows by itself; 0 forgets every descriptor (libre_close()). */
int fd_setsize(int maxfds)
{
	struct re_fds *fds = current_fds();

	if (maxfds || !fds)
		return 0;
	for (int fd = 0; fd < fds->size; fd++)
		if (fds->slots[fd].handler)
			forget(&fds->slots[fd]);
	return 0;
}

void fd_debug(void)
{
	const struct re_fds *fds = current_fds();

	for (int fd = 0; fds && fd < fds->size; fd++) {
		const struct fd_slot *slot = &fds->slots[fd];

		if (slot->handler)
			re_fprintf(stderr,
				   "fd %d in use: flags=%x fh=%p arg=%p\n", fd,
				   slot->flags, slot->handler, slot->arg);
	}
}

static void on_signal(int sig, void *arg)
{
	re_signal_h **handler = arg;

	(*handler)(sig);
}

/* As loop_run() on the loop of this thread; SIGINT, SIGALRM and SIGTERM go to
 * SIGNALH unless it is NULL. EBADFD outside of any loop. */
int re_main(re_signal_h *signalh)
{
	static const int signals[] = {SIGINT, SIGALRM, SIGTERM};
	struct loop *loop = loop_current();
	int err = 0;

	if (!loop)
		return EBADFD;
	if (signalh) {
		for (size_t i = 0; i < ARRAY_SIZE(signals) && !err; i++)
			err = loop_signal(loop, signals[i], on_signal,
					  &signalh);
	}
	if (!err)
		err = loop_run(loop);
	if (signalh) {
		for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
			loop_signal(loop, signals[i], NULL, NULL);
	}
	return err;
}

void re_cancel(void)
{
	struct loop *loop = loop_current();

	if (loop)
		loop_stop(loop);
}

int re_debug(struct re_printf *pf, void *unused)
{
	const struct re_fds *fds = current_fds();
	int n = 0;
	(void)unused;

	for (int fd = 0; fds && fd < fds->size; fd++)
		n += fds->slots[fd].handler != NULL;
	return re_hprintf(pf, "re main loop on libevent (%s): %d fds\n",
			  fds ? event_base_get_method(fds->base) : "none", n);
}

/* libevent has chosen already. */
int poll_method_set(enum poll_method method)
{
	return method == METHOD_EPOLL ? 0 : EINVAL;
}

/* Give this thread a loop of its own for libre. EALREADY when it has one. */
int re_thread_init(void)
{
	struct loop *loop;
	int err;

	if (loop_current())
		return EALREADY;
	err = loop_alloc(&loop);
	if (!err)
		loop_enter(loop);
	return err;
}

void re_thread_close(void)
{
	loop_free(loop_current());
}

/* A libre object belongs to one thread for life (its reference counts are
 * plain integers), so there is no lock that would let a second one in. */
void re_thread_enter(void)
{
	log_error(NULL, "re_thread_enter: only mailboxes cross threads");
	abort();
}

void re_thread_leave(void)
{
	re_thread_enter();
}

void re_set_mutex(void *mutexp)
{
	if (mutexp)
		re_thread_enter();
}
