/* net.h -- UDP on IPv4 for the load: sockets, clock, packets in batches
 *
 * The load must cost little beside the engine, so it receives and sends many
 * packets with one system call, over as few sockets as it can.
 */
#ifndef MOONDIAL_BENCH_NET_H
#define MOONDIAL_BENCH_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { BATCH = 64, BATCH_BYTES = 2048 };

/* CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* "127.0.0.1:5060" → ADDR. False: it is none. */
bool address_read(struct sockaddr_in *addr, const char *text);

/* A non-blocking socket at ADDR (port 0: any; *ADDR then says which), with
 * large buffers. STAMPED: the kernel notes when packets came. Ends the program
 * with a message when it can't be had. */
int udp_open(struct sockaddr_in *addr, bool stamped);

/* Packets received, or to be sent. */
struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in peers[BATCH];
	uint64_t control[BATCH][8];
	uint8_t bytes[BATCH][BATCH_BYTES];
	unsigned count;
};

void batch_init(struct batch *batch);

/* Up to BATCH packets that are there; COUNT says how many. */
void batch_receive(struct batch *batch, int fd);

/* When the kernel got packet I, on CLOCK_REALTIME in ns; 0: not known. */
uint64_t batch_stamp_ns(struct batch *batch, unsigned i);

/* Add a packet to be sent to PEER; full ones go out. Returns its bytes. */
uint8_t *batch_add(struct batch *batch, int fd, const struct sockaddr_in *peer,
		   size_t len);
/* Send what was added. Returns how many the kernel refused. */
unsigned batch_send(struct batch *batch, int fd);

/* "bench: …" on standard error, and the end. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
