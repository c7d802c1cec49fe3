/* moon.db and moon.cdr on a real database. */
#include "fixture.h"

#define MOON "local moon = require 'moondial'\n"

static void rows_come_back_as_they_were_written(void **state)
{
	(void)state;
	load(MOON);
	(void)eval("moon.db.exec('CREATE TABLE t (i BIGINT, r DOUBLE "
		   "PRECISION, s TEXT, n TEXT)')");
	assert_eval("(moon.db.exec('INSERT INTO t VALUES (?, ?, ?, ?)', "
		    "9007199254740993, 1.5, 'a\\0b', nil))",
		    "1");
	assert_eval("(function() local r = moon.db.query('SELECT * FROM t')[1]"
		    " return r.i == 9007199254740993 and r.r == 1.5 and r.s "
		    "== 'a\\0b' and r.n == nil end)()",
		    "true");
	assert_eval("#moon.db.query('SELECT * FROM t WHERE i = ?', 1)", "0");
	assert_eval("moon.db.query('INSERT INTO t (i) VALUES (7) RETURNING "
		    "i')[1].i",
		    "7");
}

static void a_transaction_is_all_or_nothing(void **state)
{
	(void)state;
	load(MOON);
	(void)eval("moon.db.exec('CREATE TABLE t (i BIGINT UNIQUE, s TEXT)')");
	assert_eval("(function() local rows, changes = moon.db.transaction{"
		    "{'INSERT INTO t VALUES (?, ?)', 1, nil}, "
		    "{'INSERT INTO t VALUES (?, ?)', 2, moon.db.null}, "
		    "{'SELECT count(*) AS n FROM t'}} return rows[1].n .. ' ' "
		    ".. changes end)()",
		    "\"2 2\"");
	assert_eval("(function() local ok, why = moon.db.transaction{"
		    "{'INSERT INTO t VALUES (?, ?)', 3, 'x'}, "
		    "{'INSERT INTO t VALUES (?, ?)', 1, 'x'}} return why "
		    "end)()",
		    "\"constraint\"");
	assert_eval("moon.db.query('SELECT count(*) AS n FROM t')[1].n", "2");
	assert_eval_has("moon.db.transaction{{'INSERT INTO t VALUES (?)', 1, "
			"2}}",
			"more parameters than question marks");
}

static void sql_that_is_wrong_raises_with_its_verb(void **state)
{
	(void)state;
	load(MOON);
	assert_eval_has("moon.db.query('SELEC 1')", "moon.db.query: ");
	assert_eval_has("moon.db.exec('SELECT ?', print)",
			"parameter 1 can't be a function");
	assert_eval_has("moon.db.sql('nope')", "no query 'nope'");
	assert_eval("type(moon.db.sql('cdr_get'))", "\"string\"");
}

static void a_query_that_is_cancelled_disturbs_nobody(void **state)
{
	(void)state;
	load(MOON "moon.shared.t = moon.spawn(function() moon.db.exec("
		  "'CREATE TABLE late (i BIGINT)') end)\n");
	(void)eval("moon.shared.t:cancel()");
	assert_eval("select(2, moon.shared.t:wait())", "\"cancelled\"");
	assert_eval("#moon.db.query('SELECT 1 AS x')", "1");
}

/* What each gives once the one before it was cancelled in the middle. */
static void a_cancelled_verb_of_the_store_leaves_the_next_alone(void **state)
{
	static const char *const verbs[] = {
		"moon.db.query('SELECT 7 AS x')[1].x",
		"moon.db.exec('CREATE TABLE IF NOT EXISTS c (i BIGINT)') + 7",
		("select(2, moon.db.transaction{{'CREATE TABLE IF NOT EXISTS d "
		 "(i BIGINT)'}, {'SELECT 1'}}) + 7"),
		"#moon.cdr.find{number = 'x'} + 7",
		"tonumber(moon.csv.rows('n.csv')().fields[1])",
	};

	(void)state;
	write_file("n.csv", "7,8\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		char text[1024];

		(void)snprintf(text, sizeof(text),
			       MOON "moon.spawn(function()\n"
				    "  local function verb() return %s end\n"
				    "  local t = moon.spawn(verb)\n"
				    "  moon.sleep(0) assert(t.status == "
				    "'waiting') t:cancel()\n"
				    "  moon.shared.ends = select(2, t:wait())\n"
				    "  moon.shared.out = verb() end)\n",
			       verbs[i]);
		load(text);
		WAIT_EVAL("moon.shared.out", "7");
		assert_eval("moon.shared.ends", "\"cancelled\"");
		(void)eval("(function() moon.shared.out = nil end)()");
		WAIT(idle_but_for(0));
	}
}

static void call_records_are_found_in_seconds(void **state)
{
	(void)state;
	load(MOON);
	(void)eval("moon.db.exec([[INSERT INTO cdrs (id, direction, "
		   "started_at_ms, disposition, from_user, to_user, rtt_ms, "
		   "user_json) VALUES ('A', 'in', 1500, 'answered', '1', '2', "
		   "12.5, '{\"x\": [1]}')]])");
	assert_eval("(function() local r = moon.cdr.find{number = '2', since "
		    "= 1, until_ = nil}[1] return r.started_at .. ' ' .. "
		    "r.rtt .. ' ' .. r.user.x[1] end)()",
		    "\"1.5 0.0125 1\"");
	assert_eval("#moon.cdr.find{disposition = 'busy'}", "0");
	assert_eval("#moon.cdr.find{['until'] = 1}", "0");
	assert_eval("#moon.cdr.find{number = \"' OR 1 = 1 --\"}", "0");
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_store, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_come_back_as_they_were_written),
		T(a_transaction_is_all_or_nothing),
		T(sql_that_is_wrong_raises_with_its_verb),
		T(a_query_that_is_cancelled_disturbs_nobody),
		T(a_cancelled_verb_of_the_store_leaves_the_next_alone),
		T(call_records_are_found_in_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
