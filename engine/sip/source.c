/* source.c -- which of our addresses a peer sees
 *
 * libre sends everything from its first listener of a family, whatever the
 * route to the peer is.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sip/stack_private.h"

/* The source address that the kernel would choose; no packet is sent. */
static int route_source(const struct sa *dst, struct sa *src)
{
	struct sa to = *dst;
	int err = 0;
	int fd = socket(sa_af(dst), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (!sa_port(&to))
		sa_set_port(&to, SIP_PORT);
	src->len = sizeof(src->u);
	if (connect(fd, &to.u.sa, to.len) < 0 ||
	    getsockname(fd, &src->u.sa, &src->len) < 0)
		err = errno;
	close(fd);
	return err;
}

static bool fits(const struct stack_listen *listen, enum sip_transp tp, int af)
{
	return !listen->gone && sa_af(&listen->addr) == af &&
	       (tp == SIP_TRANSP_NONE || listen->tp == tp);
}

int stack_source(const struct stack *stack, enum sip_transp tp,
		 const struct sa *dst, struct sa *laddr, size_t *index)
{
	const int af = sa_af(dst);
	const struct stack_listen *best = NULL;
	struct sa route;
	size_t count = 0;

	for (size_t i = stack->listen_count; i-- > 0;) {
		if (fits(&stack->listens[i], tp, af)) {
			best = &stack->listens[i];
			count++;
		}
	}
	if (!count)
		return EAFNOSUPPORT;

	*laddr = best->addr;
	if (index)
		*index = (size_t)(best - stack->listens);
	/* The usual single listener needs no system calls. */
	if (count == 1 || route_source(dst, &route))
		return 0;
	for (size_t i = 0; i < stack->listen_count; i++) {
		const struct stack_listen *listen = &stack->listens[i];

		if (!fits(listen, tp, af) ||
		    !sa_cmp(&listen->addr, &route, SA_ADDR))
			continue;
		*laddr = listen->addr;
		if (index)
			*index = i;
		return 0;
	}
	return 0;
}

int stack_media_addr(const struct stack *stack, const struct sa *dst,
		     struct sa *laddr)
{
	int err;

	if (!stack || !dst || !laddr)
		return EINVAL;
	err = stack_source(stack, SIP_TRANSP_NONE, dst, laddr, NULL);
	if (!err)
		sa_set_port(laddr, 0);
	return err;
}

void stack_contact_addr(const struct stack *stack, const struct sip_msg *msg,
			struct sa *laddr)
{
	*laddr = msg->dst;
	/* A TCP connection that we opened has a passing port of its own. */
	if (msg->tp == SIP_TRANSP_TCP) {
		struct sa listener;

		if (!stack_source(stack, msg->tp, &msg->src, &listener, NULL))
			sa_set_port(laddr, sa_port(&listener));
	}
}
