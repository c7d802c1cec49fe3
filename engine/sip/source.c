/* source.c -- which of our addresses a peer sees
 *
 * libre sends everything from its first listener of a family, and writes a
 * wildcard listener's 0.0.0.0 into Via and Contact.
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
	return sa_af(&listen->addr) == af &&
	       (tp == SIP_TRANSP_NONE || listen->tp == tp);
}

int stack_source(const struct stack *stack, enum sip_transp tp,
		 const struct sa *dst, struct sa *laddr, size_t *index)
{
	const int af = sa_af(dst);
	const struct stack_listen *best = NULL;
	int best_rank = -1;
	struct sa route;
	size_t count = 0;
	bool routed;

	for (size_t i = 0; i < stack->listen_count; i++) {
		if (fits(&stack->listens[i], tp, af)) {
			best = &stack->listens[i];
			count++;
		}
	}
	if (!count)
		return EAFNOSUPPORT;

	/* The usual single listener needs no system calls. */
	routed = (count > 1 || sa_is_any(&best->addr)) &&
		 !route_source(dst, &route);
	for (size_t i = 0; routed && i < stack->listen_count; i++) {
		const struct stack_listen *listen = &stack->listens[i];
		int rank = sa_cmp(&listen->addr, &route, SA_ADDR) ? 2
			   : sa_is_any(&listen->addr)		  ? 1
								  : 0;

		if (fits(listen, tp, af) && rank > best_rank) {
			best = listen;
			best_rank = rank;
		}
	}
	*laddr = best->addr;
	if (routed && sa_is_any(laddr)) {
		sa_set_port(&route, sa_port(laddr));
		*laddr = route;
	}
	if (index)
		*index = (size_t)(best - stack->listens);
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
	if (sa_is_any(laddr))
		(void)stack_source(stack, msg->tp, &msg->src, laddr, NULL);
	/* A TCP connection that we opened has a passing port of its own. */
	if (msg->tp == SIP_TRANSP_TCP) {
		struct sa listener;

		if (!stack_source(stack, msg->tp, &msg->src, &listener, NULL))
			sa_set_port(laddr, sa_port(&listener));
	}
}
