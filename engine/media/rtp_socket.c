/* rtp_socket.c -- recvmsg, sendto, connect */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "media/rtp_socket.h"

enum {
	CONTROL_BYTES = 64,
	/* A packet that waited longer is taken as coming now: somebody has set
	 * the clock. */
	WAIT_MAX_S = 60,
	READS_MAX = 5,
	READ_NS = 100000,
};

int64_t rtp_socket_wall_ns(void)
{
	struct timespec ts;
	uint64_t before_ns, after_ns = clock_mono_ns();

	/* Between two clocks that are read one after the other the thread may
	 * lose its core. */
	for (int i = 0; i < READS_MAX; i++) {
		before_ns = after_ns;
		clock_gettime(CLOCK_REALTIME, &ts);
		after_ns = clock_mono_ns();
		if (after_ns - before_ns < READ_NS)
			break;
	}
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec - (int64_t)after_ns;
}

static uint64_t arrival_of(struct msghdr *header, uint64_t now_ns,
			   int64_t wall_ns)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		struct timespec ts;
		int64_t at, age;

		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		at = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec - wall_ns;
		age = (int64_t)now_ns - at;
		if (age > 0 && age < WAIT_MAX_S * INT64_C(1000000000))
			return (uint64_t)at;
	}
	return now_ns;
}

/* An ICMP error of an earlier packet is told once, in place of what was asked
 * for. It says nothing that RTP wants to know: ask again. */
static bool is_told(long n)
{
	return n < 0 && errno == ECONNREFUSED;
}

bool rtp_socket_receive(int fd, void *buf, size_t *len, struct sa *src,
			uint64_t *arrival_ns, uint64_t now_ns, int64_t wall_ns)
{
	uint64_t control[CONTROL_BYTES / sizeof(uint64_t)];
	struct iovec iov = {buf, RTP_SOCKET_BYTES};
	struct msghdr header = {.msg_name = src ? &src->u : NULL,
				.msg_namelen = src ? sizeof(src->u) : 0,
				.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control,
				.msg_controllen = sizeof(control)};
	long n = syscall(SYS_recvmsg, fd, &header, MSG_DONTWAIT);

	if (is_told(n))
		n = syscall(SYS_recvmsg, fd, &header, MSG_DONTWAIT);
	if (n < 0)
		return false;
	if (src)
		src->len = header.msg_namelen;
	*len = (size_t)n;
	*arrival_ns = arrival_of(&header, now_ns, wall_ns);
	return true;
}

int rtp_socket_send(int fd, const uint8_t *packet, size_t bytes,
		    const struct sa *to)
{
	const struct sockaddr *addr = to ? &to->u.sa : NULL;
	socklen_t addr_len = to ? to->len : 0;
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	long n = syscall(SYS_sendto, fd, packet, bytes, flags, addr, addr_len);

	if (is_told(n))
		n = syscall(SYS_sendto, fd, packet, bytes, flags, addr,
			    addr_len);
	return n < 0 ? errno : 0;
}

int rtp_socket_connect(int fd, const struct sa *peer)
{
	struct sa own;

	sa_init(&own, AF_UNSPEC);
	own.len = sizeof(own.u);
	if (getsockname(fd, &own.u.sa, &own.len) < 0)
		return errno;
	if (sa_is_any(&own))
		return EINVAL;
	return connect(fd, &peer->u.sa, peer->len) < 0 ? errno : 0;
}

int rtp_socket_disconnect(int fd)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	return connect(fd, &none, sizeof(none)) < 0 ? errno : 0;
}
