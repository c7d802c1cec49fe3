/* Calling hours of campaigns against the system's time zones, on the days on
 * which clocks change. */
#include "fixture.h"

#define MOON                                              \
	"moon = require 'moondial'\n"                     \
	"hours = require 'moondial.compliance.hours'\n"   \
	"function at(zone, day, hour, min)\n"             \
	"  return moon.zone_epoch(zone, {year = 2026, "   \
	"month = day // 100, day = day % 100, "           \
	"hour = hour, min = min})\n"                      \
	"end\n"                                           \
	"function opens(h, zones, t)\n"                   \
	"  local open, at = h:open(zones, t)\n"           \
	"  if open then return 'open' end\n"              \
	"  if not at then return 'never' end\n"           \
	"  local z = moon.zone_time(zones[1], at)\n"      \
	"  return ('%d-%d %02d:%02d'):format(z.month, "   \
	"z.day, z.hour, z.min)\n"                         \
	"end\n"                                           \
	"h = hours.parse{'09:00-20:00'}\n"                \
	"early = hours.parse{'02:30-04:00'}\n"            \
	"midnight = hours.parse{'00:00-24:00', holidays " \
	"= '03-29'}\n"

static void the_day_with_23_hours_opens_by_its_clock(void **state)
{
	(void)state;
	load(MOON);
	/* 8 March: 02:00 is 03:00 */
	assert_eval("opens(h, {'America/New_York'}, at('America/New_York', "
		    "307, 20, 0))",
		    "\"3-8 09:00\"");
	assert_eval("select(2, h:open({'America/New_York'}, "
		    "at('America/New_York', 307, 20, 0))) - "
		    "at('America/New_York', 307, 20, 0)",
		    "43200");
	/* 02:30 is not there: from 03:00 on */
	assert_eval("opens(early, {'America/New_York'}, "
		    "at('America/New_York', 308, 1, 0))",
		    "\"3-8 03:00\"");
	assert_eval("opens(early, {'America/New_York'}, "
		    "at('America/New_York', 308, 3, 59))",
		    "\"open\"");
}

static void the_day_with_25_hours_opens_by_its_clock(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("select(2, h:open({'America/New_York'}, "
		    "at('America/New_York', 1031, 20, 0))) - "
		    "at('America/New_York', 1031, 20, 0)",
		    "50400");
	/* Arizona has no part in it */
	assert_eval("select(2, h:open({'America/Phoenix'}, "
		    "at('America/Phoenix', 1031, 20, 0))) - "
		    "at('America/Phoenix', 1031, 20, 0)",
		    "46800");
}

static void in_all_zones_of_a_number(void **state)
{
	(void)state;
	load(MOON);
	/* Europe changes three weeks after America: the gap is 4 h, not 5 */
	assert_eval("opens(h, {'Europe/London', 'America/New_York'}, "
		    "at('Europe/London', 320, 12, 59))",
		    "\"3-20 13:00\"");
	assert_eval("opens(h, {'Europe/London', 'America/New_York'}, "
		    "at('Europe/London', 220, 12, 59))",
		    "\"2-20 14:00\"");
	assert_eval("opens(hours.parse{'09:00-17:00'}, {'Europe/London', "
		    "'Pacific/Auckland'}, at('Europe/London', 320, 12, 0))",
		    "\"never\"");
}

static void a_holiday_is_a_day_at_the_called_place(void **state)
{
	(void)state;
	load(MOON);
	/* 29 March has 23 hours in London */
	assert_eval("opens(midnight, {'Europe/London'}, at('Europe/London', "
		    "329, 0, 0))",
		    "\"3-30 00:00\"");
	assert_eval("opens(midnight, {'America/New_York'}, "
		    "at('Europe/London', 329, 2, 0))",
		    "\"open\"");
}

static void holidays_come_from_a_file(void **state)
{
	(void)state;
	write_file("days.csv", "name,date\nBoxing Day,2026-12-28\n,12-25\n");
	load(MOON);
	assert_eval("(function() local f = hours.parse({'09:00-17:00', "
		    "holidays = 'days.csv'}) return select(3, "
		    "f:open({'UTC'}, at('UTC', 1228, 12, 0))) end)()",
		    "\"it is a holiday in UTC (2026-12-28, Boxing Day)\"");
	write_file("bad.csv", "date\n2026-02-30\n");
	assert_eval_has("hours.parse{holidays = 'bad.csv'}",
			"bad.csv:2: '2026-02-30' is no date");
	assert_eval_has("hours.parse{holidays = 'none.csv'}", "none.csv");
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, script_setup, script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_day_with_23_hours_opens_by_its_clock),
		T(the_day_with_25_hours_opens_by_its_clock),
		T(in_all_zones_of_a_number),
		T(a_holiday_is_a_day_at_the_called_place),
		T(holidays_come_from_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
