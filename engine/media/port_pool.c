/* port_pool.c -- a queue of free ports, and how their sockets are made */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/metrics.h"
#include "media/port_pool.h"

enum {
	DSCP_EF = 46 << 2, /* RFC 3246, for audio by RFC 4594 4.1 */
};

METRIC(rtp_ports_taken, "port pairs passed over: held by another process");

struct port_pool {
	uint16_t *ports; /* a ring of all pairs, the free ones from head */
	size_t size, head, count;
};

/* Fisher-Yates. */
static void shuffle(uint16_t *ports, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		uint32_t r = 0;
		size_t k;
		uint16_t port;

		if (getrandom(&r, sizeof(r), GRND_NONBLOCK) < 0)
			return;
		k = r % i;
		port = ports[i - 1];
		ports[i - 1] = ports[k];
		ports[k] = port;
	}
}

int port_pool_alloc(struct port_pool **pp, uint16_t port_min, uint16_t port_max)
{
	struct port_pool *pool;
	uint32_t first = (port_min + 1u) & ~1u;

	if (!first || first + 1 > port_max)
		return EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return ENOMEM;
	pool->size = (port_max - first + 1) / 2;
	pool->ports = calloc(pool->size, sizeof(*pool->ports));
	if (!pool->ports) {
		free(pool);
		return ENOMEM;
	}
	for (size_t i = 0; i < pool->size; i++)
		pool->ports[i] = (uint16_t)(first + 2 * i);
	pool->count = pool->size;
	shuffle(pool->ports, pool->size);
	*pp = pool;
	return 0;
}

void port_pool_free(struct port_pool *pool)
{
	if (!pool)
		return;
	free(pool->ports);
	free(pool);
}

static int bind_one(int *fdp, const struct sa *laddr, uint16_t port)
{
	static const int on = 1, tos = DSCP_EF;
	struct sa sa = *laddr;
	int fd, err;

	sa_set_port(&sa, port);
	fd = socket(sa_af(&sa), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	/* Best effort: without them arrival is when we read, and routers
	 * treat audio as any traffic. */
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (sa_af(&sa) == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (bind(fd, &sa.u.sa, sa.len) < 0) {
		err = errno;
		close(fd);
		return err;
	}
	*fdp = fd;
	return 0;
}

static int bind_pair(const struct sa *laddr, uint16_t port, int fds[2])
{
	int rtp = -1, err = bind_one(&rtp, laddr, port);

	if (err)
		return err;
	err = bind_one(&fds[1], laddr, (uint16_t)(port + 1));
	if (err)
		close(rtp);
	else
		fds[0] = rtp;
	return err;
}

int port_pool_bind(struct port_pool *pool, struct sa *laddr, int fds[2])
{
	for (size_t tries = pool->count; tries; tries--) {
		uint16_t port = pool->ports[pool->head];
		int err = bind_pair(laddr, port, fds);

		pool->head = (pool->head + 1) % pool->size;
		pool->count--;
		if (!err) {
			sa_set_port(laddr, port);
			return 0;
		}
		port_pool_release(pool, port);
		if (err != EADDRINUSE)
			return err;
		metric_add(&rtp_ports_taken, 1);
	}
	return EADDRINUSE;
}

void port_pool_release(struct port_pool *pool, uint16_t rtp_port)
{
	assert(pool->count < pool->size);
	pool->ports[(pool->head + pool->count++) % pool->size] = rtp_port;
}

size_t port_pool_free_pairs(const struct port_pool *pool)
{
	return pool->count;
}
