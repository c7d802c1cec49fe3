/* tcp_guard.c -- the TCP connections that others have opened to us */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/sources.h"
#include "sip/stack_private.h"
#include "sip/tcp_guard.h"

METRIC(sip_tcp_accepted, "TCP connections accepted")
METRIC(sip_tcp_refused, "TCP connections closed: banned, or too many")

enum { BUCKETS = 1024, UNACKNOWLEDGED_MS = 30000 };

struct connection {
	struct le le; /* guard->silent or guard->heard, oldest first */
	struct le he; /* guard->by_peer */
	int fd;
	struct sa peer;
	bool trusted, closing;
};

struct tcp_guard {
	struct stack *stack;
	struct loop *loop;
	unsigned source_max, all_max, count;
	struct list silent, heard;
	struct list ours; /* struct connection: fd, later the peer */
	struct hash *by_peer;
	struct hash *watches; /* struct tcp_watch by peer */
};

static void connection_destructor(void *arg)
{
	struct connection *c = arg;

	list_unlink(&c->le);
	hash_unlink(&c->he);
}

/* libre reads the end of it in the next turn, and frees what belongs to it. */
static void shut(struct connection *c)
{
	if (c->closing)
		return;
	c->closing = true;
	metric_add(&sip_tcp_refused, 1);
	(void)shutdown(c->fd, SHUT_RDWR);
}

static unsigned count_of(const struct list *list, const struct sa *peer)
{
	unsigned n = 0;

	for (const struct le *le = list->head; le; le = le->next) {
		const struct connection *c = le->data;

		n += !c->closing && same_source(&c->peer, peer);
	}
	return n;
}

/* The oldest stranger that hasn't said anything; else none. */
static struct connection *idle_one(const struct tcp_guard *guard)
{
	for (struct le *le = guard->silent.head; le; le = le->next) {
		struct connection *c = le->data;

		if (!c->trusted && !c->closing)
			return c;
	}
	return NULL;
}

static void limit(struct tcp_guard *guard, struct connection *c)
{
	static struct log_limit lines = LOG_LIMIT(2, 60000);
	const unsigned max = guard->source_max;
	struct connection *victim;

	if (!c->trusted && max &&
	    count_of(&guard->silent, &c->peer) +
			    count_of(&guard->heard, &c->peer) >
		    max) {
		log_limited(&lines, LOG_WARN, NULL,
			    "more than %u TCP connections from one address: "
			    "refused",
			    max);
		shut(c);
		return;
	}
	if (!guard->all_max || guard->count <= guard->all_max)
		return;
	/* C itself is the youngest of the silent: others come first. */
	victim = idle_one(guard);
	log_limited(&lines, LOG_WARN, NULL,
		    "more than %u TCP connections: idle ones make room",
		    guard->all_max);
	if (victim)
		shut(victim);
}

static bool is_listener(const struct stack *stack, const struct sa *addr)
{
	for (size_t i = 0; i < stack->listen_count; i++)
		if (stack->listens[i].tp == SIP_TRANSP_TCP &&
		    sa_cmp(&stack->listens[i].addr, addr, SA_ALL))
			return true;
	return false;
}

/* Ours is the address of a listener, and there is a peer: it was accepted. */
static bool is_accepted(const struct tcp_guard *guard, int fd, struct sa *peer)
{
	struct sa own;
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) ||
	    type != SOCK_STREAM)
		return false;
	own.len = sizeof(own.u);
	peer->len = sizeof(peer->u);
	return !getpeername(fd, &peer->u.sa, &peer->len) &&
	       !getsockname(fd, &own.u.sa, &own.len) &&
	       is_listener(guard->stack, &own);
}

/* When nothing is acknowledged any more. */
static void give_up_early(int fd)
{
	const unsigned ms = UNACKNOWLEDGED_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* Its peer isn't known yet: it is still connecting. */
static void opened_by_us(struct tcp_guard *guard, int fd)
{
	const int on = 1;
	int type = 0, family = 0, listens = 0;
	socklen_t size = sizeof(int);
	struct connection *c;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ||
	    type != SOCK_STREAM || listens ||
	    (family != AF_INET && family != AF_INET6))
		return;
	give_up_early(fd);
	/* a request doesn't wait until what went before is acknowledged */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c = mem_zalloc(sizeof(*c), connection_destructor);
	if (!c)
		return;
	c->fd = fd;
	sa_init(&c->peer, AF_UNSPEC);
	list_append(&guard->ours, &c->le, c);
}

static void opened(struct tcp_guard *guard, int fd)
{
	const uint64_t now = clock_mono_ms();
	struct connection *c;
	struct source *source;
	struct sa peer;

	if (!is_accepted(guard, fd, &peer)) {
		opened_by_us(guard, fd);
		return;
	}
	metric_add(&sip_tcp_accepted, 1);
	give_up_early(fd);
	c = mem_zalloc(sizeof(*c), connection_destructor);
	if (!c) {
		(void)shutdown(fd, SHUT_RDWR);
		return;
	}
	c->fd = fd;
	c->peer = peer;
	source = source_see(guard->stack->sources, &peer, now);
	c->trusted = !source;
	hash_append(guard->by_peer, sa_hash(&peer, SA_ALL), &c->he, c);
	list_append(&guard->silent, &c->le, c);
	guard->count++;
	if (source_banned(source, now)) {
		source_dropped(source);
		shut(c);
	} else {
		limit(guard, c);
	}
}

static struct connection *find_fd(const struct list *list, int fd)
{
	for (struct le *le = list->head; le; le = le->next) {
		struct connection *c = le->data;

		if (c->fd == fd)
			return c;
	}
	return NULL;
}

/* ---- who waits for the end of one ---------------------------------------- */

/* Known once it is connected. */
static const struct sa *peer_of(struct connection *c)
{
	struct sa sa = {.len = sizeof(sa.u)};

	if (!sa_isset(&c->peer, SA_ADDR) &&
	    !getpeername(c->fd, &sa.u.sa, &sa.len))
		c->peer = sa;
	return &c->peer;
}

static bool is_open(const struct tcp_guard *guard, const struct sa *peer)
{
	for (struct le *le = list_head(
		     hash_list(guard->by_peer, sa_hash(peer, SA_ALL)));
	     le; le = le->next)
		if (sa_cmp(&((struct connection *)le->data)->peer, peer,
			   SA_ALL))
			return true;
	for (struct le *le = guard->ours.head; le; le = le->next)
		if (sa_cmp(peer_of(le->data), peer, SA_ALL))
			return true;
	return false;
}

bool tcp_watch_begin(struct tcp_watch *watch, struct tcp_guard *guard,
		     const struct sa *peer, loop_h *handler, void *arg)
{
	tcp_watch_end(watch);
	if (!is_open(guard, peer))
		return false;
	watch->peer = *peer;
	watch->handler = handler;
	watch->arg = arg;
	hash_append(guard->watches, sa_hash(peer, SA_ALL), &watch->he, watch);
	return true;
}

bool tcp_watch_waits(const struct tcp_watch *watch, const struct sa *peer)
{
	return watch->he.list && sa_cmp(&watch->peer, peer, SA_ALL);
}

void tcp_watch_end(struct tcp_watch *watch)
{
	hash_unlink(&watch->he);
	soon_cancel(&watch->soon);
}

/* Beneath libre, which is closing it: told later. */
static void tell_closed(const struct tcp_guard *guard, const struct sa *peer)
{
	struct le *le;

	if (!sa_isset(peer, SA_ADDR))
		return;
	le = list_head(hash_list(guard->watches, sa_hash(peer, SA_ALL)));
	while (le) {
		struct tcp_watch *watch = le->data;

		le = le->next;
		if (!sa_cmp(&watch->peer, peer, SA_ALL))
			continue;
		hash_unlink(&watch->he);
		soon_queue(&watch->soon, watch->handler, watch->arg);
	}
}

static void on_fd(int fd, bool open, void *arg)
{
	struct tcp_guard *guard = arg;
	struct connection *c;

	if (open) {
		opened(guard, fd);
		return;
	}
	c = find_fd(&guard->silent, fd);
	if (!c)
		c = find_fd(&guard->heard, fd);
	if (c)
		guard->count--;
	else
		c = find_fd(&guard->ours, fd);
	if (c)
		tell_closed(guard, &c->peer);
	mem_deref(c);
}

static bool has_peer(struct le *le, void *arg)
{
	const struct connection *c = le->data;

	return sa_cmp(&c->peer, arg, SA_ALL);
}

void tcp_guard_heard(struct tcp_guard *guard, const struct sa *peer)
{
	struct connection *c = list_ledata(hash_lookup(
		guard->by_peer, sa_hash(peer, SA_ALL), has_peer, (void *)peer));

	if (!c || c->le.list == &guard->heard)
		return;
	list_unlink(&c->le);
	list_append(&guard->heard, &c->le, c);
}

static void close_of(const struct list *list, const struct sa *source)
{
	for (struct le *le = list->head; le; le = le->next) {
		struct connection *c = le->data;

		if (same_source(&c->peer, source))
			shut(c);
	}
}

void tcp_guard_close(struct tcp_guard *guard, const struct sa *source)
{
	close_of(&guard->silent, source);
	close_of(&guard->heard, source);
}

void tcp_guard_hang_up(struct tcp_guard *guard, const struct sa *peer)
{
	for (struct le *le = guard->ours.head; le; le = le->next) {
		const struct connection *c = le->data;
		struct sa sa = {.len = sizeof(sa.u)};

		if (!getpeername(c->fd, &sa.u.sa, &sa.len) &&
		    sa_cmp(&sa, peer, SA_ALL))
			(void)shutdown(c->fd, SHUT_RDWR);
	}
}

unsigned tcp_guard_count(const struct tcp_guard *guard)
{
	return guard->count;
}

int tcp_guard_alloc(struct tcp_guard **gp, struct stack *stack,
		    unsigned source_max, unsigned all_max)
{
	struct tcp_guard *guard = mem_zalloc(sizeof(*guard), NULL);

	if (!guard)
		return ENOMEM;
	if (hash_alloc(&guard->by_peer, BUCKETS) ||
	    hash_alloc(&guard->watches, BUCKETS)) {
		mem_deref(guard->by_peer);
		mem_deref(guard);
		return ENOMEM;
	}
	guard->stack = stack;
	guard->loop = loop_current();
	guard->source_max = source_max;
	guard->all_max = all_max;
	loop_watch_fds(guard->loop, on_fd, guard);
	*gp = guard;
	return 0;
}

void tcp_guard_free(struct tcp_guard *guard)
{
	if (!guard)
		return;
	loop_watch_fds(guard->loop, NULL, NULL);
	list_flush(&guard->silent);
	list_flush(&guard->heard);
	list_flush(&guard->ours);
	mem_deref(guard->by_peer);
	mem_deref(guard->watches);
	mem_deref(guard);
}
