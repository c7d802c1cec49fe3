/* test_clock.c -- time read, written and parsed */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"

/* 2026-11-21 09:25:00.123 UTC */
static const int64_t moment = 1795253100123;

static void iso_is_utc_with_ms(void **state)
{
	char out[CLOCK_ISO_SIZE];
	(void)state;

	assert_string_equal(clock_iso(out, moment), "2026-11-21T09:25:00.123Z");
	assert_string_equal(clock_iso(out, 0), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(out, -1), "1969-12-31T23:59:59.999Z");
}

static int64_t parse(const char *text)
{
	int64_t ms = -1;

	assert_int_equal(clock_parse(&ms, text), 0);
	return ms;
}

static void local_times_follow_the_zone(void **state)
{
	(void)state;
	assert_int_equal(parse("2026-11-21 10:25"), moment - 123);
	assert_int_equal(parse("2026-11-21 10:25:00.123"), moment);
	assert_int_equal(parse("2026-11-21T10:25:00"), moment - 123);
	assert_int_equal(parse("2026-11-21"),
			 moment - 123 - INT64_C(60000) * (10 * 60 + 25));
	/* summer time: an hour more from UTC */
	assert_int_equal(parse("2026-07-01 12:00"), parse("2026-07-01T10:00Z"));
}

static void iso_times_say_their_zone(void **state)
{
	(void)state;
	assert_int_equal(parse("2026-11-21T09:25:00.123Z"), moment);
	assert_int_equal(parse("2026-11-21T09:25:00Z"), moment - 123);
	assert_int_equal(parse("2026-11-21T14:55:00.123+05:30"), moment);
	assert_int_equal(parse("2026-11-21T01:25:00.123456-08:00"), moment);
	assert_int_equal(parse("2024-02-29T00:00Z"), 1709164800000);
}

static void ages_count_back_from_now(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} ages[] = {{"90s", 90000},    {"10m", 600000},	   {"2h", 7200000},
		    {"7d", 604800000}, {"2w", 1209600000}, {"0s", 0}};
	(void)state;

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		int64_t before = clock_wall_ms() - ages[i].ms;
		int64_t got = parse(ages[i].text);

		assert_true(got >= before);
		assert_true(got <= clock_wall_ms() - ages[i].ms);
	}
}

static void today_is_midnight(void **state)
{
	int64_t today = parse("today"), yesterday = parse("yesterday");
	time_t sec = (time_t)(today / 1000);
	struct tm tm;
	(void)state;

	localtime_r(&sec, &tm);
	assert_int_equal(tm.tm_hour + tm.tm_min + tm.tm_sec, 0);
	assert_true(today <= clock_wall_ms());
	/* days have 23 to 25 hours */
	assert_in_range(today - yesterday, 23 * 3600000, 25 * 3600000);
	assert_in_range(clock_wall_ms() - today, 0, 25 * 3600000);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"now-ish",
		"7",
		"d",
		"7x",
		"7dd",
		"-7d",
		"2026",
		"2026-11",
		"2026-13-01",
		"2026-00-01",
		"2026-02-30",
		"2025-02-29",
		"2026-11-21 ",
		"2026-11-21 9:25",
		"26-11-21",
		"2026-11-21 24:00",
		"2026-11-21 10:60",
		"2026-11-21T10:25:00+5",
		"2026-11-21T10:25:00Zx",
		"2026-11-21x10:25",
		"2026-11-21 10:25:00.",
		"99999999999999999999d",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = 42;

		if (clock_parse(&ms, bad[i]) != EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(ms, 42);
	}
}

static void the_monotonic_clock_goes_forward(void **state)
{
	uint64_t last = clock_mono_ns();
	(void)state;

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_mono_ns();

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_mono_ms() >= last / 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iso_is_utc_with_ms),
		cmocka_unit_test(local_times_follow_the_zone),
		cmocka_unit_test(iso_times_say_their_zone),
		cmocka_unit_test(ages_count_back_from_now),
		cmocka_unit_test(today_is_midnight),
		cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
		cmocka_unit_test(the_monotonic_clock_goes_forward),
	};

	/* central European time by its rule: needs no zone files */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
