/* test_rtcp.c -- reports as RFC 3550 wants them, and garbage that isn't */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "media/rtcp.h"
#include "media/rtp_rx.h"
#include "media/rtp_tx.h"

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* One side of a call: has sent 10 packets, and heard 9 of 10. */
struct side {
	struct rtcp rtcp;
	struct rtp_tx tx;
	struct rtp_rx rx;
};

static void side_init(struct side *side, uint32_t peer_ssrc)
{
	memset(side, 0, sizeof(*side));
	rtcp_init(&side->rtcp);
	rtp_tx_init(&side->tx);
	side->tx.packets = 10;
	side->tx.bytes = 1600;
	for (uint16_t seq = 1; seq <= 10; seq++) {
		struct rtp_packet p = {.seq = seq, .ssrc = peer_ssrc};

		if (seq != 5)
			rtp_rx_packet(&side->rx, &p, 1);
	}
}

static void a_report_says_what_was_sent_and_heard(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct side a;
	uint64_t now = clock_mono_ns();
	int64_t ntp_ms;
	size_t n;
	(void)state;

	side_init(&a, 0xabcd);
	n = rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 4711, false, now);
	/* SR with one block */
	assert_int_equal(buf[0], 0x81);
	assert_int_equal(buf[1], 200);
	assert_int_equal(word(buf) & 0xffff, 52 / 4 - 1);
	assert_int_equal(word(buf + 4), a.tx.ssrc);
	ntp_ms = ((int64_t)word(buf + 8) - 2208988800) * 1000 +
		 (int64_t)(((uint64_t)word(buf + 12) * 1000) >> 32);
	assert_true(llabs(ntp_ms - clock_wall_ms()) < 2000);
	assert_int_equal(word(buf + 16), 4711);
	assert_int_equal(word(buf + 20), 10);
	assert_int_equal(word(buf + 24), 1600);
	assert_int_equal(word(buf + 28), 0xabcd);
	assert_int_equal(word(buf + 32), (256 / 10) << 24 | 1);
	assert_int_equal(word(buf + 36), 10);
	/* SDES with CNAME, to the end */
	assert_int_equal(buf[52], 0x81);
	assert_int_equal(buf[53], 202);
	assert_int_equal(word(buf + 56), a.tx.ssrc);
	assert_int_equal(buf[60], 1);
	assert_int_equal(buf[61], RTCP_CNAME);
	assert_memory_equal(buf + 62, a.rtcp.cname, RTCP_CNAME);
	assert_int_equal(buf[62 + RTCP_CNAME], 0);
	assert_int_equal(52 + 4 * ((word(buf + 52) & 0xffff) + 1), n);

	/* a peer that has fallen silent is no longer reported; BYE at the end
	 */
	n = rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 4711, true, now);
	assert_int_equal(buf[0], 0x80);
	assert_int_equal(buf[1], 200);
	assert_int_equal(buf[n - 8], 0x81);
	assert_int_equal(buf[n - 7], 203);
	assert_int_equal(word(buf + n - 4), a.tx.ssrc);
	/* after two reports without a packet we are no sender: RR */
	rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 4711, false, now);
	assert_int_equal(buf[1], 201);
}

static void loss_jitter_and_round_trip_come_back(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct side a, b;
	uint64_t now = clock_mono_ns();
	size_t n;
	(void)state;

	side_init(&a, 1);
	side_init(&b, a.tx.ssrc);
	b.rx.jitter = 40 << 4;
	n = rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 0, false, now);
	/* 30 ms to B, who answers a second later; 50 ms back */
	now += 30000000;
	assert_true(rtcp_read(&b.rtcp, buf, n, b.tx.ssrc, now));
	assert_int_equal(b.rtcp.rtt_us, 0);
	now += 1000000000;
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now);
	now += 50000000;
	assert_true(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now));
	assert_in_range(a.rtcp.rtt_us, 79900, 80100);
	assert_int_equal(a.rtcp.remote_lost, 1);
	assert_int_equal(a.rtcp.remote_jitter, 40);
}

static void a_report_that_we_never_sent_gives_no_round_trip(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct side a, b;
	uint64_t now = clock_mono_ns();
	size_t n;
	(void)state;

	side_init(&a, 1);
	side_init(&b, a.tx.ssrc);
	b.rtcp.lsr = 0x12345678;
	b.rtcp.lsr_ns = now;
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now);
	assert_true(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now + 1000));
	assert_int_equal(a.rtcp.rtt_us, 0);
	assert_true(a.rtcp.remote_known);
	/* nor does a block about somebody else say anything */
	side_init(&a, 1);
	assert_true(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc + 1, now));
	assert_false(a.rtcp.remote_known);
}

/* LSR and DLSR are those of the source that the block is about (6.4.1). */
static void a_report_of_another_source_is_not_answered(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct rtp_packet p = {.seq = 5, .ssrc = 0xbeef};
	struct side a, b;
	uint64_t now = clock_mono_ns();
	size_t n;
	(void)state;

	side_init(&a, 1);
	side_init(&b, a.tx.ssrc);
	n = rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 0, false, now);
	assert_true(rtcp_read(&b.rtcp, buf, n, b.tx.ssrc, now));
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now);
	assert_int_not_equal(word(buf + 44), 0);
	/* B's peer goes on as another source, which has reported nothing */
	rtp_rx_packet(&b.rx, &p, now);
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now + 1000000000);
	assert_true(n > 0);
	assert_int_equal(word(buf + 28), 0xbeef);
	assert_int_equal(word(buf + 44), 0);
	assert_int_equal(word(buf + 48), 0);
}

/* Of how many packets a report speaks: those sent up to the newest it names. */
static void a_report_speaks_of_what_was_sent_until_then(void **state)
{
	struct rtcp rtcp;
	struct rtp_tx tx;
	(void)state;

	rtcp_init(&rtcp);
	rtp_tx_init(&tx);
	tx.seq = 20; /* the next one; it has wrapped */
	tx.packets = 1000;
	rtcp_sent(&rtcp, &tx);
	assert_int_equal(rtcp.remote_of, 0); /* none has come */
	rtcp.remote_known = true;
	rtcp.remote_seq = 65526;
	rtcp_sent(&rtcp, &tx);
	assert_int_equal(rtcp.remote_of, 1000 - 29);
	rtcp.remote_seq = 30; /* of nothing that was sent */
	rtcp_sent(&rtcp, &tx);
	assert_int_equal(rtcp.remote_of, 0);
}

static void negative_loss_is_read_as_such(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct side a, b;
	uint64_t now = clock_mono_ns();
	size_t n;
	(void)state;

	side_init(&a, 1);
	side_init(&b, a.tx.ssrc);
	b.rx.received += 7;
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now);
	assert_true(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now));
	assert_int_equal(a.rtcp.remote_lost, -6);
}

static void cut_or_garbled_compounds_are_refused(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct side a, b;
	uint64_t now = clock_mono_ns();
	size_t n;
	(void)state;

	side_init(&a, 1);
	side_init(&b, a.tx.ssrc);
	n = rtcp_build(&b.rtcp, buf, &b.tx, &b.rx, 0, false, now);
	for (size_t len = 0; len < n; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, buf, len);
		/* after the SR alone it is whole again */
		assert_int_equal(rtcp_read(&a.rtcp, cut, len, 1, now),
				 len == 52);
		free(cut);
	}
	buf[0] = 0x82; /* claims a block more than there is */
	assert_false(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now));
	buf[0] = 0x41; /* version 1 */
	assert_false(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now));
	buf[0] = 0x81;
	buf[1] = 202; /* doesn't begin with a report */
	assert_false(rtcp_read(&a.rtcp, buf, n, a.tx.ssrc, now));

	srand(3550);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)(rand() % 32) * 4;
		uint8_t *p = calloc(1, len ? len : 1);

		for (size_t k = 0; k < len; k++)
			p[k] = (uint8_t)rand();
		if (len) {
			p[0] = (uint8_t)(0x80 | (p[0] & 0x03));
			p[1] = (uint8_t)(200 + i % 2);
			p[2] = 0;
			p[3] &= 0x1f;
		}
		rtcp_read(&a.rtcp, p, len, a.tx.ssrc, now);
		free(p);
	}
}

static void reports_are_spread_around_five_seconds(void **state)
{
	uint8_t buf[RTCP_PACKET_MAX];
	uint64_t now = 1000000000, least = UINT64_MAX, most = 0, sum = 0;
	struct side a;
	(void)state;

	side_init(&a, 1);
	for (int i = 0; i < 2000; i++) {
		uint64_t wait;

		rtcp_build(&a.rtcp, buf, &a.tx, &a.rx, 0, false, now);
		wait = a.rtcp.due_ns - now;
		sum += wait;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_in_range(least, 2052000000, 2200000000); /* 2.5 s / 1.21828 */
	assert_in_range(most, 6000000000, 6157000000);
	assert_in_range(sum / 2000, 3900000000, 4300000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_says_what_was_sent_and_heard),
		cmocka_unit_test(loss_jitter_and_round_trip_come_back),
		cmocka_unit_test(
			a_report_that_we_never_sent_gives_no_round_trip),
		cmocka_unit_test(a_report_of_another_source_is_not_answered),
		cmocka_unit_test(a_report_speaks_of_what_was_sent_until_then),
		cmocka_unit_test(negative_loss_is_read_as_such),
		cmocka_unit_test(cut_or_garbled_compounds_are_refused),
		cmocka_unit_test(reports_are_spread_around_five_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
