/* test_dtmf_rx.c -- one digit a timestamp, whatever the network does */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "media/dtmf_rx.h"

/* A packet of an event, or (TS 0) only time that passes. */
struct step {
	uint32_t ts;
	uint8_t event;
	uint16_t duration;
	bool end;
	bool marker;
	uint32_t after_ms; /* before it */
};

struct trace {
	const char *name;
	struct step steps[12];
	const char *digits;
	uint32_t durations[4];
};

#define FIRST(ts, ev)                        \
	{                                    \
		ts, ev, 160, false, true, 20 \
	}
#define MORE(ts, ev, d)                     \
	{                                   \
		ts, ev, d, false, false, 20 \
	}
#define END(ts, ev, d)                     \
	{                                  \
		ts, ev, d, true, false, 20 \
	}
#define QUIET(ms)                         \
	{                                 \
		0, 0, 0, false, false, ms \
	}

static const struct trace traces[] = {
	{"whole",
	 {FIRST(1000, 1), MORE(1000, 1, 320), END(1000, 1, 480),
	  END(1000, 1, 480), END(1000, 1, 480), QUIET(500)},
	 "1",
	 {480}},
	{"start lost",
	 {MORE(1000, 2, 320), END(1000, 2, 480), END(1000, 2, 480), QUIET(500)},
	 "2",
	 {480}},
	{"only one end packet comes",
	 {END(1000, 3, 480), QUIET(500)},
	 "3",
	 {480}},
	{"only a packet in the middle comes",
	 {MORE(1000, 4, 320), QUIET(500)},
	 "4",
	 {320}},
	{"all ends lost: reported after a short silence",
	 {FIRST(1000, 5), MORE(1000, 5, 320), QUIET(100)},
	 "5",
	 {320}},
	{"ends come after it was reported for silence",
	 {FIRST(1000, 6), QUIET(120), END(1000, 6, 960), END(1000, 6, 960),
	  QUIET(500)},
	 "6",
	 {160}},
	{"same digit twice, ends lost",
	 {FIRST(1000, 7), MORE(1000, 7, 320), FIRST(2600, 7),
	  MORE(2600, 7, 320), QUIET(500)},
	 "77",
	 {320, 320}},
	{"same digit twice, first end and second start lost",
	 {FIRST(1000, 7), MORE(1000, 7, 320), MORE(2600, 7, 320),
	  END(2600, 7, 480), QUIET(500)},
	 "77",
	 {320, 480}},
	{"end overtakes the middle",
	 {FIRST(1000, 8), END(1000, 8, 480), MORE(1000, 8, 320),
	  END(1000, 8, 480), QUIET(500)},
	 "8",
	 {480}},
	{"late packets of the digit before",
	 {FIRST(1000, 9), FIRST(2600, 0), END(1000, 9, 480), MORE(2600, 0, 320),
	  END(1000, 9, 480), END(2600, 0, 480), QUIET(500)},
	 "90",
	 {160, 480}},
	{"every packet doubled",
	 {FIRST(1000, 10), FIRST(1000, 10), MORE(1000, 10, 320),
	  MORE(1000, 10, 320), END(1000, 10, 480), END(1000, 10, 480),
	  FIRST(2600, 11), FIRST(2600, 11), END(2600, 11, 320),
	  END(2600, 11, 320), QUIET(500)},
	 "*#",
	 {480, 320}},
	{"timestamp wraps",
	 {FIRST(UINT32_MAX - 100, 12), END(UINT32_MAX - 100, 12, 320),
	  FIRST(700, 13), END(700, 13, 320), END(UINT32_MAX - 100, 12, 320),
	  QUIET(500)},
	 "AB",
	 {320, 320}},
	{"timestamps begin anew far back",
	 {FIRST(900000, 14), END(900000, 14, 320), FIRST(2000, 15),
	  END(2000, 15, 320), QUIET(500)},
	 "CD",
	 {320, 320}},
	{"held for longer than the field: segments are joined",
	 {FIRST(1000, 1),
	  MORE(1000, 1, 65535),
	  {66535, 1, 160, false, false, 20},
	  END(66535, 1, 800),
	  QUIET(500)},
	 "1",
	 {66335}},
	{"flash is no digit", {FIRST(1000, 16), END(1000, 16, 320)}, "", {0}},
};

static void run(const struct trace *trace)
{
	struct dtmf_rx rx = {0};
	struct dtmf_digit heard[8];
	uint64_t now_ms = 5000;
	unsigned n = 0;

	for (size_t i = 0; i < 12; i++) {
		const struct step *s = &trace->steps[i];
		uint8_t payload[4] = {s->event, s->end ? 0x8a : 0x0a,
				      (uint8_t)(s->duration >> 8),
				      (uint8_t)s->duration};
		bool valid = true;

		/* time passes in ticks, as in a stream */
		for (uint32_t ms = 0; ms < s->after_ms; ms += 20) {
			now_ms += 20;
			n += dtmf_rx_tick(&rx, now_ms, &heard[n]);
		}
		if (s->ts)
			n += dtmf_rx_packet(&rx, s->ts, s->marker, payload, 4,
					    now_ms, &heard[n], &valid);
		assert_true(valid);
		assert_true(n <= 4);
	}
	if (n != strlen(trace->digits))
		fail_msg("%s: %u digits", trace->name, n);
	for (unsigned i = 0; i < n; i++) {
		if (heard[i].digit != trace->digits[i] ||
		    heard[i].duration != trace->durations[i])
			fail_msg("%s: %c of %u", trace->name, heard[i].digit,
				 heard[i].duration);
	}
}

static void each_trace_gives_its_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++)
		run(&traces[i]);
}

/* 200 random digits, each 8 packets; of each at least one survives; packets
 * are doubled, and swapped with neighbours. */
static void random_loss_never_adds_or_drops_a_digit(void **state)
{
	enum { DIGITS = 200, PER = 8 };
	static struct step line[DIGITS * PER * 2];
	struct dtmf_rx rx = {0};
	struct dtmf_digit out[3];
	char sent[DIGITS + 1] = "", heard[2 * DIGITS + 1] = "";
	size_t n = 0, got = 0;
	uint64_t now_ms = 1000;
	(void)state;

	srand(4733);
	for (size_t d = 0; d < DIGITS; d++) {
		uint8_t event = (uint8_t)(rand() % 16);
		int survivor = rand() % PER;

		sent[d] = "0123456789*#ABCD"[event];
		for (int k = 0; k < PER; k++) {
			struct step s = {(uint32_t)(4000000000u + d * 1600),
					 event,
					 (uint16_t)(160 * (k < 5 ? k + 1 : 6)),
					 k >= 5,
					 k == 0,
					 20};

			if (k != survivor && rand() % 3)
				continue; /* lost */
			line[n++] = s;
			if (rand() % 4 == 0)
				line[n++] = s;
		}
	}
	for (size_t i = 0; i + 1 < n; i++)
		if (rand() % 3 == 0 && line[i].ts == line[i + 1].ts) {
			struct step s = line[i];

			line[i] = line[i + 1];
			line[i + 1] = s;
		}
	for (size_t i = 0; i < n; i++) {
		uint8_t p[4] = {line[i].event, line[i].end ? 0x80 : 0,
				(uint8_t)(line[i].duration >> 8),
				(uint8_t)line[i].duration};
		unsigned k;
		bool valid;

		now_ms += 20;
		if (dtmf_rx_tick(&rx, now_ms, &out[0]))
			heard[got++] = out[0].digit;
		k = dtmf_rx_packet(&rx, line[i].ts, line[i].marker, p, 4,
				   now_ms, out, &valid);
		for (unsigned j = 0; j < k; j++)
			heard[got++] = out[j].digit;
		assert_true(got <= DIGITS);
	}
	if (dtmf_rx_restart(&rx, &out[0]))
		heard[got++] = out[0].digit;
	heard[got] = '\0';
	assert_string_equal(heard, sent);
}

static void short_payload_is_invalid(void **state)
{
	const uint8_t payload[4] = {1, 0x80, 1, 0};
	struct dtmf_rx rx = {0};
	struct dtmf_digit out[2];
	bool valid = true;
	(void)state;

	for (size_t bytes = 0; bytes < 4; bytes++) {
		assert_int_equal(dtmf_rx_packet(&rx, 5, true, payload, bytes, 0,
						out, &valid),
				 0);
		assert_false(valid);
	}
}

static void restart_reports_an_open_digit_and_forgets_timestamps(void **state)
{
	const uint8_t payload[4] = {3, 0, 1, 0};
	struct dtmf_rx rx = {0};
	struct dtmf_digit out[2];
	bool valid;
	(void)state;

	dtmf_rx_packet(&rx, 1000, true, payload, 4, 100, out, &valid);
	assert_true(dtmf_rx_restart(&rx, &out[0]));
	assert_int_equal(out[0].digit, '3');
	assert_false(dtmf_rx_restart(&rx, &out[0]));
	dtmf_rx_packet(&rx, 1000, true, payload, 4, 100, out, &valid);
	assert_true(dtmf_rx_tick(&rx, 200, &out[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_trace_gives_its_digits),
		cmocka_unit_test(random_loss_never_adds_or_drops_a_digit),
		cmocka_unit_test(short_payload_is_invalid),
		cmocka_unit_test(
			restart_reports_an_open_digit_and_forgets_timestamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
