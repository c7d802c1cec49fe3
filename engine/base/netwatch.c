/* netwatch.c -- told when this machine's addresses or routes change */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <re.h>
#include "base/netwatch.h"

enum { SETTLE_MS = 500 };

struct netwatch {
	int fd;
	struct tmr tmr;
	netwatch_h *handler;
	void *arg;
};

static void settled(void *arg)
{
	struct netwatch *n = arg;

	n->handler(n->arg);
}

static bool is_change(const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return true;
	default:
		return false;
	}
}

/* The macros of netlink.h compare signed with unsigned. */
static bool holds_change(const char *buf, size_t size)
{
	struct nlmsghdr head;
	size_t at = 0;

	while (at < size && size - at >= sizeof(head)) {
		memcpy(&head, buf + at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > size - at)
			break;
		if (is_change(&head))
			return true;
		at += NLMSG_ALIGN(head.nlmsg_len);
	}
	return false;
}

static void on_readable(int flags, void *arg)
{
	struct netwatch *n = arg;
	char buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool changed = false;
	ssize_t size;
	(void)flags;

	while ((size = recv(n->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		changed |= holds_change(buf, (size_t)size);
	/* more than the socket held: something has changed, too */
	changed |= size < 0 && errno == ENOBUFS;
	if (changed && !tmr_isrunning(&n->tmr))
		tmr_start(&n->tmr, SETTLE_MS, settled, n);
}

int netwatch_alloc(struct netwatch **np, netwatch_h *handler, void *arg)
{
	const struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	struct netwatch *n = mem_zalloc(sizeof(*n), NULL);
	int err = 0;

	if (!n)
		return ENOMEM;
	tmr_init(&n->tmr);
	n->handler = handler;
	n->arg = arg;
	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       NETLINK_ROUTE);
	if (n->fd < 0 ||
	    bind(n->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = errno;
	if (!err)
		err = fd_listen(n->fd, FD_READ, on_readable, n);
	if (err)
		netwatch_free(n);
	else
		*np = n;
	return err;
}

void netwatch_free(struct netwatch *n)
{
	if (!n)
		return;
	tmr_cancel(&n->tmr);
	if (n->fd >= 0) {
		fd_close(n->fd);
		(void)close(n->fd);
	}
	mem_deref(n);
}
