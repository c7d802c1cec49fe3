/* Clocks of time zones, held against glibc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <re.h>

#include "base/zone.h"

static struct zone *load(const char *name)
{
	struct zone *zone = NULL;

	assert_int_equal(zone_load(&zone, NULL, name), 0);
	return zone;
}

static void shows(const struct zone *zone, int64_t t, const char *text,
		  int32_t offset)
{
	struct zone_time z;
	char got[64];

	zone_time(zone, t, &z);
	(void)snprintf(got, sizeof(got), "%d-%02d-%02d %02d:%02d:%02d %d %d",
		       (int)z.year, z.month, z.day, z.hour, z.min, z.sec,
		       z.wday, z.yday);
	assert_string_equal(got, text);
	assert_int_equal(z.offset_s, offset);
}

static int64_t at(const struct zone *zone, int year, int month, int day,
		  int hour, int min)
{
	const struct zone_time local = {.year = year,
					.month = month,
					.day = day,
					.hour = hour,
					.min = min};

	return zone_epoch(zone, &local);
}

static void the_clock_goes_forward_and_back(void **state)
{
	struct zone *ny = load("America/New_York");
	struct zone *lord_howe = load("Australia/Lord_Howe");

	(void)state;
	shows(ny, 1741503599, "2025-03-09 01:59:59 7 68", -18000);
	shows(ny, 1741503600, "2025-03-09 03:00:00 7 68", -14400);
	shows(ny, 1762063199, "2025-11-02 01:59:59 7 306", -14400);
	shows(ny, 1762063200, "2025-11-02 01:00:00 7 306", -18000);
	/* by half an hour, in the south */
	shows(lord_howe, 1759593600, "2025-10-05 03:00:00 7 278", 39600);
	mem_deref(ny);
	mem_deref(lord_howe);
}

static void a_skipped_time_is_the_skip_and_a_double_one_the_first(void **state)
{
	struct zone *ny = load("America/New_York");
	struct zone *apia = load("Pacific/Apia");

	(void)state;
	assert_int_equal(at(ny, 2025, 3, 9, 2, 30), 1741503600);
	assert_int_equal(at(ny, 2025, 3, 9, 3, 0), 1741503600);
	assert_int_equal(at(ny, 2025, 3, 9, 1, 59), 1741503540);
	assert_int_equal(at(ny, 2025, 11, 2, 1, 30), 1762061400);
	/* Samoa left out the whole of 30 December 2011 */
	shows(apia, at(apia, 2011, 12, 30, 12, 0), "2011-12-31 00:00:00 6 365",
	      50400);
	/* carried over */
	assert_int_equal(at(ny, 2025, 2, 37, 0, 0), at(ny, 2025, 3, 9, 0, 0));
	assert_int_equal(at(ny, 2024, 15, 9, 0, 0), at(ny, 2025, 3, 9, 0, 0));
	assert_int_equal(at(ny, 2026, -9, 9, 0, 0), at(ny, 2025, 3, 9, 0, 0));
	assert_int_equal(at(ny, 2025, 3, 10, 0, -1),
			 at(ny, 2025, 3, 9, 23, 59));
	mem_deref(ny);
	mem_deref(apia);
}

static void laws_since_2022_are_known(void **state)
{
	struct zone *mexico = load("America/Mexico_City");

	(void)state;
	shows(mexico, 1720000000, "2024-07-03 03:46:40 3 185", -21600);
	mem_deref(mexico);
}

static void the_footer_says_what_comes_after_the_file(void **state)
{
	struct zone *london = load("Europe/London");

	(void)state;
	assert_int_equal(at(london, 2050, 7, 1, 12, 0), 2540286000);
	shows(london, 2540286000, "2050-07-01 12:00:00 5 182", 3600);
	mem_deref(london);
}

/* All zones, over two hundred years: as glibc reads the same files. */
static void every_zone_is_as_glibc_reads_it(void **state)
{
	FILE *f = fopen("/usr/share/zoneinfo/zone1970.tab", "r");
	uint32_t x = 2463534242U;
	char line[512], name[128];
	size_t zones = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct zone *zone;

		if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1)
			continue;
		zone = load(name);
		assert_int_equal(setenv("TZ", name, 1), 0);
		tzset();
		for (int i = 0; i < 400; i++) {
			time_t t;
			struct tm tm;
			struct zone_time z;

			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			t = (time_t)((double)x / 4294967296.0 * 6.3e9) -
			    2200000000;
			assert_non_null(localtime_r(&t, &tm));
			zone_time(zone, t, &z);
			if (z.offset_s != tm.tm_gmtoff ||
			    z.hour != tm.tm_hour || z.min != tm.tm_min ||
			    z.sec != tm.tm_sec || z.day != tm.tm_mday ||
			    z.month != tm.tm_mon + 1 ||
			    z.year != tm.tm_year + 1900 ||
			    z.yday != tm.tm_yday + 1 ||
			    z.wday % 7 != tm.tm_wday)
				fail_msg("%s differs at %lld", name,
					 (long long)t);
			/* and back, but for the second of two */
			if (zone_epoch(zone, &z) != t) {
				const int64_t first = zone_epoch(zone, &z);
				struct zone_time again;

				zone_time(zone, first, &again);
				assert_true(first < t);
				assert_true(again.hour == z.hour &&
					    again.min == z.min &&
					    again.day == z.day);
			}
		}
		mem_deref(zone);
		zones++;
	}
	(void)fclose(f);
	(void)unsetenv("TZ");
	assert_true(zones > 250);
}

static void what_is_no_zone_is_told(void **state)
{
	static const char *const names[] = {
		"",	    "/etc/passwd", "../../../etc/passwd", "localtime",
		"zone.tab", "America",	   "America/Nowhere",	  "EST5EDT4,",
		"a b",	    "Europe/"};
	struct zone *zone = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_not_equal(zone_load(&zone, NULL, names[i]), 0);
		assert_null(zone);
	}
	assert_int_equal(zone_load(&zone, NULL, "Europe/Nowhere"), ENOENT);
	assert_int_equal(zone_load(&zone, NULL, "../x"), EINVAL);
	assert_int_equal(zone_load(&zone, NULL, "leapseconds"), EBADMSG);
	assert_int_equal(zone_load(&zone, NULL, "America"), EBADMSG);
	assert_int_equal(zone_load(&zone, "/nonexistent", "UTC"), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_goes_forward_and_back),
		cmocka_unit_test(
			a_skipped_time_is_the_skip_and_a_double_one_the_first),
		cmocka_unit_test(laws_since_2022_are_known),
		cmocka_unit_test(the_footer_says_what_comes_after_the_file),
		cmocka_unit_test(every_zone_is_as_glibc_reads_it),
		cmocka_unit_test(what_is_no_zone_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
