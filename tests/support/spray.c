/* spray.c -- garbage at a steady rate: RTP, RTCP and STUN that are none
 *
 *   spray RATE SECONDS SEED ADDRESS SIP_PORT FIRST_PORT LAST_PORT
 *
 * RATE packets a second go to the ports FIRST to LAST (RTP on even ones, RTCP
 * above), every twentieth to the SIP port as STUN. They come from 64 ports of
 * the address itself and of others. Prints how many were sent, in how long.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SOURCES = 64,
	BATCH = 20, /* for each system call, all from one source */
	PACKET_MAX = 1400,
	STUN_EACH = 20,
	SECOND_NS = 1000000000,
};

struct target {
	struct in_addr address;
	unsigned sip, first, last;
};

static uint64_t dice;

static uint32_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 32);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static void noise(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)roll();
}

/* Right in its first bytes, so that it gets further in. */
static size_t rtp(uint8_t *p)
{
	static const uint8_t types[] = {0, 8, 101, 13, 72, 127, 96, 0x80, 0xe5};
	static const size_t sizes[] = {0,   1,	 4,   8,   12,
				       160, 160, 172, 320, 1300};
	size_t len = 12 + sizes[roll() % 10];

	noise(p, len);
	p[0] = 0x80 | (roll() % 4 ? 0 : (roll() & 0x3f));
	p[1] = types[roll() % sizeof(types)];
	return roll() % 8 ? len : roll() % 12;
}

static size_t rtcp(uint8_t *p)
{
	size_t len = 4 + roll() % 120;

	noise(p, len);
	p[0] = 0x80 | (roll() & 0x3f);
	p[1] = (uint8_t)(199 + roll() % 9);
	if (roll() % 2) { /* a length that is true */
		p[2] = 0;
		p[3] = (uint8_t)(len / 4 - 1);
		len = len / 4 * 4;
	}
	return len;
}

static size_t stun(uint8_t *p)
{
	static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
	size_t len = 20 + roll() % 80 / 4 * 4;

	noise(p, len);
	p[0] = roll() & 3;
	p[1] = roll() % 2 ? 1 : (uint8_t)roll();
	p[2] = 0;
	p[3] = (uint8_t)(roll() % 3 ? len - 20 : roll());
	if (roll() % 4)
		memcpy(p + 4, cookie, sizeof(cookie));
	return roll() % 8 ? len : roll() % 20 + 1;
}

static unsigned make(uint8_t *p, size_t *len, const struct target *target,
		     unsigned n)
{
	unsigned port =
		target->first + roll() % (target->last - target->first + 1);

	if (n % STUN_EACH == 0) {
		*len = stun(p);
		return target->sip;
	}
	switch (roll() % 8) {
	case 0:
		*len = roll() % PACKET_MAX;
		noise(p, *len);
		break;
	case 1:
		*len = stun(p);
		break;
	default:
		*len = port & 1 ? rtcp(p) : rtp(p);
	}
	return port;
}

static int source(unsigned i, const struct target *target)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	/* the address itself, and its neighbours on loopback */
	a.sin_addr.s_addr =
		i % 2 ? htonl(INADDR_LOOPBACK + 1 + i) : target->address.s_addr;
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int send_batch(int fd, const struct target *target, unsigned *n)
{
	static uint8_t packets[BATCH][PACKET_MAX];
	struct sockaddr_in to[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msgs[BATCH];

	memset(to, 0, sizeof(to));
	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < BATCH; i++) {
		to[i].sin_family = AF_INET;
		to[i].sin_addr = target->address;
		to[i].sin_port = htons((uint16_t)make(
			packets[i], &iov[i].iov_len, target, (*n)++));
		iov[i].iov_base = packets[i];
		msgs[i].msg_hdr.msg_name = &to[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(to[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(fd, msgs, BATCH, 0);
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / SECOND_NS),
			      .tv_nsec = (long)(ns % SECOND_NS)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
	       EINTR)
		;
}

int main(int argc, char *argv[])
{
	struct target target;
	int fds[SOURCES];
	uint64_t begun, end, rate, sent = 0;
	unsigned n = 0;

	if (argc != 8 || !inet_aton(argv[4], &target.address)) {
		fprintf(stderr, "usage: spray RATE SECONDS SEED ADDRESS "
				"SIP_PORT FIRST_PORT LAST_PORT\n");
		return 2;
	}
	rate = strtoull(argv[1], NULL, 10);
	dice = strtoull(argv[3], NULL, 10) * 2 + 1;
	target.sip = (unsigned)atoi(argv[5]);
	target.first = (unsigned)atoi(argv[6]);
	target.last = (unsigned)atoi(argv[7]);
	for (unsigned i = 0; i < SOURCES; i++) {
		fds[i] = source(i, &target);
		if (fds[i] < 0) {
			perror("spray: bind");
			return 1;
		}
	}
	begun = now_ns();
	end = begun + strtoull(argv[2], NULL, 10) * SECOND_NS;
	for (uint64_t due = begun; due < end;
	     due = begun + n * (uint64_t)SECOND_NS / rate) {
		int err;

		sleep_until(due);
		err = send_batch(fds[n / BATCH % SOURCES], &target, &n);
		sent += err > 0 ? (uint64_t)err : 0;
	}
	printf("%llu packets in %.3f s\n", (unsigned long long)sent,
	       (double)(now_ns() - begun) / SECOND_NS);
	return 0;
}
