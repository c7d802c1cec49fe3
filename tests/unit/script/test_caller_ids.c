/* Pools of caller ids, on a real database. */
#include "fixture.h"

static const char script[] =
	"moon = require 'moondial'\n"
	"ids = require 'moondial.compliance.caller_ids'\n"
	"function fresh() moon.shared.caller_ids = nil end\n"
	"function cdr(id, from, hours_ago, lead, attempt)\n"
	"  assert(moon.db.exec([[INSERT INTO cdrs (id, direction, "
	"started_at_ms, disposition, from_user, campaign, lead_id, attempt) "
	"VALUES (?, 'out', ?, 'busy', ?, 'c', ?, ?)]], id, "
	"math.floor((moon.now() - hours_ago * 3600) * 1000), from, lead, "
	"attempt))\n"
	"end\n"
	"function choose(pool, n, lead)\n"
	"  local got = {}\n"
	"  for i = 1, n do\n"
	"    local from, why = pool:choose(lead or {phone = "
	"'+12125551234'})\n"
	"    got[i] = from or why\n"
	"  end\n"
	"  return table.concat(got, ' ')\n"
	"end\n"
	"two = ids.pool{'+12125550100', '+14155550100'}\n";

static void they_are_shown_in_turn(void **state)
{
	(void)state;
	load(script);
	assert_eval("choose(two, 4)", "\"+12125550100 +14155550100 "
				      "+12125550100 +14155550100\"");
}

static void the_nearest_area_is_shown(void **state)
{
	(void)state;
	load(script);
	assert_eval("choose(ids.pool{'+12125550100', '+14155550100', "
		    "'+14155550199', choose = 'area_code'}, 3, {phone = "
		    "'+14155559999'})",
		    "\"+14155550100 +14155550199 +14155550100\"");
	assert_eval("choose(ids.pool{'+12125550100', '+14155550100', choose "
		    "= 'area_code'}, 2, {phone = '+1', number = "
		    "'+12129999999'})",
		    "\"+12125550100 +12125550100\"");
}

static void a_day_has_its_calls_over_a_restart(void **state)
{
	(void)state;
	load(script);
	(void)eval("cdr('A', '+12125550100', 25)");
	(void)eval("cdr('B', '+12125550100', 2)");
	(void)eval("cdr('C', '+12125550100', 1)");
	assert_eval("choose(ids.pool{'+12125550100', per_day = 3}, 2)",
		    "\"+12125550100 each of its caller ids was shown 3 times "
		    "in 24 hours\"");
	assert_eval("(function() local from, why, at = ids.pool{"
		    "'+12125550100', per_day = 2}:choose{phone = '+1'} local "
		    "wait = at - moon.now() return not from and wait > 21 * "
		    "3600 and wait <= 22 * 3600 end)()",
		    "true");
	/* what was not shown after all doesn't count */
	assert_eval("(function() local p = ids.pool{'+12125550100', per_day = "
		    "3} p:came('+12125550100', nil) return choose(p, 1) "
		    "end)()",
		    "\"+12125550100\"");
	(void)eval("fresh()");
	assert_eval("choose(ids.pool{'+12125550100', per_day = 3}, 1)",
		    "\"+12125550100\"");
}

static void who_is_blocked_rests_over_a_restart(void **state)
{
	(void)state;
	load(script);
	(void)eval("choose(two, 1)");
	(void)eval("two:came('+12125550100', 'blocked', 'Network Blocked')");
	(void)eval("two:came('+14155550100', 'busy')");
	assert_eval("choose(two, 2)", "\"+14155550100 +14155550100\"");
	(void)eval("fresh()");
	assert_eval("choose(two, 2)", "\"+14155550100 +14155550100\"");
	assert_eval("(function() local one = two:list()[1] return one.reason "
		    ".. ' ' .. math.floor((one.parked_until - moon.now()) / "
		    "3600 + 0.5) end)()",
		    "\"Network Blocked 24\"");
	assert_eval("(function() local from, why, at = ids.pool{"
		    "'+12125550100'}:choose{phone = '+1'} return why .. ' ' "
		    ".. tostring(at > moon.now() + 86000) end)()",
		    "\"all its caller ids are blocked by a carrier, and rest "
		    "true\"");
	/* a person ends it */
	(void)eval("moon.db.exec(moon.db.sql 'caller_id_unpark', 0, "
		   "'+12125550100', 0)");
	(void)eval("fresh()");
	assert_eval("choose(ids.pool{'+12125550100'}, 1)", "\"+12125550100\"");
}

/* Who asks the database who rests, just before a call comes back blocked, is
 * told of a state that is over. */
static void one_that_is_blocked_meanwhile_rests(void **state)
{
	(void)state;
	load(script);
	assert_eval("(function() two:list() moon.shared.caller_ids.looked_at = "
		    "-math.huge local task = moon.spawn(function() choose(two, "
		    "1) end) two:came('+12125550100', 'blocked') task:wait() "
		    "return choose(two, 2) end)()",
		    "\"+14155550100 +14155550100\"");
}

static void a_lead_is_shown_the_same_again(void **state)
{
	(void)state;
	load(script);
	(void)eval("cdr('A', '+12125550100', 3, 'L', 1)");
	(void)eval("cdr('B', '+14155550100', 2, 'L', 2)");
	assert_eval("choose(two, 3, {id = 'L', phone = '+1', attempts = 2})",
		    "\"+14155550100 +14155550100 +14155550100\"");
	assert_eval("choose(two, 1, {id = 'M', phone = '+1', attempts = 1})",
		    "\"+12125550100\"");
	/* unless it rests */
	(void)eval("two:came('+14155550100', 'blocked')");
	assert_eval("choose(two, 1, {id = 'L', phone = '+1', attempts = 2})",
		    "\"+12125550100\"");
}

static void two_leads_never_share_the_last_call_of_a_day(void **state)
{
	(void)state;
	load(script);
	assert_eval("(function() local p = ids.pool{'+12125550100', per_day = "
		    "5} local tasks, got = {}, 0 for i = 1, 20 do tasks[i] = "
		    "moon.spawn(function() if p:choose{phone = '+1', id = "
		    "'x' .. i, attempts = 1} then got = got + 1 end end) end "
		    "for i = 1, 20 do tasks[i]:wait() end return got end)()",
		    "5");
}

static void what_is_no_pool_is_refused(void **state)
{
	(void)state;
	load(script);
	assert_eval_has("ids.pool{}", "a list of numbers is expected");
	assert_eval_has("ids.pool{'ada'}", "'ada' is no number");
	assert_eval_has("ids.pool{'+12125550100', '12125550100'}", "twice");
	assert_eval_has("ids.pool{'+12125550100', perday = 1}",
			"unknown option 'caller_ids.perday'");
	assert_eval_has("ids.pool{'+12125550100', per_day = 0.5}",
			"whole number");
	assert_eval_has("ids.pool{'+12125550100', choose = 'random'}",
			"choose is ");
	assert_eval_has("ids.pool{'+12125550100', park = -1}", "park must be");
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_store, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(they_are_shown_in_turn),
		T(the_nearest_area_is_shown),
		T(a_day_has_its_calls_over_a_restart),
		T(who_is_blocked_rests_over_a_restart),
		T(one_that_is_blocked_meanwhile_rests),
		T(a_lead_is_shown_the_same_again),
		T(two_leads_never_share_the_last_call_of_a_day),
		T(what_is_no_pool_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
