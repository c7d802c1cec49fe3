/* test_dtmf_tx.c -- the packets of digits that are sent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "media/dtmf_rx.h"
#include "media/dtmf_tx.h"

static void an_event_has_one_timestamp_one_marker_and_three_ends(void **state)
{
	struct dtmf_tx tx;
	uint8_t p[4];
	uint32_t ts, now_ts = 9000;
	bool marker;
	(void)state;

	dtmf_tx_start(&tx, "#", 100, 60);
	for (unsigned i = 1; i <= 7; i++, now_ts += 160) {
		unsigned duration = i < 5 ? 160 * i : 800;

		assert_int_equal(
			dtmf_tx_step(&tx, 20, 8000, now_ts, p, &ts, &marker),
			DTMF_TX_EVENT);
		assert_int_equal(p[0], 11);
		assert_int_equal(p[1] >> 7, i >= 5);
		assert_int_equal(p[1] & 0x40, 0);
		assert_int_equal(p[2] << 8 | p[3], duration);
		assert_int_equal(ts, 9000);
		assert_int_equal(marker, i == 1);
	}
	for (int i = 0; i < 3; i++) /* the gap */
		assert_int_equal(
			dtmf_tx_step(&tx, 20, 8000, now_ts, p, &ts, &marker),
			DTMF_TX_PAUSE);
	assert_int_equal(dtmf_tx_step(&tx, 20, 8000, now_ts, p, &ts, &marker),
			 DTMF_TX_IDLE);
}

static void our_receiver_hears_what_is_sent(void **state)
{
	static const char all[] = "0123456789*#ABCDabcdw55W0";
	(void)state;

	for (uint32_t ptime = 10; ptime <= 60; ptime += 10) {
		struct dtmf_rx rx = {0};
		struct dtmf_digit out[2];
		struct dtmf_tx tx;
		char heard[32] = "";
		size_t n = 0;
		uint32_t now_ts = UINT32_MAX - 5000, ts, ms = 0;
		enum dtmf_tx_what what;
		uint8_t p[4];
		bool marker, valid;

		dtmf_tx_start(&tx, all, 90, 50);
		do {
			what = dtmf_tx_step(&tx, ptime, 8000, now_ts, p, &ts,
					    &marker);
			unsigned k =
				what != DTMF_TX_EVENT
					? 0
					: dtmf_rx_packet(&rx, ts, marker, p, 4,
							 ms, out, &valid);
			for (unsigned i = 0; i < k; i++) {
				heard[n++] = out[i].digit;
				assert_int_equal(out[i].duration, 720);
			}
			ms += ptime;
			now_ts += ptime * 8;
		} while (what != DTMF_TX_IDLE);
		assert_string_equal(heard, "0123456789*#ABCDABCD550");
		assert_true(ms > 23 * 140 + 1500);
	}
}

static void a_stop_ends_the_digit_properly(void **state)
{
	struct dtmf_tx tx;
	uint8_t p[4];
	uint32_t ts;
	unsigned ends = 0;
	bool marker;
	(void)state;

	dtmf_tx_start(&tx, "123", 200, 60);
	dtmf_tx_step(&tx, 20, 8000, 0, p, &ts, &marker);
	dtmf_tx_step(&tx, 20, 8000, 160, p, &ts, &marker);
	dtmf_tx_stop(&tx);
	while (dtmf_tx_step(&tx, 20, 8000, 320, p, &ts, &marker) ==
	       DTMF_TX_EVENT) {
		assert_int_equal(p[0], 1);
		assert_int_equal(p[2] << 8 | p[3], 320);
		ends += p[1] >> 7;
	}
	assert_int_equal(ends, 3);
}

static void other_characters_are_refused(void **state)
{
	(void)state;
	assert_true(dtmf_tx_valid("0123456789*#ABCDabcdwW"));
	assert_true(dtmf_tx_valid(""));
	assert_false(dtmf_tx_valid("12e"));
	assert_false(dtmf_tx_valid("1 2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_event_has_one_timestamp_one_marker_and_three_ends),
		cmocka_unit_test(our_receiver_hears_what_is_sent),
		cmocka_unit_test(a_stop_ends_the_digit_properly),
		cmocka_unit_test(other_characters_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
