/* net.c -- UDP on IPv4 for the load */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/net.h"

enum { SOCKET_BUFFER = 32 << 20 };

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

bool address_read(struct sockaddr_in *addr, const char *text)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	long port = colon ? strtol(colon + 1, NULL, 10) : -1;

	memset(addr, 0, sizeof(*addr));
	addr->sin_family = AF_INET;
	if (port < 0 || port > 65535 || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	addr->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &addr->sin_addr) == 1;
}

/* As much as we may: FORCE needs privileges. */
static void enlarge(int fd, int force, int plain)
{
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

int udp_open(struct sockaddr_in *addr, bool stamped)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*addr);
	int on = stamped;

	if (fd < 0 || bind(fd, (struct sockaddr *)addr, sizeof(*addr)) ||
	    getsockname(fd, (struct sockaddr *)addr, &len) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)))
		die("UDP port %u: %s", ntohs(addr->sin_port), strerror(errno));
	enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	return fd;
}

void batch_init(struct batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *h = &batch->headers[i].msg_hdr;

		batch->iov[i].iov_base = batch->bytes[i];
		h->msg_iov = &batch->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = &batch->peers[i];
		h->msg_namelen = sizeof(batch->peers[i]);
	}
}

void batch_receive(struct batch *batch, int fd)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *h = &batch->headers[i].msg_hdr;

		/* Room for a NUL behind it. */
		batch->iov[i].iov_len = BATCH_BYTES - 1;
		h->msg_namelen = sizeof(batch->peers[i]);
		h->msg_control = batch->control[i];
		h->msg_controllen = sizeof(batch->control[i]);
	}
	n = recvmmsg(fd, batch->headers, BATCH, MSG_DONTWAIT, NULL);
	batch->count = n > 0 ? (unsigned)n : 0;
}

uint64_t batch_stamp_ns(struct batch *batch, unsigned i)
{
	struct msghdr *h = &batch->headers[i].msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return 0;
}

uint8_t *batch_add(struct batch *batch, int fd, const struct sockaddr_in *peer,
		   size_t len)
{
	unsigned i;

	if (batch->count == BATCH)
		(void)batch_send(batch, fd);
	i = batch->count++;
	batch->peers[i] = *peer;
	batch->iov[i].iov_len = len;
	return batch->bytes[i];
}

unsigned batch_send(struct batch *batch, int fd)
{
	unsigned at = 0, refused = 0;

	while (at < batch->count) {
		int n = sendmmsg(fd, batch->headers + at, batch->count - at,
				 MSG_NOSIGNAL);

		/* The error is the first one's: a port that has closed, say. */
		if (n <= 0) {
			refused++;
			n = 1;
		}
		at += (unsigned)n;
	}
	batch->count = 0;
	return refused;
}
