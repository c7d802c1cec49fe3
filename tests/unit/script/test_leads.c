/* moon.phone and moon.csv.leads on a real database. */
#include "fixture.h"

#define MOON "local moon = require 'moondial'\n"

static void numbers_become_e164(void **state)
{
	static const struct {
		const char *text, *region, *number, *type;
	} numbers[] = {
		{"(212) 555-2368", "US", "+12125552368",
		 "fixed_line_or_mobile"},
		{"1-800-356-9377", "US", "+18003569377", "toll_free"},
		{"+1 900 555 0123", "US", "+19005550123", "premium_rate"},
		{"020 7946 0018", "GB", "+442079460018", "fixed_line"},
		{"07400 123456", "GB", "+447400123456", "mobile"},
		{"0151 23456789", "DE", "+4915123456789", "mobile"},
		{"0049 30 123456", "FR", "+4930123456", "fixed_line"},
		{"+49 (0) 30 123456", "US", "+4930123456", "fixed_line"},
		{"06 12 34 56 78", "FR", "+33612345678", "mobile"},
	};

	(void)state;
	load(MOON);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[256], expected[128];

		(void)snprintf(text, sizeof(text),
			       "(function() local n, why = "
			       "moon.phone.parse('%s', '%s') return n and "
			       "n.number .. ' ' .. n.type or why end)()",
			       numbers[i].text, numbers[i].region);
		(void)snprintf(expected, sizeof(expected), "\"%s %s\"",
			       numbers[i].number, numbers[i].type);
		assert_eval(text, expected);
	}
	assert_eval("moon.phone.parse('212-555-2368 ext. 12', 'US').extension",
		    "\"12\"");
	assert_eval("moon.phone.parse('+14165550123').country", "\"CA\"");
}

static void numbers_that_are_none_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *region, *reason;
	} numbers[] = {
		{"abc", "US", "'abc' is not a phone number"},
		{"", "US", "'' is not a phone number"},
		{"12", "US", "too short"},
		{"212 555 2368 99999", "US", "too long"},
		{"+999 123456", "US", "no country code"},
		{"555-2368", "US", "no area code"},
		{"(111) 555-2368", "US", "nobody can have"},
		{"0212345", "ZZ", "no country code"},
	};

	(void)state;
	load(MOON);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "select(2, moon.phone.parse('%s', '%s'))",
			       numbers[i].text, numbers[i].region);
		assert_eval_has(text, numbers[i].reason);
	}
	assert_eval_has("moon.phone.parse('1', 'Germany')",
			"region 'Germany' is none");
}

static void numbers_without_a_region_keep_their_digits(void **state)
{
	static const struct {
		const char *text, *number;
	} numbers[] = {
		{"+1 555 0100", "\"+15550100\""},
		{"(030) 123-45.67", "\"0301234567\""},
		{"0049/30/1234", "\"0049301234\""},
		{"112", "\"112\""},
	};
	static const struct {
		const char *text, *reason;
	} wrong[] = {
		{"abc", "is not a phone number"},
		{"+1555;phone-context=x", "is not a phone number"},
		{"123@host", "is not a phone number"},
		{"1+2", "is not a phone number"},
		{"", "is not a phone number"},
		{"1", "too short"},
		{"+1234567890123456", "has 16 digits"},
	};
	char text[128];

	(void)state;
	load(MOON);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		(void)snprintf(text, sizeof(text), "moon.phone.plain('%s')",
			       numbers[i].text);
		assert_eval(text, numbers[i].number);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		(void)snprintf(text, sizeof(text),
			       "select(2, moon.phone.plain('%s'))",
			       wrong[i].text);
		assert_eval_has(text, wrong[i].reason);
	}
}

static void zones_come_by_the_longest_prefix(void **state)
{
	(void)state;
	load(MOON);
	assert_eval("moon.phone.zones('+12125552368')", "\"America/New_York\"");
	assert_eval("moon.phone.zones('+14155552368')",
		    "\"America/Los_Angeles\"");
	assert_eval("moon.phone.zones('+4930123456')", "\"Europe/Berlin\"");
	/* an area code in two zones: both */
	assert_eval("moon.phone.zones('+12083305550')",
		    "\"America/Boise,America/Los_Angeles\"");
	assert_eval("moon.phone.zones('2125552368')", "null");
	assert_eval("moon.phone.zones('+999')", "null");
	assert_eval("moon.phone.is_zone('Europe/Berlin')", "true");
	assert_eval("moon.phone.is_zone('Europe/Atlantis')", "false");
	assert_eval("moon.phone.is_zone('../../etc/passwd')", "false");
}

#define IMPORT                                                                \
	"moon.shared.import = function(options)\n"                            \
	"  local leads = require 'moondial.leads'\n"                          \
	"  moon.db.exec(moon.db.sql 'campaign_put', 'c', nil, nil, nil, 1)\n" \
	"  return leads.import('c', 'n.csv', options) end\n"

static void a_file_becomes_leads(void **state)
{
	(void)state;
	write_file("n.csv", "Phone,name,mobile,Priority,timezone\r\n"
			    "(212) 555-2368,\"O\"\"Neil, Bob\",,5,\r\n"
			    "nonsense,Ada,020 7946 0018,,\r\n"
			    "+442079460018,Eve,+44 7400 123456,,\r\n"
			    "212-555-2368,Bob again,,,America/Denver\r\n"
			    "415-555-2368,Zoe,,x,\r\n"
			    "415-555-2368,Zoe,,,Mars/Olympus\r\n"
			    "415-555-2368,Zoe\r\n"
			    "415-555-2368,Tab\there,nope,,\r\n");
	load(MOON IMPORT);
	assert_eval("(function() local r = moon.shared.import{region = 'US', "
		    "list = 'one'} moon.shared.r = r return ('%d %d %d "
		    "%d'):format(r.rows, r.imported, r.merged, r.bad_count) "
		    "end)()",
		    "\"8 3 1 4\"");
	assert_eval_has("moon.json.encode(moon.shared.r.bad)",
			"'nonsense' is not a phone number");
	assert_eval_has("moon.json.encode(moon.shared.r.bad)",
			"priority 'x' is not a whole number");
	assert_eval_has("moon.json.encode(moon.shared.r.bad)",
			"'Mars/Olympus' is no time zone");
	assert_eval_has("moon.json.encode(moon.shared.r.bad)",
			"has 2 fields, the header 5");
	assert_eval("moon.shared.r.bad[1].line", "3");
	assert_eval_has("moon.json.encode(moon.shared.r.notes)",
			"column 'mobile': 'nope' is not a phone number");
	assert_eval("(function() local r = moon.db.query([[SELECT * FROM leads "
		    "WHERE phone = '+12125552368']])[1] return "
		    "r.zones .. ' ' .. r.priority .. ' ' .. r.list .. ' ' .. "
		    "r.state .. ' ' .. r.merged .. ' ' .. r.fields_json end)()",
		    "\"America/Denver 0 one new 1 "
		    "{\\\"name\\\":\\\"Bob again\\\",\\\"mobile\\\":"
		    "\\\"\\\"}\"");
	assert_eval("moon.db.query([[SELECT numbers FROM leads WHERE phone = "
		    "'+442079460018']])[1].numbers",
		    "\"+442079460018,+447400123456\"");
	assert_eval("moon.json.decode(moon.db.query([[SELECT fields_json AS f "
		    "FROM leads WHERE phone = '+14155552368']])[1].f).name",
		    "\"Tab\\there\"");
}

/* Without a region numbers have no + in front: one may be the end of another.
 */
static void numbers_that_end_alike_are_two(void **state)
{
	(void)state;
	write_file("n.csv", "phone,mobile,work_phone\n"
			    "15551234,5551234,5551234\n");
	load(MOON IMPORT);
	assert_eval("moon.shared.import{}.imported", "1");
	assert_eval("moon.db.query([[SELECT numbers FROM leads]])[1].numbers",
		    "\"15551234,5551234\"");
}

static void a_file_of_many_batches_is_counted_whole(void **state)
{
	char path[128];
	FILE *f;

	(void)state;
	write_file("n.csv", "");
	(void)snprintf(path, sizeof(path), "%s", path_of("n.csv"));
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs("phone\n", f);
	for (int i = 0; i < 1700; i++)
		(void)fprintf(f, "+1212555%04d\n", i % 1600);
	(void)fclose(f);
	load(MOON IMPORT);
	assert_eval("(function() local r = moon.shared.import{} return ('%d %d "
		    "%d %d'):format(r.rows, r.imported, r.merged, r.bad_count) "
		    "end)()",
		    "\"1700 1600 100 0\"");
	assert_eval("(function() local r = moon.shared.import{} return ('%d %d "
		    "%d'):format(r.rows, r.imported, r.merged) end)()",
		    "\"1700 0 1700\"");
}

static void numbers_of_another_campaign_can_be_left_out(void **state)
{
	(void)state;
	write_file("n.csv", "phone\n+1000\n+2000\n+3000\n");
	load(MOON IMPORT);
	assert_eval("(function() local leads = require 'moondial.leads' "
		    "local r = leads.add('other', {{phone = '+2000', name = "
		    "'x'}, {name = 'y'}, {phone = '+2000'}}) return ('%d %d "
		    "%d %s'):format(r.imported, r.merged, r.bad_count, "
		    "r.bad[1].reason) end)()",
		    "\"1 1 1 no phone number\"");
	assert_eval("(function() local r = moon.shared.import{elsewhere = "
		    "true} return ('%d %d %d'):format(r.imported, r.merged, "
		    "r.elsewhere) end)()",
		    "\"2 0 1\"");
}

static void a_file_that_cant_be_read_says_so(void **state)
{
	(void)state;
	write_file("n.csv", "name,city\nAda,Rome\n");
	load(MOON IMPORT);
	assert_eval_has("moon.shared.import{}",
			"n.csv:1: the header has no column 'phone' (it has: "
			"name, city)");
	assert_eval_has("moon.shared.import{numbers = {'tel'}}",
			"no column 'tel'");
	assert_eval_has("moon.shared.import{region = 'Deutschland'}",
			"region 'Deutschland' is none");
	assert_eval_has("require('moondial.leads').import('c', 'none.csv')",
			"none.csv: No such file");
}

/* The store's answer comes when nobody waits for it any more. */
static void an_import_that_is_cancelled_disturbs_nobody(void **state)
{
	(void)state;
	write_file("n.csv", "phone\n+1000\n+2000\n");
	load(MOON IMPORT
	     "moon.spawn(function()\n"
	     "  local t = moon.spawn(moon.shared.import, {})\n"
	     "  moon.sleep(0) t:cancel()\n"
	     "  moon.shared.ends = select(2, t:wait())\n"
	     "  moon.shared.out = moon.shared.import({}).rows end)\n");
	WAIT_EVAL("moon.shared.out", "2");
	assert_eval("moon.shared.ends", "\"cancelled\"");
	WAIT(idle_but_for(0));
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_store, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(numbers_become_e164),
		T(numbers_that_are_none_are_refused_with_a_reason),
		T(numbers_without_a_region_keep_their_digits),
		T(zones_come_by_the_longest_prefix),
		T(a_file_becomes_leads),
		T(numbers_that_end_alike_are_two),
		T(a_file_of_many_batches_is_counted_whole),
		T(numbers_of_another_campaign_can_be_left_out),
		T(a_file_that_cant_be_read_says_so),
		T(an_import_that_is_cancelled_disturbs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
