/* moon.zone_time and moon.zone_epoch. */
#include "fixture.h"

#define MOON "local moon = require 'moondial'\n"

static void a_clock_is_read_and_set(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("(function() local z = "
		    "moon.zone_time('America/New_York', 1741503599.9) return "
		    "table.concat({z.year, z.month, z.day, z.hour, z.min, "
		    "z.sec, z.wday, z.yday, z.offset}, ' ') end)()",
		    "\"2025 3 9 1 59 59 7 68 -18000\"");
	assert_eval("moon.zone_time('America/New_York', 1741503600).hour", "3");
	assert_eval("moon.zone_epoch('America/New_York', {year = 2025, month "
		    "= 3, day = 9, hour = 2, min = 30})",
		    "1741503600");
	assert_eval("moon.zone_epoch('UTC', {year = 1970, month = 1, day = 2})",
		    "86400");
	assert_eval("math.abs(moon.zone_epoch('UTC', moon.zone_time('UTC')) - "
		    "moon.now()) < 5",
		    "true");
}

static void a_zone_that_is_none_is_told(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("select(2, moon.zone_time('Mars/Olympus', 0))",
		    "\"unknown\"");
	assert_eval("select(2, moon.zone_time('Mars/Olympus', 0))",
		    "\"unknown\"");
	assert_eval("moon.zone_epoch('../../etc/passwd', {year = 2000, month "
		    "= 1, day = 1}) == nil",
		    "true");
	/* more names than are remembered */
	assert_eval("(function() for i = 1, 5000 do "
		    "moon.zone_time('x' .. i, 0) if i % 500 == 0 then "
		    "moon.sleep(0) end end return moon.zone_time('UTC', "
		    "0).year end)()",
		    "1970");
}

static void what_cant_be_a_time_raises(void **state)
{
	(void)state;
	load(MOON);
	assert_eval_has("moon.zone_time('UTC', 0/0)", "moon.zone_time: ");
	assert_eval_has("moon.zone_time('UTC', 1e18)", "moon.zone_time: ");
	assert_eval_has("moon.zone_epoch('UTC', {year = 2000, day = 1})",
			"'month' must be a whole number");
	assert_eval_has("moon.zone_epoch('UTC', {year = 2000, month = 1, day "
			"= 1, min = 0.5})",
			"'min' must be a whole number");
	assert_eval_has("moon.zone_epoch('UTC', {year = 20000, month = 1, "
			"day = 1})",
			"'year' is 1 to 9999");
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, script_setup, script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_clock_is_read_and_set),
		T(a_zone_that_is_none_is_told),
		T(what_cant_be_a_time_raises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
