/* floor.c -- bench_floor: nothing but the socket calls of a workload
 *
 *   bench_floor rtp --local ADDR:PORT --streams N
 *       N sockets (PORT, PORT + 2, …), on each of them one packet received
 *       and one sent every 20 ms, spread over the 20 ms
 *   bench_floor sip --local ADDR:PORT
 *       INVITE received, an RTP and an RTCP socket opened and bound, 200
 *       sent, ACK and BYE received, the sockets closed, 200 sent
 *
 * In the engine's place, measured like it: the least that a program can cost
 * that uses plain sockets, one system call a packet. Answers are the requests'
 * own bytes behind another first line: no parsing. Ends by a signal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "bench/net.h"

enum {
	SLOTS = 20, /* ms */
	SLOT_NS = 1000000,
	PACKET = 12 + 160,
	SAMPLES = 160,
	PAIRS = 32768,
};

struct stream {
	int fd;
	struct sockaddr_in peer; /* port 0: not known yet */
	uint16_t seq;
	uint32_t ts;
};

static void sleep_until(uint64_t at_ns)
{
	struct timespec ts = {(time_t)(at_ns / 1000000000),
			      (long)(at_ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
	       EINTR)
		;
}

/* Whoever sends first is the peer. */
static void receive(struct stream *stream)
{
	uint8_t buf[BATCH_BYTES];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	if (recvfrom(stream->fd, buf, sizeof(buf), MSG_DONTWAIT,
		     (struct sockaddr *)&from, &len) > 0 &&
	    !stream->peer.sin_port)
		stream->peer = from;
}

static void send_one(struct stream *stream)
{
	uint8_t packet[PACKET] = {0x80};
	uint16_t seq = htons(stream->seq++);
	uint32_t ts = htonl(stream->ts);

	stream->ts += SAMPLES;
	if (!stream->peer.sin_port)
		return;
	memcpy(packet + 2, &seq, sizeof(seq));
	memcpy(packet + 4, &ts, sizeof(ts));
	memset(packet + 12, 0xff, SAMPLES);
	(void)!sendto(stream->fd, packet, sizeof(packet), MSG_DONTWAIT,
		      (struct sockaddr *)&stream->peer, sizeof(stream->peer));
}

static _Noreturn void run_rtp(struct sockaddr_in local, unsigned count)
{
	struct stream *streams = calloc(count, sizeof(*streams));
	unsigned port = ntohs(local.sin_port);
	uint64_t next = now_ns();

	if (!streams)
		die("out of memory");
	for (unsigned i = 0; i < count; i++) {
		local.sin_port = htons((uint16_t)(port + 2 * i));
		streams[i].fd = udp_open(&local, false);
	}
	puts("ready");
	fflush(stdout);
	for (unsigned slot = 0;; slot = (slot + 1) % SLOTS) {
		next += SLOT_NS;
		sleep_until(next);
		for (unsigned i = slot; i < count; i += SLOTS) {
			receive(&streams[i]);
			send_one(&streams[i]);
		}
	}
}

static int bound(struct sockaddr_in addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	addr.sin_port = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("RTP port: %s", strerror(errno));
	return fd;
}

static void answer(int fd, const char *request, size_t len,
		   const struct sockaddr_in *peer)
{
	static const char line[] = "SIP/2.0 200 OK\r\n";
	char out[BATCH_BYTES + sizeof(line)];
	const char *rest = memchr(request, '\n', len);
	size_t n;

	if (!rest)
		return;
	n = len - (size_t)(++rest - request);
	memcpy(out, line, sizeof(line) - 1);
	memcpy(out + sizeof(line) - 1, rest, n);
	(void)!sendto(fd, out, sizeof(line) - 1 + n, MSG_DONTWAIT,
		      (const struct sockaddr *)peer, sizeof(*peer));
}

static _Noreturn void run_sip(struct sockaddr_in local)
{
	static int pairs[PAIRS][2];
	size_t head = 0, tail = 0;
	int fd = udp_open(&local, false);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	puts("ready");
	fflush(stdout);
	for (;;) {
		char request[BATCH_BYTES];
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		ssize_t n = recvfrom(fd, request, sizeof(request), MSG_DONTWAIT,
				     (struct sockaddr *)&peer, &len);

		if (n <= 0) {
			(void)poll(&pfd, 1, -1);
			continue;
		}
		if (*request == 'I') {
			pairs[tail % PAIRS][0] = bound(local);
			pairs[tail++ % PAIRS][1] = bound(local);
		} else if (*request == 'B' && head != tail) {
			close(pairs[head % PAIRS][0]);
			close(pairs[head++ % PAIRS][1]);
		}
		if (*request != 'A')
			answer(fd, request, (size_t)n, &peer);
	}
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"local", required_argument, NULL, 'l'},
		{"streams", required_argument, NULL, 'S'},
		{0},
	};
	struct sockaddr_in local;
	struct rlimit files;
	unsigned streams = 1;
	int opt;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)address_read(&local, "127.0.0.1:0");
	while ((opt = getopt_long(argc - 1, argv + 1, "", options, NULL)) !=
	       -1) {
		if (opt == 'l' && address_read(&local, optarg))
			continue;
		if (opt != 'S')
			die("--local ADDR:PORT, --streams N");
		streams = (unsigned)atoi(optarg);
	}
	if (argc > 1 && !strcmp(argv[1], "rtp"))
		run_rtp(local, streams);
	if (argc > 1 && !strcmp(argv[1], "sip"))
		run_sip(local);
	die("rtp or sip?");
}
