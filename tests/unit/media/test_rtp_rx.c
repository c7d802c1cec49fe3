/* test_rtp_rx.c -- RTP headers, sequence and statistics of RFC 3550 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "media/media.h"
#include "media/rtp_rx.h"

static enum rtp_rx_verdict put(struct rtp_rx *rx, uint16_t seq, uint32_t ssrc)
{
	struct rtp_packet packet = {.seq = seq, .ssrc = ssrc, .bytes = 160};

	return rtp_rx_packet(rx, &packet, 1000);
}

static void a_header_with_everything_is_taken_apart(void **state)
{
	/* padding, extension of a word, a CSRC, marker */
	const uint8_t buf[] = {
		0xb1, 0x88, 0x12, 0x34, 0, 0, 1, 0,
		0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, /* CSRC */
		0xbe, 0xde, 0,	  1,	9, 9, 9, 9, /* extension */
		7,    8,    9,	  0,	0, 3};
	struct rtp_packet p;
	(void)state;

	assert_true(rtp_parse(&p, buf, sizeof(buf)));
	assert_int_equal(p.pt, 8);
	assert_true(p.marker);
	assert_int_equal(p.seq, 0x1234);
	assert_int_equal(p.ts, 256);
	assert_int_equal(p.ssrc, 0xdeadbeef);
	assert_int_equal(p.bytes, 3);
	assert_int_equal(p.payload[0], 7);
	/* cut at any place it is refused, or shorter, never read beyond */
	for (size_t len = 0; len < sizeof(buf); len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, buf, len);
		if (rtp_parse(&p, cut, len))
			assert_true(p.payload + p.bytes <= cut + len);
		else
			assert_true(len < 24 + 1 || cut[len - 1] == 0 ||
				    cut[len - 1] > len - 24);
		free(cut);
	}
}

static void garbage_never_reads_beyond_its_end(void **state)
{
	unsigned valid = 0;
	(void)state;

	srand(3550);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % 64;
		uint8_t *buf = malloc(len ? len : 1);
		struct rtp_packet p;

		for (size_t k = 0; k < len; k++)
			buf[k] = (uint8_t)rand();
		if (len && i % 2)
			buf[0] = (uint8_t)(0x80 | (buf[0] & 0x3f));
		if (rtp_parse(&p, buf, len)) {
			valid++;
			assert_true(p.payload >= buf + 12);
			assert_true(p.payload + p.bytes <= buf + len);
		}
		free(buf);
	}
	assert_true(valid > 100);
}

static void losses_duplicates_and_reordering_are_counted(void **state)
{
	/* 65533 … 5: two lost (65535, 3), 1 doubled, 2 and 1 swapped */
	const uint16_t seqs[] = {65533, 65534, 0, 2, 1, 1, 4, 5};
	struct media_stats stats = {0};
	struct rtp_rx_report report;
	struct rtp_rx rx = {0};
	(void)state;

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(put(&rx, seqs[i], 7),
				 i == 5 ? RTP_RX_DROP : RTP_RX_OK);
	rtp_rx_stats(&rx, 8000, &stats);
	assert_int_equal(stats.rx_packets, 8);
	assert_int_equal(stats.rx_bytes, 8 * 160);
	assert_int_equal(stats.rx_duplicate, 1);
	assert_int_equal(stats.rx_reordered, 1);
	/* 9 expected, 8 received: A.3 counts the duplicate as received */
	assert_int_equal(stats.rx_lost, 1);
	rtp_rx_report(&rx, &report);
	assert_int_equal(report.ssrc, 7);
	assert_int_equal(report.ext_seq, 65536 + 5);
	assert_int_equal(report.lost, 1);
	assert_int_equal(report.fraction, 256 / 9);
	/* the fraction is of the time since */
	for (uint16_t seq = 6; seq < 14; seq++)
		if (seq % 2)
			put(&rx, seq, 7);
	rtp_rx_report(&rx, &report);
	assert_int_equal(report.fraction, 128);
	assert_int_equal(report.lost, 5);
}

/* Losses in a row are one; what comes late closes it, or makes two of it. */
static void runs_of_losses_are_counted(void **state)
{
	const struct {
		uint16_t seq;
		uint32_t gaps;
	} steps[] = {
		{65530, 0}, {65531, 0}, {65535, 1}, /* 65532 … 65534 */
		{0, 1},	    {2, 2},		    /* 1 */
		{65533, 3},			    /* in the middle: two */
		{65532, 2}, {65534, 1}, {65534, 1}, {1, 0},
		{3, 0},	    {90, 1}, /* more than the window holds */
		{91, 1},    {89, 1},
	};
	struct rtp_rx rx = {0};
	uint64_t expected, lost;
	(void)state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		put(&rx, steps[i].seq, 7);
		assert_int_equal(rx.gaps, steps[i].gaps);
	}
	rtp_rx_loss(&rx, &expected, &lost);
	assert_int_equal(expected, 6 + 92);
	/* a duplicate counts as received (A.3) */
	assert_int_equal(lost, 85 - 1);
	/* another source: both count */
	put(&rx, 10, 8);
	put(&rx, 12, 8);
	assert_int_equal(rx.gaps, 2);
	rtp_rx_loss(&rx, &expected, &lost);
	assert_int_equal(expected, 98 + 3);
	assert_int_equal(lost, 84 + 1);
}

static void duplicates_alone_never_make_loss_negative_in_the_stats(void **state)
{
	struct media_stats stats = {0};
	struct rtp_rx_report report;
	struct rtp_rx rx = {0};
	(void)state;

	for (uint16_t seq = 1; seq < 10; seq++) {
		put(&rx, seq, 7);
		put(&rx, seq, 7);
	}
	rtp_rx_stats(&rx, 8000, &stats);
	assert_int_equal(stats.rx_lost, 0);
	assert_int_equal(stats.rx_duplicate, 9);
	rtp_rx_report(&rx, &report);
	assert_int_equal(report.lost, -9);
	assert_int_equal(report.fraction, 0);
}

static void a_jump_restarts_after_two_in_sequence(void **state)
{
	struct media_stats stats = {0};
	struct rtp_rx rx = {0};
	(void)state;

	put(&rx, 100, 7);
	put(&rx, 102, 7); /* one lost */
	assert_int_equal(put(&rx, 30000, 7), RTP_RX_DROP);
	assert_int_equal(put(&rx, 103, 7), RTP_RX_OK); /* a stray one only */
	assert_int_equal(put(&rx, 40000, 7), RTP_RX_DROP);
	assert_int_equal(put(&rx, 40001, 7), RTP_RX_RESTART);
	assert_int_equal(put(&rx, 40002, 7), RTP_RX_OK);
	rtp_rx_stats(&rx, 8000, &stats);
	assert_int_equal(stats.rx_lost, 1);
}

static void a_new_ssrc_restarts_at_once_and_loss_goes_on(void **state)
{
	struct media_stats stats = {0};
	struct rtp_rx_report report;
	struct rtp_rx rx = {0};
	(void)state;

	put(&rx, 100, 7);
	put(&rx, 103, 7);
	assert_int_equal(put(&rx, 5, 8), RTP_RX_RESTART);
	assert_int_equal(put(&rx, 7, 8), RTP_RX_OK);
	rtp_rx_stats(&rx, 8000, &stats);
	assert_int_equal(stats.rx_lost, 3);
	assert_int_equal(stats.rx_packets, 4);
	rtp_rx_report(&rx, &report);
	assert_int_equal(report.ssrc, 8);
	assert_int_equal(report.lost, 1);
}

static void a_step_back_after_silence_is_a_restart(void **state)
{
	struct rtp_packet packet = {.seq = 100, .ssrc = 7};
	struct media_stats stats = {0};
	struct rtp_rx rx = {0};
	uint64_t now = 1000000000;
	(void)state;

	rtp_rx_packet(&rx, &packet, now);
	/* the same again: soon it is a duplicate, late the start of a replay */
	now += 400000000;
	assert_int_equal(rtp_rx_packet(&rx, &packet, now), RTP_RX_DROP);
	now += 600000000;
	assert_int_equal(rtp_rx_packet(&rx, &packet, now), RTP_RX_RESTART);
	packet.seq = 42;
	now += 600000000;
	assert_int_equal(rtp_rx_packet(&rx, &packet, now), RTP_RX_RESTART);
	/* going on after silence is nothing of the kind */
	packet.seq = 44;
	now += 900000000;
	assert_int_equal(rtp_rx_packet(&rx, &packet, now), RTP_RX_OK);
	rtp_rx_stats(&rx, 8000, &stats);
	assert_int_equal(stats.rx_lost, 1);
}

static void jitter_follows_a8(void **state)
{
	struct rtp_rx rx = {0};
	struct rtp_rx_report report;
	uint64_t at_ns = 5000000000;
	double expect = 0;
	(void)state;

	put(&rx, 1, 7);
	rtp_rx_jitter(&rx, 1000, 8000, at_ns);
	for (uint32_t i = 1; i <= 400; i++) {
		/* alternately 5 ms late: each transit differs by 40 units */
		uint64_t late_ns = i % 2 ? 5000000 : 0;

		rtp_rx_jitter(&rx, 1000 + 160 * i, 8000,
			      at_ns + i * 20000000ull + late_ns);
		expect += (40 - expect) / 16;
	}
	rtp_rx_report(&rx, &report);
	assert_in_range(report.jitter, (unsigned)expect - 1,
			(unsigned)expect + 1);
	/* a jump of the timestamp is no jitter */
	rtp_rx_jitter(&rx, 900000000, 8000, at_ns + 401 * 20000000ull);
	rtp_rx_report(&rx, &report);
	assert_in_range(report.jitter, (unsigned)expect - 1,
			(unsigned)expect + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_with_everything_is_taken_apart),
		cmocka_unit_test(garbage_never_reads_beyond_its_end),
		cmocka_unit_test(losses_duplicates_and_reordering_are_counted),
		cmocka_unit_test(runs_of_losses_are_counted),
		cmocka_unit_test(
			duplicates_alone_never_make_loss_negative_in_the_stats),
		cmocka_unit_test(a_jump_restarts_after_two_in_sequence),
		cmocka_unit_test(a_new_ssrc_restarts_at_once_and_loss_goes_on),
		cmocka_unit_test(a_step_back_after_silence_is_a_restart),
		cmocka_unit_test(jitter_follows_a8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
