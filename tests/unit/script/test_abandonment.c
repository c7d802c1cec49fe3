/* Abandoned calls: counted as the rules do, and what those hear. */
#include "line.h"

static int setup_both(void **state)
{
	(void)state;
	return open_all(true, true);
}

static const char script[] =
	"moon = require 'moondial'\n"
	"ab = require 'moondial.compliance.abandonment'\n"
	"function put(day, live, abandoned, machines)\n"
	"  assert(moon.db.exec('INSERT INTO abandonment VALUES (?, ?, ?, ?, "
	"?)', 'c', day, live, abandoned, machines or 0))\n"
	"end\n"
	"function rates(first, last)\n"
	"  local text = {}\n"
	"  for i, r in ipairs(ab.rates('c', first, last)) do\n"
	"    text[i] = ('%s %d/%d %.3f, %d/%d %.3f'):format(r.day.day, "
	"r.day.abandoned, r.day.live, r.day.share, r.window.abandoned, "
	"r.window.live, r.window.share)\n"
	"  end\n"
	"  return table.concat(text, '; ')\n"
	"end\n";

static void the_share_is_of_a_day_and_of_thirty(void **state)
{
	(void)state;
	load(script);
	(void)eval("moon.db.exec(moon.db.sql 'campaign_put', 'c', nil, nil, "
		   "nil, 1)");
	(void)eval("put('2026-02-28', 1000, 900)");
	(void)eval("put('2026-03-01', 90, 2, 5)");
	(void)eval("put('2026-03-30', 10, 1)");
	(void)eval("put('2026-03-31', 0, 0, 3)");
	assert_eval("rates('2026-03-30', '2026-03-31')",
		    "\"2026-03-30 1/10 0.100, 3/100 0.030; "
		    "2026-03-31 0/0 0.000, 1/10 0.100\"");
	assert_eval("rates('2026-04-01', '2026-04-02')", "\"\"");
}

/* ---- the message ------------------------------------------------------- */

static void who_gets_no_agent_hears_the_message(void **state)
{
	(void)state;
	answer_with("local ab = require 'moondial.compliance.abandonment'\n"
		    "s.what = ab.message(call, {silence = 0.1})\n"
		    "s.shown = call.disposition");
	WAIT_EVAL("moon.shared.what", "\"abandoned\"");
	assert_eval("moon.shared.shown", "\"abandoned\"");
	WAIT(b.ended == 1);
}

static void a_key_in_the_message_opts_out(void **state)
{
	(void)state;
	answer_with("local ab = require 'moondial.compliance.abandonment'\n"
		    "call.lead = {phone = '+12125550100'}\n"
		    "s.ready = true\n"
		    "s.what = ab.message(call, {silence = 10}, '2')\n"
		    "s.shown = call.disposition");
	WAIT_EVAL("moon.shared.ready", "true");
	press("12");
	WAIT_EVAL("moon.shared.what", "\"dnc\"");
	assert_eval("moon.shared.shown", "\"dnc\"");
	assert_eval("moon.db.query('SELECT * FROM dnc_numbers')[1].number",
		    "\"12125550100\"");
}

static void who_hangs_up_in_the_message_was_abandoned(void **state)
{
	(void)state;
	answer_with("local ab = require 'moondial.compliance.abandonment'\n"
		    "s.call = call\n"
		    "s.ready = true\n"
		    "ab.message(call, {silence = 10})");
	WAIT_EVAL("moon.shared.ready", "true");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.call.state", "\"ended\"");
	WAIT_EVAL("moon.shared.call.disposition", "\"abandoned\"");
}

#define T(name, setup_) \
	cmocka_unit_test_setup_teardown(name, setup_, script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_share_is_of_a_day_and_of_thirty, script_setup_store),
		T(who_gets_no_agent_hears_the_message, setup_both),
		T(a_key_in_the_message_opts_out, setup_both),
		T(who_hangs_up_in_the_message_was_abandoned, setup_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
