/* Coroutines, waits, budget, memory, generations: without telephony. */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOON "local moon = require 'moondial'\n"

/* ---- waits ------------------------------------------------------------------
 */

static void a_sleep_ends_and_a_task_has_its_results(void **state)
{
	(void)state;
	load(MOON "moon.shared.t = moon.spawn(function(a, b) moon.sleep(0.01) "
		  "return a + b, 'x' end, 1, 2)\n");
	assert_eval("table.concat({moon.shared.t:wait(5)}, ',')", "\"3,x\"");
	assert_eval("moon.shared.t.status", "\"done\"");
	assert_eval("(moon.shared.t:wait())", "3");
}

static void waiting_for_a_task_times_out(void **state)
{
	(void)state;
	load(MOON "moon.shared.t = moon.spawn(function() moon.sleep(60) end)");
	assert_eval("select(2, moon.shared.t:wait(0.01))", "\"timeout\"");
	assert_eval("moon.shared.t.status", "\"waiting\"");
}

static void a_cancelled_task_closes_its_variables(void **state)
{
	(void)state;
	load(MOON "moon.shared.t = moon.spawn(function()\n"
		  "  local c <close> = setmetatable({}, {__close = function()\n"
		  "    moon.shared.closed = true\n"
		  "    moon.shared.ok, moon.shared.err = pcall(moon.sleep, 0)\n"
		  "  end})\n"
		  "  moon.sleep(60)\nend)\n");
	(void)eval("moon.sleep(0.01)");
	(void)eval("moon.shared.t:cancel()");
	assert_eval("select(2, moon.shared.t:wait())", "\"cancelled\"");
	assert_eval("moon.shared.closed", "true");
	assert_eval("moon.shared.err.code", "\"cannot_wait\"");
	assert_eval("moon.shared.t.status", "\"cancelled\"");
}

static void a_wait_in_a_coroutine_of_its_own_passes_outward(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("(function()\n"
		    "  local out = {}\n"
		    "  local inner = coroutine.wrap(function(a)\n"
		    "    moon.sleep(0.005) out[#out + 1] = a\n"
		    "    local b = coroutine.yield('y')\n"
		    "    moon.sleep(0.005) out[#out + 1] = b return 'end'\n"
		    "  end)\n"
		    "  local outer = coroutine.create(function()\n"
		    "    moon.sleep(0.005)\n"
		    "    local y = inner('a') out[#out + 1] = y\n"
		    "    return inner('b')\n"
		    "  end)\n"
		    "  local ok, r = coroutine.resume(outer)\n"
		    "  return table.concat(out, ',') .. ' ' .. r .. ' ' .. "
		    "coroutine.status(outer)\n"
		    "end)()",
		    "\"a,y,b end dead\"");
}

static void a_coroutine_that_waits_can_be_neither_resumed_nor_closed(void **s)
{
	(void)s;
	load(MOON "local co = coroutine.create(function() moon.sleep(0.05) "
		  "return 'done' end)\n"
		  "moon.shared.co = co\n"
		  "moon.shared.t = moon.spawn(function() return "
		  "select(2, coroutine.resume(co)) end)\n");
	(void)eval("moon.sleep(0.01)");
	assert_eval("coroutine.status(moon.shared.co)", "\"normal\"");
	assert_eval("select(2, coroutine.resume(moon.shared.co))",
		    "\"cannot resume non-suspended coroutine\"");
	assert_eval("(pcall(coroutine.close, moon.shared.co))", "false");
	assert_eval("(moon.shared.t:wait())", "\"done\"");
	assert_eval("coroutine.status(moon.shared.co)", "\"dead\"");
}

static void where_lua_cannot_yield_a_wait_raises_cannot_wait(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("(function() local e = select(2, pcall(table.sort, "
		    "{1, 2, 3}, function() moon.sleep(1) end)) return e.code "
		    "end)()",
		    "\"cannot_wait\"");
	assert_eval("(function() local e = select(2, pcall(string.gsub, 'a', "
		    "'a', function() moon.sleep(1) end)) return e.code end)()",
		    "\"cannot_wait\"");
	/* … also in a coroutine within such a place. */
	assert_eval("(function() local e = select(2, pcall(table.sort, "
		    "{1, 2, 3}, function() coroutine.wrap(function() "
		    "moon.sleep(1) end)() end)) return e.code end)()",
		    "\"cannot_wait\"");
	assert_eval("(pcall(coroutine.yield))", "false");
}

static void waits_pass_through_pcall_metamethods_and_iterators(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("(function() local n = 0\n"
		    "local t = setmetatable({}, {__index = function(_, k) "
		    "moon.sleep(0.001) return k end})\n"
		    "for i in function(_, c) moon.sleep(0.001) if (c or 0) < 3 "
		    "then return (c or 0) + 1 end end do n = n + t[i] end\n"
		    "return select(2, pcall(function() moon.sleep(0.001) "
		    "return n end)) end)()",
		    "6");
}

/* ---- timers, events, select
 * ------------------------------------------------------ */

static void every_does_not_overlap_itself(void **state)
{
	(void)state;
	load(MOON "local s = moon.shared\ns.n, s.at_once, s.max = 0, 0, 0\n"
		  "s.timer = moon.every(0.01, function()\n"
		  "  s.at_once = s.at_once + 1\n"
		  "  s.max = math.max(s.max, s.at_once)\n"
		  "  moon.sleep(0.03)\n  s.at_once = s.at_once - 1\n"
		  "  s.n = s.n + 1\nend)\n");
	WAIT_EVAL("moon.shared.n >= 3", "true");
	assert_eval("moon.shared.max", "1");
	(void)eval("moon.shared.timer:cancel()");
}

static void after_runs_once_and_may_be_cancelled(void **state)
{
	(void)state;
	load(MOON "moon.shared.n = 0\n"
		  "moon.after(0.01, function() moon.shared.n = moon.shared.n + "
		  "1 end)\n"
		  "local t = moon.after(0.01, function() moon.shared.n = 100 "
		  "end)\nt:cancel()\n");
	WAIT_EVAL("moon.shared.n", "1");
	(void)eval("moon.sleep(0.03)");
	assert_eval("moon.shared.n", "1");
}

static void an_event_reaches_each_subscriber_until_it_cancels(void **state)
{
	(void)state;
	load(MOON "moon.shared.seen = {}\n"
		  "local function add(name) return function(v) local s = "
		  "moon.shared.seen s[#s + 1] = name .. v end end\n"
		  "moon.shared.a = moon.on('lead', add 'a')\n"
		  "moon.on('lead', add 'b')\n");
	(void)eval("moon.emit('lead', 1)");
	(void)eval("moon.shared.a:cancel()");
	(void)eval("moon.emit('lead', 2)");
	(void)eval("moon.sleep(0.01)");
	assert_eval("table.concat(moon.shared.seen, ' ')", "\"a1 b1 b2\"");
}

static void select_gives_the_earliest_and_disarms_the_others(void **state)
{
	(void)state;
	load(MOON "moon.shared.slow = moon.spawn(function() moon.sleep(60) "
		  "end)\n"
		  "moon.shared.quick = moon.spawn(function() moon.sleep(0.01) "
		  "return 7 end)\n");
	assert_eval("(function() local w, v = moon.select{a = "
		    "moon.shared.slow, b = moon.shared.quick, timeout = 5} "
		    "return w .. v end)()",
		    "\"b7\"");
	assert_eval("(moon.select{a = moon.shared.slow, timeout = 0.01})",
		    "\"timeout\"");
	assert_eval_has("moon.select{a = 1}", "must be a call:event");
}

/* ---- budget, memory
 * ------------------------------------------------------------------ */

/* How the task of FUNCTION's body ends: its error. */
static const char *end_of(const char *body)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "(function() local t = moon.spawn(function()\n%s\nend) "
		       "return select(3, t:wait()) end)()",
		       body);
	return eval(text);
}

static void assert_ends(const char *body, const char *why)
{
	const char *got = end_of(body);

	if (!strstr(got, why) || !strstr(got, "console:"))
		fail_msg("%s ended with: %s", body, got);
}

static void a_loop_without_a_wait_ends_with_its_line(void **state)
{
	(void)state;
	load(MOON);
	assert_ends("while true do end", "console:2: ran for more than");
	assert_ends("while true do pcall(function() while true do end end) "
		    "end",
		    "without a wait");
	assert_ends("coroutine.wrap(function() while true do end end)()",
		    "without a wait");
	assert_ends("while true do coroutine.resume(coroutine.create("
		    "function() while true do end end)) end",
		    "without a wait");
	assert_ends("local function f() return xpcall(f, f) end while true do "
		    "f() end",
		    "without a wait");
	assert_ends("local t = {} for i = 1, 3e6 do t[i] = i % 1000 end "
		    "table.sort(t) table.sort(t) table.sort(t)",
		    "without a wait");
	assert_ends("table.move({}, 1, 2^52, 2)", "without a wait");
	assert_ends("local s = ('x'):rep(1e6) while true do s:upper() end",
		    "without a wait");
}

/* As a host does that gives the core to another machine: the CPU time has gone
 * on by far more than a slice, and the script has hardly run. */
static void one_long_step_is_not_a_script_that_goes_on(void **state)
{
	(void)state;
	load(MOON "moon.spawn(function()\n"
		  "  local big = {}\n"
		  "  for part = 1, 150 do\n"
		  "    for i = 1, 20000 do big[#big + 1] = 'x' end\n"
		  "    moon.sleep(0.001)\n"
		  "  end\n"
		  "  moon.shared.big = big\n"
		  "end)\n");
	while (strcmp(eval("moon.shared.big ~= nil"), "true") != 0)
		pause_ms(10);
	assert_string_equal(eval("(function() local t = moon.spawn(function() "
				 "local n = #table.concat(moon.shared.big) "
				 "setmetatable({}, {}) "
				 "return n end) return t:wait() end)()"),
			    "3000000");
}

/* Stops this process for longer than a slice, again and again. */
static pid_t start_stopper(void)
{
	const pid_t us = getpid(), child = fork();

	if (child)
		return child;
	for (int i = 0; i < 500 && getppid() == us; i++) {
		static const struct timespec stop = {.tv_nsec = 30000000},
					     run = {.tv_nsec = 4000000};

		(void)kill(us, SIGSTOP);
		(void)nanosleep(&stop, NULL);
		(void)kill(us, SIGCONT);
		(void)nanosleep(&run, NULL);
	}
	_exit(0);
}

static void time_without_the_core_is_not_the_scripts(void **state)
{
	pid_t stopper;
	(void)state;

	load(MOON);
	stopper = start_stopper();
	assert_true(stopper > 0);
	/* some 5 ms at a time, half of a second in all */
	assert_eval("(function() local n = 0 for i = 1, 100 do\n"
		    "for k = 1, 400000 do n = n + k end moon.sleep(0)\n"
		    "end return n > 0 end)()",
		    "true");
	(void)kill(stopper, SIGKILL);
	(void)waitpid(stopper, NULL, 0);
	(void)kill(getpid(), SIGCONT);
}

static void a_pattern_that_backtracks_ends_with_its_line(void **state)
{
	(void)state;
	load(MOON);
	assert_ends("string.find(('a'):rep(300), ('.-'):rep(20) .. 'b')",
		    "console:2: pattern match takes too long");
	assert_ends("return ('a'):rep(300):gsub(('a*'):rep(20) .. 'b', '')",
		    "console:2: pattern match takes too long");
}

static void what_eats_memory_ends_with_its_line_and_others_go_on(void **state)
{
	struct scripts_count count;

	(void)state;
	load(MOON "moon.shared.other = moon.spawn(function() local n = 0 "
		  "while not moon.shared.stop do moon.sleep(0.005) n = n + 1 "
		  "end return n end)\n");
	assert_ends("local s = ('x'):rep(1e6) while true do s = s .. s end",
		    "console:2: not enough memory");
	assert_ends("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. "
		    "#t moon.sleep(0) end",
		    "console:2: not enough memory");
	(void)eval("(function() moon.shared.stop = true end)()");
	assert_eval("type(moon.shared.other:wait(5))", "\"number\"");
	scripts_count(scripts, &count);
	assert_true(count.memory_bytes < script_config.memory_hard / 2);
}

static int setup_small(void **state)
{
	(void)script_setup(state);
	scripts_free(scripts);
	script_config.memory_soft = 24 << 20;
	script_config.memory_hard = 32 << 20;
	script_config.slice_ms = 3000;
	scripts_open();
	return 0;
}

static int setup_strict(void **state)
{
	(void)script_setup(state);
	scripts_free(scripts);
	script_config.slice_ms = 20;
	script_config.pattern_steps = 100000;
	scripts_open();
	return 0;
}

static void two_hundred_notice_nothing_of_one_that_loops(void **state)
{
	(void)state;
	load(MOON "moon.shared.late, moon.shared.done = 0, 0\n"
		  "for i = 1, 200 do moon.spawn(function()\n"
		  "  for n = 1, 20 do\n"
		  "    local at = moon.now() moon.sleep(0.01)\n"
		  "    if moon.now() - at > 1 then moon.shared.late = "
		  "moon.shared.late + 1 end\n"
		  "  end\n"
		  "  moon.shared.done = moon.shared.done + 1\n"
		  "end) end\n"
		  "moon.spawn(function() while true do end end)\n"
		  "moon.spawn(function() while true do pcall(string.find, "
		  "('a'):rep(300), ('.-'):rep(20) .. 'b') end end)\n"
		  "moon.spawn(function() coroutine.wrap(function() while true "
		  "do pcall(error) end end)() end)\n");
	WAIT_EVAL("moon.shared.done", "200");
	assert_eval("moon.shared.late", "0");
}

/* ---- sandbox, errors
 * ------------------------------------------------------------------- */

static void what_scripts_may_not_have_is_not_there(void **state)
{
	(void)state;
	load(MOON);
	assert_eval_has("io.open('/etc/passwd')", "undefined variable 'io'");
	assert_eval("os.execute == nil and os.exit == nil and os.getenv == "
		    "nil and os.remove == nil",
		    "true");
	assert_eval("debug.sethook == nil and string.dump == nil", "true");
	assert_eval("(load('\\27Lua'))", "null");
	assert_eval_has("setmetatable({}, {__gc = print})", "__gc");
	assert_eval("(pcall(function() getmetatable('').__index = nil end))",
		    "false");
	assert_eval("load('return 1 + 1')()", "2");
	assert_eval("(load('return x', 'n', 't', {x = 5}))()", "5");
}

static void a_global_can_be_set_while_loading_only(void **state)
{
	char err[256];

	(void)state;
	load(MOON "answer = 42\nfunction late() oops = 1 end\n");
	assert_eval("answer", "42");
	assert_eval_has("late()", "flow.lua:3: global 'oops' can't be set");
	assert_eval_has("rawset(_G, 'x', 1)", "can't be set");
	assert_eval_has("nowhere", "undefined variable 'nowhere'");
	assert_eval("rawget(_G, 'nowhere')", "null");
	assert_false(try_load("bad.lua", "local x = undefind + 1", err,
			      sizeof(err)));
	assert_non_null(strstr(err, "bad.lua:1: undefined variable "
				    "'undefind'"));
}

static void misuse_names_verb_option_and_line(void **state)
{
	(void)state;
	load(MOON "function f() moon.dial('sip:x@127.0.0.1', {timout = 1}) "
		  "end\n");
	assert_eval_has("moon.cdr.find{dispositon = 'x'}",
			"unknown option 'dispositon'; did you mean "
			"'disposition'?");
	assert_eval_has("moon.cdr.find{limit = 'x'}", "option 'limit'");
	assert_eval_has("moon.spwan()", "did you mean 'spawn'?");
	assert_eval_has("moon.http()", "moon.http is not available yet");
	assert_eval_has("moon.sleep('x')", "moon.sleep: seconds");
	assert_eval_has("moon.spawn(1)", "console:1: moon.spawn");
}

static void a_script_that_does_not_load_says_file_and_line(void **state)
{
	char err[256];

	(void)state;
	assert_false(try_load("a.lua", "x = = 1", err, sizeof(err)));
	assert_non_null(strstr(err, "a.lua:1:"));
	assert_false(try_load("a.lua", "\nerror('no')", err, sizeof(err)));
	assert_non_null(strstr(err, "a.lua:2: no"));
	assert_false(scripts_load(scripts, path_of("none.lua"), NULL, err,
				  sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
	write_file("ok.lua", "#!/usr/bin/env moondial\nlocal x = 1");
	assert_true(scripts_check(path_of("ok.lua"), err, sizeof(err)));
}

static void modules_come_from_the_scripts_folder_once(void **state)
{
	char err[256];

	(void)state;
	write_file("part.lua", "local M = {n = 0} function M.add() M.n = M.n "
			       "+ 1 return M.n end return M");
	load(MOON "local a, b = require 'part', require 'part'\n"
		  "a.add()\nmoon.shared.n = b.add()\n");
	assert_eval("moon.shared.n", "2");
	assert_eval_has("require 'nowhere'", "module 'nowhere' not found");
	assert_eval_has("require '../part'", "not a name");
	write_file("circle.lua", "return require 'circle'");
	assert_false(try_load("x.lua", "require 'circle'", err, sizeof(err)));
	assert_non_null(strstr(err, "requires itself"));
}

/* ---- generations
 * ------------------------------------------------------------------------- */

static void reload_ends_what_belongs_to_no_call_and_keeps_the_rest(void **s)
{
	struct scripts_count count;
	char err[256];

	(void)s;
	load(MOON "version = 1\nmoon.shared.ticks = 0\n"
		  "moon.every(0.005, function() moon.shared.old = true end)\n"
		  "moon.on('x', function() moon.shared.heard = "
		  "'old' end)\n"
		  "moon.spawn(function() moon.sleep(60) end)\n");
	WAIT_EVAL("moon.shared.old", "true");
	write_file("flow.lua", MOON "version = 2\n");
	assert_true(scripts_reload(scripts, err, sizeof(err)));
	assert_eval("version", "2");
	(void)eval("moon.emit('x')");
	(void)eval("moon.sleep(0.01)");
	assert_eval("moon.shared.heard", "null");
	WAIT(idle_but_for(0));
	(void)eval("collectgarbage('step')");
	scripts_count(scripts, &count);
	assert_int_equal(count.generations, 1);
	assert_true(scripts_idle(scripts));
}

static void a_reload_that_fails_leaves_the_old_one_in_force(void **state)
{
	char err[256];

	(void)state;
	load(MOON "version = 1\nmoon.on('x', function() moon.shared.x = 1 "
		  "end)\n");
	write_file("flow.lua", MOON "version = 2\nmoon.every(0.01, "
				    "function() moon.shared.x = 2 end)\n"
				    "error('broken')\n");
	assert_false(scripts_reload(scripts, err, sizeof(err)));
	assert_non_null(strstr(err, "flow.lua:4: broken"));
	assert_eval("version", "1");
	(void)eval("moon.sleep(0.03)");
	assert_eval("moon.shared.x", "null");
	(void)eval("moon.emit('x')");
	WAIT_EVAL("moon.shared.x", "1");
}

static void what_the_script_returns_is_started(void **state)
{
	(void)state;
	load(MOON "return {start = function(self) moon.shared.me = self.name "
		  "end, name = 'c'}\n");
	WAIT_EVAL("moon.shared.me", "\"c\"");
}

static void run_calls_a_function_of_a_module(void **state)
{
	cJSON *args = cJSON_Parse("[1, [2, 3], {\"a\": null}]");

	(void)state;
	write_file("tool.lua", "local moon = require 'moondial'\nreturn {add "
			       "= function(a, l, o) moon.sleep(0) return {sum "
			       "= a + l[1] + l[2], null = o.a == "
			       "moon.json.null} end}");
	load(MOON);
	answered = false;
	assert_int_equal(
		scripts_run(scripts, "tool", "add", args, on_answer, NULL), 0);
	cJSON_Delete(args);
	WAIT(answered);
	assert_non_null(strstr(answer, "\"sum\":6"));
	assert_non_null(strstr(answer, "\"null\":true"));
	answered = false;
	assert_int_equal(
		scripts_run(scripts, "tool", "none", NULL, on_answer, NULL), 0);
	WAIT(answered);
	assert_non_null(strstr(answer, "no function 'none'"));
}

/* ---- json, csv
 * --------------------------------------------------------------------------------
 */

static void json_keeps_integers_nulls_and_empty_lists(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("moon.json.encode(moon.json.decode('[]'))", "\"[]\"");
	assert_eval("moon.json.encode({})", "\"{}\"");
	assert_eval("math.type(moon.json.decode('9007199254740992'))",
		    "\"integer\"");
	assert_eval("moon.json.encode(9007199254740993)",
		    "\"9007199254740993\"");
	assert_eval("moon.json.decode('[null]')[1] == moon.json.null", "true");
	assert_eval("(moon.json.decode('{'))", "null");
	assert_eval_has("moon.json.encode(print)", "can't be JSON");
	assert_eval_has("(function() local t = {} t.t = t return "
			"moon.json.encode(t) end)()",
			"nested too deeply");
}

static void csv_rows_have_their_lines_and_bad_ones_their_reason(void **state)
{
	(void)state;
	write_file("l.csv", "\xef\xbb\xbfphone,name\r\n1,\"a, \"\"b\"\"\"\r\n"
			    "\r\n2,\"two\nlines\"\r\n3,st\"ray\r\n4,last");
	load(MOON "function rows(p) local out = {} for r in moon.csv.rows(p) "
		  "do out[#out + 1] = r.line .. ':' .. (r.error or "
		  "table.concat(r.fields, '|')) end return "
		  "table.concat(out, ' ; ') end\n");
	assert_eval("rows 'l.csv'",
		    "\"1:phone|name ; 2:1|a, \\\"b\\\" ; 4:2|two\\nlines ; "
		    "6:a quote inside an unquoted field ; 7:4|last\"");
	write_file("m.csv", "a\n1,\"never\n2,b\n");
	assert_eval("rows 'm.csv'",
		    "\"1:a ; 2:a quoted field that never ends ; 3:2|b\"");
	assert_eval_has("rows 'none.csv'", "No such file");
	write_file("n.csv", "");
	assert_eval("rows 'n.csv'", "\"\"");
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, script_setup, script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sleep_ends_and_a_task_has_its_results),
		T(waiting_for_a_task_times_out),
		T(a_cancelled_task_closes_its_variables),
		T(a_wait_in_a_coroutine_of_its_own_passes_outward),
		T(a_coroutine_that_waits_can_be_neither_resumed_nor_closed),
		T(where_lua_cannot_yield_a_wait_raises_cannot_wait),
		T(waits_pass_through_pcall_metamethods_and_iterators),
		T(every_does_not_overlap_itself),
		T(after_runs_once_and_may_be_cancelled),
		T(an_event_reaches_each_subscriber_until_it_cancels),
		T(select_gives_the_earliest_and_disarms_the_others),
		T(a_loop_without_a_wait_ends_with_its_line),
		cmocka_unit_test_setup_teardown(
			one_long_step_is_not_a_script_that_goes_on,
			setup_strict, script_teardown),
		cmocka_unit_test_setup_teardown(
			time_without_the_core_is_not_the_scripts, setup_strict,
			script_teardown),
		T(a_pattern_that_backtracks_ends_with_its_line),
		cmocka_unit_test_setup_teardown(
			what_eats_memory_ends_with_its_line_and_others_go_on,
			setup_small, script_teardown),
		cmocka_unit_test_setup_teardown(
			two_hundred_notice_nothing_of_one_that_loops,
			setup_strict, script_teardown),
		T(what_scripts_may_not_have_is_not_there),
		T(a_global_can_be_set_while_loading_only),
		T(misuse_names_verb_option_and_line),
		T(a_script_that_does_not_load_says_file_and_line),
		T(modules_come_from_the_scripts_folder_once),
		T(reload_ends_what_belongs_to_no_call_and_keeps_the_rest),
		T(a_reload_that_fails_leaves_the_old_one_in_force),
		T(what_the_script_returns_is_started),
		T(run_calls_a_function_of_a_module),
		T(json_keeps_integers_nulls_and_empty_lists),
		T(csv_rows_have_their_lines_and_bad_ones_their_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
