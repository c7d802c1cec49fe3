/* test_stream.c -- single ticks of a stream, with time as an argument */
#include "line_fixture.h"
#include "media/stream.h"

/* A stream without a worker, towards a plain socket. */
struct bench {
	struct stream_env env;
	struct mailbox *in, *out;
	struct stream *stream;
	struct peer peer;
	struct media_params params;
	uint64_t now_ns;
};

/* Bound to a port that was asked for, as those of the pool are: only then the
 * kernel leaves it when a connection is undone. */
static int bound_socket(void)
{
	struct sa sa;
	int fd = peer_socket(&sa, "127.0.0.1");

	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, &sa.u.sa, sa.len), 0);
	return fd;
}

static int bench_open(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct sa sa;
	int fds[2];

	assert_non_null(b);
	peer_open(&b->peer, "127.0.0.1");
	assert_int_equal(mailbox_alloc(&b->in), 0);
	assert_int_equal(mailbox_alloc(&b->out), 0);
	stream_env_init(&b->env, b->in, b->out);
	fds[0] = bound_socket();
	fds[1] = peer_socket(&sa, "127.0.0.1");
	assert_int_equal(stream_alloc(&b->stream, fds), 0);
	b->stream->env = &b->env;
	b->params = line_params(&b->peer);
	b->now_ns = clock_mono_ns();
	assert_true(stream_set(b->stream, &b->params, b->now_ns));
	*state = b;
	return 0;
}

static void release(struct mail *mail, void *arg)
{
	(void)arg;
	free(mail);
}

static int bench_close(void **state)
{
	struct bench *b = *state;

	stream_env_flush(&b->env);
	stream_free(b->stream);
	mailbox_free(b->in, release, NULL);
	mailbox_free(b->out, release, NULL);
	peer_close(&b->peer);
	free(b);
	return 0;
}

static uint32_t tick(struct bench *b, uint32_t behind_ms)
{
	b->now_ns += 20000000;
	return stream_tick(b->stream, b->now_ns, behind_ms);
}

static void wait_packets(struct bench *b, size_t n)
{
	struct pollfd fd = {b->peer.rtp, POLLIN, 0};

	while (b->peer.in_count < n) {
		assert_int_equal(poll(&fd, 1, LINE_WAIT_MS), 1);
		peer_read(&b->peer);
	}
}

static void a_little_behind_is_made_up_for(void **state)
{
	struct bench *b = *state;

	for (uint32_t behind = 0; behind <= STREAM_CATCH_UP_MS; behind += 20)
		assert_int_equal(tick(b, behind), 0);
	wait_packets(b, 6);
	for (int i = 1; i < 6; i++)
		assert_int_equal(packet_ts(&b->peer.in[i]) -
					 packet_ts(&b->peer.in[i - 1]),
				 160);
}

static void a_standstill_is_a_gap_and_no_burst(void **state)
{
	struct bench *b = *state;

	tick(b, 0);
	assert_int_equal(tick(b, 1010), 1000);
	tick(b, 10);
	wait_packets(b, 3);
	assert_int_equal(b->peer.in_count, 3);
	assert_int_equal(packet_ts(&b->peer.in[1]) - packet_ts(&b->peer.in[0]),
			 160 + 8000);
	assert_int_equal(packet_seq(&b->peer.in[1]),
			 (uint16_t)(packet_seq(&b->peer.in[0]) + 1));
	assert_int_equal(b->peer.in[1].buf[1] >> 7, 1);
	assert_int_equal(b->peer.in[2].buf[1] >> 7, 0);
}

static void an_odd_ptime_is_brought_within_what_we_send(void **state)
{
	static const uint16_t asked[] = {0, 5, 14, 25, 60, 200};
	static const uint16_t sent[] = {20, 10, 10, 30, 60, 60};
	struct bench *b = *state;

	for (size_t i = 0; i < 6; i++) {
		b->params.ptime_ms = asked[i];
		stream_set(b->stream, &b->params, b->now_ns);
		assert_int_equal(b->stream->params.ptime_ms, sent[i]);
	}
}

static void digits_faster_than_a_finger_are_dropped(void **state)
{
	struct bench *b = *state;
	struct mail *mail;
	struct sa to;
	socklen_t len = sizeof(to.u);
	size_t digits = 0;

	assert_int_equal(getsockname(b->stream->fd_rtp, &to.u.sa, &len), 0);
	to.len = len;
	/* 120 within a second */
	for (unsigned i = 0; i < 120; i++) {
		b->peer.ts += 800;
		peer_send_event(&b->peer, &to, 1, true, b->peer.ts, 400);
	}
	tick(b, 0);
	stream_env_flush(&b->env);
	while ((mail = mailbox_take(b->out))) {
		while (mail) {
			struct message *m = (struct message *)mail;

			mail = mail->next;
			digits += m->type == MESSAGE_EVENT &&
				  m->u.event.type == MEDIA_DIGIT;
			free(m);
		}
	}
	assert_int_equal(digits, 50);
}

/* Until the stream has looked whether it may connect: a second. */
static void a_second(struct bench *b, const struct sa *to)
{
	for (int i = 0; i < 51; i++) {
		peer_send(&b->peer, to, 160, 0xff);
		tick(b, 0);
	}
}

static struct sa own_address(const struct bench *b)
{
	struct sa sa;
	socklen_t len = sizeof(sa.u);

	assert_int_equal(getsockname(b->stream->fd_rtp, &sa.u.sa, &len), 0);
	sa.len = len;
	return sa;
}

static void a_certain_peer_is_the_only_one_whom_the_kernel_lets_in(void **state)
{
	struct bench *b = *state;
	struct sa to = own_address(b);
	struct peer stranger;

	peer_open(&stranger, "127.0.0.2");
	/* strangers are counted for as long as they come in moderate numbers */
	for (int i = 0; i < 51; i++) {
		peer_send(&stranger, &to, 160, 0x90);
		peer_send(&b->peer, &to, 160, 0xff);
		tick(b, 0);
		tick(b, 0);
	}
	assert_false(b->stream->connected);
	assert_int_equal(b->stream->rx_rejected, 51);
	a_second(b, &to);
	a_second(b, &to);
	assert_true(b->stream->connected);
	for (int i = 0; i < 50; i++)
		peer_send(&stranger, &to, 160, 0x90);
	a_second(b, &to);
	assert_int_equal(b->stream->rx_rejected, 51);
	assert_int_equal(b->stream->rx.packets, 51 + 3 * 51);
	peer_close(&stranger);
}

static void a_flood_is_not_counted_but_kept_out(void **state)
{
	struct bench *b = *state;
	struct sa to = own_address(b);
	struct peer stranger;

	peer_open(&stranger, "127.0.0.2");
	peer_send(&b->peer, &to, 160, 0xff);
	for (int i = 0; i < 61; i++) {
		for (int k = 0; k < 10; k++)
			peer_send(&stranger, &to, 160, 0x90);
		tick(b, 0);
	}
	assert_true(b->stream->connected);
	assert_in_range(b->stream->rx_rejected, 200, 610);
	peer_close(&stranger);
}

static void a_connected_stream_follows_a_new_address(void **state)
{
	struct bench *b = *state;
	struct sa to = own_address(b);
	struct peer old = b->peer;
	struct sa now;

	a_second(b, &to);
	assert_true(b->stream->connected);
	peer_open(&b->peer, "127.0.0.3");
	b->params.raddr = b->peer.sa;
	stream_set(b->stream, &b->params, b->now_ns);
	assert_false(b->stream->connected);
	now = own_address(b);
	assert_true(sa_cmp(&now, &to, SA_ALL));
	peer_send(&old, &to, 160, 0x90); /* too late */
	a_second(b, &to);
	a_second(b, &to);
	assert_true(b->stream->connected);
	assert_int_equal(b->stream->rx_rejected, 1);
	assert_int_equal(b->stream->rx.packets, 3 * 51);
	wait_packets(b, 2 * 51);
	peer_close(&old);
}

/* Its port is closed for a while: ICMP tells, and no packet is left out. */
static void a_connected_stream_outlives_a_refusal(void **state)
{
	struct bench *b = *state;
	struct sa to = own_address(b), at = b->peer.sa;
	uint32_t sent;

	a_second(b, &to);
	assert_true(b->stream->connected);
	close(b->peer.rtp);
	for (int i = 0; i < 20; i++)
		tick(b, 0);
	b->peer.rtp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->peer.rtp, &at.u.sa, at.len), 0);
	sent = b->stream->tx.packets;
	assert_int_equal(sent, 51 + 20);
	b->peer.in_count = 0;
	a_second(b, &to);
	wait_packets(b, 51);
	for (size_t i = 1; i < 51; i++)
		assert_follows(&b->peer.in[i]);
	assert_int_equal(b->stream->rx.packets, 2 * 51);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		TEST(a_little_behind_is_made_up_for),
		TEST(a_standstill_is_a_gap_and_no_burst),
		TEST(an_odd_ptime_is_brought_within_what_we_send),
		TEST(digits_faster_than_a_finger_are_dropped),
		TEST(a_certain_peer_is_the_only_one_whom_the_kernel_lets_in),
		TEST(a_flood_is_not_counted_but_kept_out),
		TEST(a_connected_stream_follows_a_new_address),
		TEST(a_connected_stream_outlives_a_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
