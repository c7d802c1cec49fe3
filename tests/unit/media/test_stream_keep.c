/* test_stream_keep.c -- a NAT's binding is kept open: a real stream and real
 * sockets, in simulated time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mailbox.h"
#include "media/stream.h"

enum { TICK_MS = 20, PACKETS = 4096 };

static struct stream *stream;
static struct stream_env env;
static struct media_params params;
static int peer;
static uint64_t now_ns;

/* What came at the peer: when, in simulated time, and its header. */
static struct {
	uint64_t at_ms;
	size_t len;
	uint8_t buf[400];
} got[PACKETS];
static size_t count;

static int bound(struct sa *sa)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(sa->u);

	assert_true(fd >= 0);
	assert_int_equal(sa_set_str(sa, "127.0.0.1", 0), 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);
	assert_int_equal(getsockname(fd, &sa->u.sa, &len), 0);
	return fd;
}

static void look(void)
{
	ssize_t n;

	while (count < PACKETS && (n = recv(peer, got[count].buf,
					    sizeof(got[count].buf), 0)) >= 0) {
		got[count].at_ms = now_ns / 1000000;
		got[count++].len = (size_t)n;
	}
}

static int setup(void **state)
{
	struct sa rtp, rtcp;
	int fds[2];
	(void)state;

	count = 0;
	now_ns = clock_mono_ns() + UINT64_C(3600) * 1000000000;
	params = (struct media_params){
		.codec = media_codec_find("PCMU"),
		.pt_dtmf_tx = -1,
		.pt_dtmf_rx = -1,
		.ptime_ms = 20,
		.tx = true,
		.rx = true,
	};
	fds[0] = bound(&rtp);
	fds[1] = bound(&rtcp);
	peer = bound(&params.raddr);
	stream_env_init(&env, NULL, NULL);
	assert_int_equal(mailbox_alloc(&env.out), 0);
	assert_int_equal(stream_alloc(&stream, fds), 0);
	stream->env = &env;
	return 0;
}

static int teardown(void **state)
{
	struct media_stats stats;
	(void)state;

	stream_shut(stream, &stats, now_ns);
	stream_free(stream);
	mailbox_free(env.out, NULL, NULL);
	close(peer);
	return 0;
}

static void set(void)
{
	(void)stream_set(stream, &params, now_ns);
	look();
}

static void pass(uint32_t ms)
{
	for (uint32_t t = 0; t < ms; t += TICK_MS) {
		now_ns += (uint64_t)TICK_MS * 1000000;
		stream_env_now(&env);
		(void)stream_tick(stream, now_ns, 0);
		look();
	}
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static uint32_t ts_of(size_t i)
{
	return word(got[i].buf + 4);
}

static uint16_t seq_of(size_t i)
{
	return (uint16_t)(got[i].buf[2] << 8 | got[i].buf[3]);
}

static void hold(bool on)
{
	params.tx = params.rx = !on;
	set();
}

/* ---- keep-alive ----------------------------------------------------- */

static void silence_leaves_within_each_interval(void **state)
{
	static const uint32_t intervals[] = {2000, 2500, 5000, 15000, 60000};
	(void)state;

	set();
	pass(3000);
	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++) {
		const uint32_t ms = intervals[i];
		size_t first;

		hold(true);
		first = count; /* the last one before it was held */
		assert_true(first > 0);
		stream_keep_set(stream, ms, now_ns);
		pass(5 * ms);
		/* no more than it takes, and never a longer gap */
		assert_in_range(count - first, 4, ms < 5000 ? 10 : 7);
		for (size_t p = first; p < count; p++) {
			assert_true(got[p].at_ms - got[p - 1].at_ms <= ms);
			assert_int_equal(got[p].len, RTP_HEADER + 160);
			assert_int_equal(got[p].buf[1] & 0x7f, 0);
			for (size_t b = RTP_HEADER; b < got[p].len; b++)
				assert_int_equal(got[p].buf[b], 0xff);
		}
		hold(false);
		pass(1000);
		count = 0;
		pass(1000);
	}
}

static void on_hold_without_it_nothing_leaves(void **state)
{
	(void)state;
	set();
	pass(1000);
	hold(true);
	count = 0;
	pass(30000);
	assert_int_equal(count, 0);
	/* and it can be switched off again */
	stream_keep_set(stream, 5000, now_ns);
	pass(11000);
	assert_true(count > 0);
	stream_keep_set(stream, 0, now_ns);
	count = 0;
	pass(30000);
	assert_int_equal(count, 0);
}

static void where_audio_flows_it_adds_nothing(void **state)
{
	(void)state;
	set();
	stream_keep_set(stream, 2000, now_ns);
	pass(10000);
	assert_int_equal(count, 500);
	/* muted is silence, and packets go on */
	stream->mute_tx = true;
	pass(10000);
	assert_int_equal(count, 1000);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal((uint16_t)(seq_of(i) - seq_of(i - 1)), 1);
		assert_int_equal(ts_of(i) - ts_of(i - 1), 160);
	}
}

/* Of one that listens: sequence without a gap, time as it passed. */
static void its_packets_are_of_the_same_rtp_stream(void **state)
{
	(void)state;
	set();
	pass(1000);
	hold(true);
	stream_keep_set(stream, 5000, now_ns);
	pass(20000);
	hold(false);
	pass(1000);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal((uint16_t)(seq_of(i) - seq_of(i - 1)), 1);
		assert_int_equal(word(got[i].buf + 8), word(got[0].buf + 8));
		assert_in_range(ts_of(i) - ts_of(i - 1),
				(got[i].at_ms - got[i - 1].at_ms) * 8 - 160,
				(got[i].at_ms - got[i - 1].at_ms) * 8 + 160);
	}
}

static void without_an_address_nothing_leaves(void **state)
{
	(void)state;
	sa_init(&params.raddr, AF_INET);
	params.opening = 5;
	set();
	stream_keep_set(stream, 2000, now_ns);
	pass(10000);
	assert_int_equal(count, 0);
	assert_int_equal(stream->tx.packets, 0);
}

/* ---- opening packets ------------------------------------------------ */

static void packets_of_rtp_open_a_stream(void **state)
{
	(void)state;
	params.opening = 5;
	params.opening_kind = MEDIA_OPENING_RTP;
	set();
	assert_int_equal(count, 5);
	pass(1000);
	assert_int_equal(count, 55);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal((uint16_t)(seq_of(i) - seq_of(i - 1)), 1);
		assert_in_range(ts_of(i) - ts_of(i - 1), 160, 320);
	}
	/* once: what follows changes no address */
	hold(true);
	assert_int_equal(count, 55);
}

static void also_where_we_may_not_send_audio(void **state)
{
	(void)state;
	params.opening = 3;
	params.tx = false;
	set();
	pass(1000);
	assert_int_equal(count, 3);
}

static void other_kinds_are_no_rtp(void **state)
{
	(void)state;
	params.tx = false;
	params.opening = 2;
	params.opening_kind = MEDIA_OPENING_CRLF;
	set();
	assert_int_equal(count, 2);
	assert_int_equal(got[1].len, 4);
	assert_memory_equal(got[1].buf, "\r\n\r\n", 4);
	assert_int_equal(stream->tx.packets, 0);

	/* a new address is opened too */
	close(peer);
	peer = bound(&params.raddr);
	params.opening_kind = MEDIA_OPENING_EMPTY;
	set();
	assert_int_equal(count, 4);
	assert_int_equal(got[3].len, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(silence_leaves_within_each_interval),
		T(on_hold_without_it_nothing_leaves),
		T(where_audio_flows_it_adds_nothing),
		T(its_packets_are_of_the_same_rtp_stream),
		T(without_an_address_nothing_leaves),
		T(packets_of_rtp_open_a_stream),
		T(also_where_we_may_not_send_audio),
		T(other_kinds_are_no_rtp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
