/* Whose audio a call hears: rtp.latch, as far as calls pass it on to media.
 * The far side is a plain socket, whose SDP names a host that is silent. */
#include <unistd.h>

#include "call_fixture.h"

enum { TICK_MS = 20 };

static struct {
	int sip, stranger, signalled;
	struct tmr tick;
	struct sa rtp; /* where the engine listens; port 0: not known yet */
	struct sa *from;
	uint16_t seq;
	unsigned sent; /* by the one that sends now */
	int sender;    /* −1: nobody */
} far = {.sip = -1};

static int socket_on(const char *host, struct sa *sa)
{
	struct sa bound;
	socklen_t len = sizeof(bound.u);
	int fd;

	assert_int_equal(sa_set_str(&bound, host, 0), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &bound.u.sa, bound.len), 0);
	assert_int_equal(getsockname(fd, &bound.u.sa, &len), 0);
	if (sa)
		*sa = bound;
	return fd;
}

/* The line of REQUEST that begins with NAME. */
static struct pl line_of(const char *request, const char *name)
{
	const char *at = strstr(request, name);
	struct pl line = {NULL, 0};

	assert_non_null(at);
	line.p = at + 2;
	line.l = strcspn(line.p, "\r\n");
	return line;
}

static void far_reply(const char *request, const struct sa *to)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 127.0.0.3\r\ns=-\r\n"
		"c=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
	const struct pl via = line_of(request, "\r\nVia:");
	const struct pl from = line_of(request, "\r\nFrom:");
	const struct pl dst = line_of(request, "\r\nTo:");
	const struct pl id = line_of(request, "\r\nCall-ID:");
	const struct pl cseq = line_of(request, "\r\nCSeq:");
	const bool invite = !strncmp(request, "INVITE", 6);
	char out[2048];
	int n;

	n = re_snprintf(out, sizeof(out),
			"SIP/2.0 200 OK\r\n%r\r\n%r\r\n%r%s\r\n%r\r\n%r\r\n"
			"Contact: <sip:far@%J>\r\n"
			"Content-Type: application/sdp\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			&via, &from, &dst, invite ? ";tag=far" : "", &id, &cseq,
			far.from, invite ? sizeof(sdp) - 1 : (size_t)0,
			invite ? sdp : "");
	assert_int_equal(sendto(far.sip, out, (size_t)n, 0, &to->u.sa, to->len),
			 n);
}

static void far_read(void)
{
	char request[4096];
	struct sa src = {.len = sizeof(src.u)};
	const char *media;
	ssize_t n;

	while ((n = recvfrom(far.sip, request, sizeof(request) - 1, 0,
			     &src.u.sa, &src.len)) > 0) {
		request[n] = '\0';
		media = strstr(request, "m=audio ");
		if (media)
			assert_int_equal(sa_set_str(&far.rtp, "127.0.0.1",
						    (uint16_t)atoi(media + 8)),
					 0);
		if (strncmp(request, "ACK", 3) != 0)
			far_reply(request, &src);
	}
}

static void on_tick(void *arg)
{
	uint8_t packet[12 + 160] = {0x80, 0, (uint8_t)(far.seq >> 8),
				    (uint8_t)far.seq};
	(void)arg;

	tmr_start(&far.tick, TICK_MS, on_tick, NULL);
	far_read();
	if (far.sender < 0 || !sa_port(&far.rtp))
		return;
	far.seq++;
	far.sent++;
	assert_int_equal(sendto(far.sender, packet, sizeof(packet), 0,
				&far.rtp.u.sa, far.rtp.len),
			 sizeof(packet));
}

/* Audio comes to where it is sent from. */
static bool is_heard(int fd)
{
	uint8_t packet[200];

	return recv(fd, packet, sizeof(packet), 0) > 0;
}

static void far_side_answers(enum media_latch latch)
{
	struct sa *sip = mem_zalloc(sizeof(*sip), NULL);
	char target[64];

	a.config.latch = latch;
	assert_int_equal(calls_configure(a.calls, &a.config), 0);
	far.from = sip;
	far.sip = socket_on("127.0.0.1", sip);
	far.signalled = socket_on("127.0.0.3", NULL);
	far.stranger = socket_on("127.0.0.4", NULL);
	far.sender = -1;
	sa_init(&far.rtp, AF_INET);
	on_tick(NULL);
	(void)re_snprintf(target, sizeof(target), "sip:far@%J", sip);
	dial(target);
	WAIT(saw(&a, "answered"));
}

static void far_side_goes(void)
{
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	tmr_cancel(&far.tick);
	close(far.sip);
	close(far.signalled);
	close(far.stranger);
	far.from = mem_deref(far.from);
}

static void send_from(int fd)
{
	far.sender = fd;
	far.sent = 0;
}

static void another_host_is_heard_when_any_may_be(void **state)
{
	(void)state;
	far_side_answers(MEDIA_LATCH_ANY);
	send_from(far.stranger);
	WAIT(is_heard(far.stranger));
	far_side_goes();
	assert_true(a.cdrs[0].stats.rx_packets > 0);
}

static void only_the_signalled_host_is_heard_when_told_so(void **state)
{
	(void)state;
	far_side_answers(MEDIA_LATCH_SIGNALLED);
	/* more than would do for any */
	send_from(far.stranger);
	WAIT(far.sent >= 1500 / TICK_MS);
	assert_false(is_heard(far.stranger));
	send_from(far.signalled);
	WAIT(is_heard(far.signalled));
	far_side_goes();
	assert_true(a.cdrs[0].stats.rx_rejected >= 1500 / TICK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			another_host_is_heard_when_any_may_be, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_the_signalled_host_is_heard_when_told_so, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
