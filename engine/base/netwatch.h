/* netwatch.h -- told when this machine's addresses or routes change
 *
 * A netlink socket (rtnetlink(7)) on the loop of this thread. What changes
 * together is told once, half a second after it began: a network that goes and
 * comes is many changes.
 */
#ifndef MOONDIAL_BASE_NETWATCH_H
#define MOONDIAL_BASE_NETWATCH_H

struct netwatch;

typedef void(netwatch_h)(void *arg);

/* errno: the system has no such sockets, or doesn't permit them. ENOMEM. */
int netwatch_alloc(struct netwatch **np, netwatch_h *handler, void *arg);
void netwatch_free(struct netwatch *netwatch);

#endif
