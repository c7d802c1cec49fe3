/* rtp_socket.h -- a stream's UDP sockets: one system call a packet
 *
 * The two system calls of a packet are most of what it costs, so they are made
 * as cheap as the kernel lets them be: without libc's cancellation points
 * (which cost an atomic exchange each in a program with threads), and on a
 * connected socket once the peer is certain, which saves the kernel its search
 * for a route, and keeps packets of anyone else out of the socket's queue.
 *
 * Functions on descriptors, without state; the thread that owns the stream.
 */
#ifndef MOONDIAL_MEDIA_RTP_SOCKET_H
#define MOONDIAL_MEDIA_RTP_SOCKET_H

#include <re.h>

enum {
	RTP_SOCKET_BYTES = 1500, /* of a packet; longer ones are cut */
};

/* How far CLOCK_REALTIME, by which the kernel stamps packets, is ahead of
 * CLOCK_MONOTONIC now. Taken anew for each millisecond's streams: the wall
 * clock may be set. */
int64_t rtp_socket_wall_ns(void);

/* The next packet into BUF (RTP_SOCKET_BYTES). ARRIVAL_NS: when the kernel got
 * it, on CLOCK_MONOTONIC, or NOW_NS when it doesn't tell. SRC: NULL when
 * it is known. False: none is there. */
bool rtp_socket_receive(int fd, void *buf, size_t *len, struct sa *src,
			uint64_t *arrival_ns, uint64_t now_ns, int64_t wall_ns);

/* Never waits. TO: NULL on a connected socket. errno; EAGAIN: the socket's
 * buffer is full. */
int rtp_socket_send(int fd, const uint8_t *packet, size_t bytes,
		    const struct sa *to);

/* From now on packets come from PEER only, and go there. What others sent
 * before may still be in the queue. A socket that is bound to any address is
 * refused (EINVAL): the kernel would choose one of them for good. errno. */
int rtp_socket_connect(int fd, const struct sa *peer);

/* Anyone again. Its own address and port stay if they were chosen when it was
 * bound. errno. */
int rtp_socket_disconnect(int fd);

#endif
