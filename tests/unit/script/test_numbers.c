/* moon.numbers, and the lists that are asked before a number is called. */
#include "fixture.h"

/* moon.folder is the test's. */
static const char script[] =
	"moon = require 'moondial'\n"
	"dnc = require 'moondial.compliance.dnc'\n"
	"tool = require 'moondial.compliance.dnc_tool'\n"
	"function at(name) return moon.folder .. '/' .. name end\n"
	"function keys(t) local k = {} for n, l in pairs(t) do k[#k + 1] = n "
	".. '=' .. tostring(l) end table.sort(k) return table.concat(k, ' ') "
	"end\n"
	"function import(name, file, country) return tool.import{list = "
	"name, source = at(file), path = at(name .. '.numbers'), country = "
	"country} end\n";

static void a_list_is_built_and_asked(void **state)
{
	(void)state;
	write_file("source", "phone\n212,5550101\n212,5550102\nnobody\n");
	load(script);
	assert_eval("(function() local r = moon.numbers.build(at 'source', at "
		    "'list', {country = '1'}) return table.concat({r.lines, "
		    "r.numbers, r.duplicates, r.bad, r.bad_lines[1]}, ' ') "
		    "end)()",
		    "\"4 2 0 1 4\"");
	assert_eval("keys(moon.numbers.open(at 'list'):find{'12125550101', "
		    "'+12125550102', '12125550103', 'x', ''})",
		    "\"+12125550102=true 12125550101=true\"");
	assert_eval("keys(moon.numbers.open(at 'list'):find{})", "\"\"");
	assert_eval("select(2, moon.numbers.open(at 'none'):find{'1'})",
		    "\"failed\"");
	assert_eval_has("select(3, moon.numbers.open(at 'source'):find{'1'})",
			"is no list of numbers");
	assert_eval_has("select(3, moon.numbers.build(at 'none', at 'x'))",
			"none: No such file");
	assert_eval_has("moon.numbers.open(at 'list'):find{1}",
			"a list of texts is expected");
	assert_eval_has("moon.numbers.build(at 'source', at 'x', {country = "
			"'US'})",
			"calling code");
}

static void an_asking_that_is_cancelled_disturbs_nobody(void **state)
{
	(void)state;
	write_file("source", "+12125550101\n");
	load(script);
	(void)eval("moon.numbers.build(at 'source', at 'list')");
	assert_eval("(function() local set = moon.numbers.open(at 'list') "
		    "for i = 1, 20 do local t = moon.spawn(function() "
		    "set:find{'12125550101'} end) moon.sleep(0) t:cancel() "
		    "t = moon.spawn(function() moon.numbers.build(at "
		    "'source', at 'other') end) moon.sleep(0) t:cancel() end "
		    "return keys(set:find{'12125550101'}) end)()",
		    "\"12125550101=true\"");
}

static void every_list_that_holds_is_asked(void **state)
{
	(void)state;
	write_file("us", "212,5550101\n212,5550102\n");
	write_file("other", "+442079460018\n");
	load(script);
	assert_eval_has("import('us-ftc', 'us', '1')", "2 numbers of 2 lines");
	assert_eval_has("import('tps', 'other')", "1 numbers of 1 lines");
	assert_eval("dnc.add('+12125550103')", "true");
	assert_eval("dnc.add('0012125550103')", "false");
	(void)eval("dnc.add('+12125550104', dnc.of_campaign('c'), 'no more')");
	(void)eval("dnc.add('+12125550105', dnc.of_campaign('d'))");
	assert_eval("keys(dnc.listed({'+12125550101', '12125550102', "
		    "'+12125550103', '+12125550104', '+12125550105', "
		    "'+12125550106', '+442079460018'}, 'c'))",
		    "\"+12125550101=us-ftc +12125550103=internal "
		    "+12125550104=campaign:c +442079460018=tps "
		    "12125550102=us-ftc\"");
	assert_eval("keys(dnc.listed({'+12125550101', '+442079460018'}, 'c', "
		    "{'tps'}))",
		    "\"+442079460018=tps\"");
	assert_eval("keys(dnc.listed({'+12125550101', '+12125550103'}, 'c', "
		    "false))",
		    "\"+12125550103=internal\"");
	assert_eval_has("dnc.listed({'+12125550101'}, 'c', {'nope'})",
			"there is no list 'nope'");
	/* more numbers than one query takes */
	assert_eval("(function() local n = {} for i = 100, 999 do n[#n + 1] = "
		    "'+12125550' .. i end return keys(dnc.listed(n, 'c')) "
		    "end)()",
		    "\"+12125550101=us-ftc +12125550102=us-ftc "
		    "+12125550103=internal +12125550104=campaign:c\"");
}

static void a_newer_list_takes_the_place_of_the_old_one(void **state)
{
	(void)state;
	write_file("old", "212,5550101\n");
	write_file("new", "212,5550102\n");
	load(script);
	(void)eval("import('us', 'old', '1')");
	assert_eval("keys(dnc.listed({'+12125550101', '+12125550102'}))",
		    "\"+12125550101=us\"");
	(void)eval("import('us', 'new', '1')");
	WAIT_EVAL("keys(dnc.listed({'+12125550101', '+12125550102'}))",
		  "\"+12125550102=us\"");
	assert_eval_has("tool.drop{list = 'us'}", "forgotten");
	WAIT_EVAL("keys(dnc.listed({'+12125550101', '+12125550102'}))", "\"\"");
}

static void nobody_is_called_while_a_list_cant_be_read(void **state)
{
	(void)state;
	write_file("us", "212,5550101\n");
	load(script);
	(void)eval("import('us', 'us', '1')");
	assert_int_equal(unlink(path_of("us.numbers")), 0);
	assert_eval_has("dnc.listed({'+12125550101'})",
			"the list us can't be read, so nobody can be called");
}

static void the_command_says_what_it_does(void **state)
{
	(void)state;
	write_file("bad", "5550101\n+12125550101\n");
	load(script);
	assert_eval_has("import('us', 'bad')", "bad:1: no telephone number; "
					       "are they without");
	assert_eval_has("import('internal', 'bad')", "moondial dnc add");
	assert_eval_has("import('../x', 'bad')", "no name of a list");
	assert_eval_has("tool.add{numbers = {'(212) 555-0109'}, country = "
			"'1', reason = 'letter', user = 'ada'}",
			"+12125550109 is now on the list internal");
	assert_eval_has("tool.add{numbers = {'555 0109'}}", "whose number");
	assert_eval_has("tool.check{numbers = {'+12125550109', "
			"'+12125550101', '+1212555'}}",
			"(letter), by ada\\n+12125550101: on the list us");
	assert_eval_has("tool.lists{}", "internal");
	assert_eval_has("tool.remove{numbers = {'+12125550109'}}",
			"is no longer on the list internal");
	assert_eval_has("tool.check{numbers = {'+12125550109'}}", "on no list");
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_store, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_list_is_built_and_asked),
		T(an_asking_that_is_cancelled_disturbs_nobody),
		T(every_list_that_holds_is_asked),
		T(a_newer_list_takes_the_place_of_the_old_one),
		T(nobody_is_called_while_a_list_cant_be_read),
		T(the_command_says_what_it_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
