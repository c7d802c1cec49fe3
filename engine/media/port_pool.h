/* port_pool.h -- the ports of RTP that nobody uses
 *
 * Pairs (RTP even, RTCP one above) from a range, in a random order that a
 * stranger can't foresee; the one that has been free for the longest is used
 * next. A pair that another process holds is passed over and tried again when
 * its turn comes. Owned by struct media; loop thread.
 */
#ifndef MOONDIAL_MEDIA_PORT_POOL_H
#define MOONDIAL_MEDIA_PORT_POOL_H

#include <re.h>

struct port_pool;

/* Pairs that lie wholly in PORT_MIN … PORT_MAX. EINVAL: there is none.
 * ENOMEM. */
int port_pool_alloc(struct port_pool **pp, uint16_t port_min,
		    uint16_t port_max);
void port_pool_free(struct port_pool *pool);

/* Bind non-blocking sockets with kernel time stamps at LADDR's address and a
 * free pair; its port becomes that of RTP. FDS: RTP, RTCP, owned by the
 * caller; untouched on failure. EADDRINUSE: no free pair; errno of socket(),
 * bind(). */
int port_pool_bind(struct port_pool *pool, struct sa *laddr, int fds[2]);

/* The sockets of that pair are closed. */
void port_pool_release(struct port_pool *pool, uint16_t rtp_port);

size_t port_pool_free_pairs(const struct port_pool *pool);

#endif
