/* flood.c -- requests from one address, as fast as asked
 *
 *   flood --target ADDR:PORT --from ADDR [--method INVITE] [--rate 5000]
 *         [--seconds 10] [--tcp]
 *
 * Over UDP from one socket, 64 at a time; over TCP on one connection, opened
 * again whenever it is closed. Each request is a call, a registration of its
 * own. Ends with one JSON object: what was sent, and what came back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/net.h"

enum { REQUEST_MAX = 1500, STATUSES = 700, TCP_OPEN_EVERY_NS = 1000000 };

static struct sockaddr_in target, own;
static const char *method = "INVITE";
static double rate = 5000, seconds = 10;
static bool tcp;
static struct batch in, out;
static char ip[INET_ADDRSTRLEN];

static uint64_t sent, answers, retry_after, opened, closed;
static uint64_t statuses[STATUSES];

static size_t request_write(char *text, uint64_t n)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
				  "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				  "m=audio 9 RTP/AVP 0\r\n";
	const bool invite = !strcmp(method, "INVITE");
	const char *transport = tcp ? "TCP" : "UDP";
	const unsigned port = ntohs(own.sin_port);

	return (size_t)snprintf(
		text, REQUEST_MAX,
		"%s sip:%ju@127.0.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/%s %s:%u;branch=z9hG4bKf%ju;rport\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:flood@%s>;tag=f%ju\r\n"
		"To: <sip:%ju@127.0.0.1>\r\n"
		"Call-ID: %ju-%d@%s\r\n"
		"CSeq: 1 %s\r\n"
		"Contact: <sip:flood@%s:%u>\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, (uintmax_t)n, transport, ip, port, (uintmax_t)n, ip,
		(uintmax_t)n, (uintmax_t)n, (uintmax_t)n, (int)getpid(), ip,
		method, ip, port,
		invite ? "Content-Type: application/sdp\r\n" : "",
		invite ? sizeof(sdp) - 1 : (size_t)0, invite ? sdp : "");
}

static void answer_count(const char *text, size_t len)
{
	unsigned status;

	if (len < 12 || memcmp(text, "SIP/2.0 ", 8) != 0)
		return;
	status = (unsigned)atoi(text + 8);
	answers++;
	if (status < STATUSES)
		statuses[status]++;
	retry_after += memmem(text, len, "Retry-After:", 12) != NULL;
}

/* ---- UDP ---------------------------------------------------------------- */

static void udp_take(int fd)
{
	do {
		batch_receive(&in, fd);
		for (unsigned i = 0; i < in.count; i++)
			answer_count((char *)in.bytes[i],
				     in.headers[i].msg_len);
	} while (in.count == BATCH);
}

static void udp_put(int fd)
{
	char text[REQUEST_MAX];
	const size_t len = request_write(text, sent++);

	memcpy(batch_add(&out, fd, &target, len), text, len);
}

/* ---- TCP ---------------------------------------------------------------- */

static int tcp_fd = -1;

static void tcp_close(void)
{
	if (tcp_fd < 0)
		return;
	close(tcp_fd);
	tcp_fd = -1;
	closed++;
}

static bool tcp_ready(void)
{
	static uint64_t last_ns;
	const uint64_t now = now_ns();
	struct sockaddr_in local = own;
	socklen_t size = sizeof(own);

	if (tcp_fd >= 0)
		return true;
	if (now - last_ns < TCP_OPEN_EVERY_NS)
		return false;
	last_ns = now;
	local.sin_port = 0;
	tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (tcp_fd < 0 ||
	    bind(tcp_fd, (struct sockaddr *)&local, sizeof(local)) ||
	    connect(tcp_fd, (struct sockaddr *)&target, sizeof(target)) ||
	    getsockname(tcp_fd, (struct sockaddr *)&own, &size) ||
	    fcntl(tcp_fd, F_SETFL, O_NONBLOCK)) {
		if (tcp_fd >= 0)
			close(tcp_fd);
		tcp_fd = -1;
		return false;
	}
	opened++;
	return true;
}

static void tcp_put(void)
{
	char text[REQUEST_MAX];
	size_t len, at = 0;

	sent++; /* asked for, at least: a closed door is a lost try */
	if (!tcp_ready())
		return;
	len = request_write(text, sent);
	while (at < len) {
		ssize_t n = send(tcp_fd, text + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = tcp_fd, .events = POLLOUT};

			if (poll(&p, 1, 100) == 1 && !(p.revents & POLLERR))
				continue;
		}
		if (n < 0) {
			tcp_close();
			return;
		}
		at += (size_t)n;
	}
}

static void tcp_take(void)
{
	static char text[65536];
	const char *p = text, *next;
	ssize_t n;

	if (tcp_fd < 0)
		return;
	n = recv(tcp_fd, text, sizeof(text), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		tcp_close();
	/* Those that begin in this piece; none is missed but the cut ones. */
	while (n > 12 &&
	       (next = memmem(p, (size_t)(text + n - p), "SIP/2.0 ", 8))) {
		const char *end =
			memmem(next, (size_t)(text + n - next), "\r\n\r\n", 4);

		answer_count(next, (size_t)((end ? end : text + n) - next));
		p = next + 8;
	}
}

/* ---- both --------------------------------------------------------------- */

static void options_read(int argc, char *argv[])
{
	static const struct option options[] = {
		{"target", required_argument, NULL, 't'},
		{"from", required_argument, NULL, 'f'},
		{"method", required_argument, NULL, 'm'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"tcp", no_argument, NULL, 'c'},
		{0},
	};
	char from[64] = "127.0.0.1:0";
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			if (!address_read(&target, optarg))
				die("--target: no ADDRESS:PORT");
			break;
		case 'f':
			(void)snprintf(from, sizeof(from), "%s:0", optarg);
			break;
		case 'm':
			method = optarg;
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'c':
			tcp = true;
			break;
		default:
			exit(2);
		}
	}
	if (!address_read(&own, from))
		die("--from: no address");
	(void)inet_ntop(AF_INET, &own.sin_addr, ip, sizeof(ip));
}

static void print_result(double took)
{
	const char *comma = "";

	printf("{\"sent\": %ju, \"answers\": %ju, \"retry_after\": %ju, "
	       "\"opened\": %ju, \"closed\": %ju, \"seconds\": %.2f, "
	       "\"statuses\": {",
	       (uintmax_t)sent, (uintmax_t)answers, (uintmax_t)retry_after,
	       (uintmax_t)opened, (uintmax_t)closed, took);
	for (unsigned i = 0; i < STATUSES; i++) {
		if (!statuses[i])
			continue;
		printf("%s\"%u\": %ju", comma, i, (uintmax_t)statuses[i]);
		comma = ", ";
	}
	printf("}}\n");
}

int main(int argc, char *argv[])
{
	uint64_t begin, now;
	int fd = -1;

	options_read(argc, argv);
	batch_init(&in);
	batch_init(&out);
	if (!tcp)
		fd = udp_open(&own, false);
	begin = now = now_ns();
	while ((double)(now - begin) < seconds * 1e9) {
		const double since = (double)(now - begin) / 1e9;
		struct pollfd pfd = {.fd = tcp ? tcp_fd : fd, .events = POLLIN};
		uint64_t due = (uint64_t)(since * rate);

		/* what could not be sent in time is left out */
		if (due > sent + BATCH)
			due = sent + BATCH;
		while (sent < due) {
			if (tcp)
				tcp_put();
			else
				udp_put(fd);
		}
		if (tcp) {
			tcp_take();
		} else {
			(void)batch_send(&out, fd);
			udp_take(fd);
		}
		(void)poll(&pfd, 1, 1);
		now = now_ns();
	}
	print_result((double)(now - begin) / 1e9);
	return 0;
}
