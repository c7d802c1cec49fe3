/* Requests and answers: groups, savepoints, values, cancelling, reads. */
#include "base/metrics.h"
#include "fixture.h"

static void a_request_is_answered_with_its_rows(void **state)
{
	struct fixture *f = *state;
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	must(f, &out, "INSERT INTO t VALUES (1), (2), (3)", NULL, 0);
	assert_int_equal(out.changes, 3);
	must(f, &out, "SELECT n, n * 2 AS twice FROM t ORDER BY n DESC", NULL,
	     0);
	assert_int_equal(out.rows, 3);
	assert_int_equal(out.columns, 2);
	assert_int_equal(out.integer, 3);
	assert_int_equal(store_queued(f->store), 0);
}

static void check_echo(const struct store_result *res, void *arg)
{
	const struct store_value *sent = arg;

	assert_null(res->error);
	assert_int_equal(res->rows, 1);
	assert_int_equal(res->columns, 5);
	assert_string_equal(res->names[0], "a");
	assert_string_equal(res->names[4], "e");
	for (size_t i = 0; i < 5; ++i) {
		const struct store_value *v = &res->values[i];

		assert_int_equal(v->type, sent[i].type);
		if (v->type == STORE_INTEGER)
			assert_true(v->integer == sent[i].integer);
		if (v->type == STORE_REAL)
			assert_true(v->real == sent[i].real);
		if (v->type == STORE_TEXT) {
			assert_int_equal(v->size, sent[i].size);
			assert_memory_equal(v->text, sent[i].text, v->size);
		}
	}
}

static void values_of_all_types_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;
	static const char odd[] = "a\0b\xff\xfe\0"; /* NUL, not UTF-8 */
	struct store_value v[5] = {
		none(),
		integer(INT64_MIN),
		{.type = STORE_REAL, .real = 0.1},
		{.type = STORE_TEXT, .text = odd, .size = sizeof(odd)},
		text(""),
	};
	struct store_statement s = {"INSERT INTO t VALUES (?, ?, ?, ?, ?)", v,
				    5};
	struct store_statement get = {"SELECT * FROM t", NULL, 0};
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (a, b, c, d, e)", NULL, 0);
	store_request(f->store, &s, 1, NULL, NULL);
	store_request(f->store, &get, 1, check_echo, v);
	must(f, &out, "SELECT length(CAST(d AS BLOB)) FROM t", NULL, 0);
	assert_int_equal(out.integer, sizeof(odd));
}

static void injection_text_is_stored_byte_for_byte(void **state)
{
	struct fixture *f = *state;
	const char *evil = "Robert'); DROP TABLE cdrs;-- \" =1+1 <b>\n\\";
	struct store_value v = text(evil);
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (a TEXT)", NULL, 0);
	must(f, &out, "INSERT INTO t VALUES (?)", &v, 1);
	must(f, &out, "SELECT a FROM t", NULL, 0);
	assert_string_equal(out.text, evil);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs"), 0);
}

struct order {
	unsigned count;
	bool wrong;
};

static void note_order(const struct store_result *res, void *arg)
{
	struct order *order = arg;

	assert_null(res->error);
	assert_int_equal(res->rows, 1);
	if (res->values[0].integer != (int64_t)order->count)
		order->wrong = true;
	++order->count;
}

static void answers_come_in_the_order_of_requests(void **state)
{
	struct fixture *f = *state;
	struct order order = {0};
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	for (int i = 0; i < 5000; ++i) {
		struct store_value v = integer(i);
		struct store_statement s = {
			"INSERT INTO t VALUES (?) RETURNING n", &v, 1};

		assert_true(store_request(f->store, &s, 1, note_order,
					  &order) != 0);
	}
	wait_until(f, &order.count, 5000);
	assert_false(order.wrong);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t WHERE n = "
				   "rowid - 1"),
			 5000);
}

/* What nobody waits for comes before what is asked for after it, and goes by
 * itself in the end. */
static void records_keep_their_place_among_requests(void **state)
{
	struct fixture *f = *state;
	struct order order = {0};
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	for (int i = 0; i < 1000; ++i) {
		struct store_value v = integer(i);
		struct store_statement s = {
			"INSERT INTO t VALUES (?) RETURNING n", &v, 1};
		uint64_t id;

		id = i % 7 == 3 ? store_request(f->store, &s, 1, note_order,
						&order)
				: store_record(f->store, &s, 1, note_order,
					       &order);
		assert_true(id != 0);
	}
	wait_until(f, &order.count, 1000);
	assert_false(order.wrong);
}

static void records_that_wait_are_written_when_the_store_closes(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct outcome out, record = {0};

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	assert_true(store_record(f->store, &s, 1, note_outcome, &record) != 0);
	close_store(f);
	assert_int_equal(record.answered, 1);
	must_open(f, STORE_ENGINE);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t"), 1);
}

static void note_commits(const char *name, const char *help, uint64_t value,
			 void *arg)
{
	(void)help;
	if (!strcmp(name, "store_commits"))
		*(uint64_t *)arg = value;
}

static uint64_t commits(void)
{
	uint64_t n = 0;

	metric_each(note_commits, &n);
	return n;
}

static void records_share_a_commit(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct outcome out, records = {0};
	uint64_t before;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	before = commits();
	for (int i = 0; i < 200; ++i)
		assert_true(store_record(f->store, &s, 1, note_outcome,
					 &records) != 0);
	wait_until(f, &records.answered, 200);
	assert_true(commits() - before < 20); /* one, on a quiet machine */
}

static void a_failing_statement_undoes_its_own_request_only(void **state)
{
	struct fixture *f = *state;
	struct outcome a = {0}, b = {0}, c = {0};
	struct store_statement good = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct store_statement bad[] = {
		{"INSERT INTO t VALUES (2)", NULL, 0},
		{"INSERT INTO t VALUES (1)", NULL, 0},
		{"INSERT INTO t VALUES (3)", NULL, 0},
	};
	struct store_statement more = {"INSERT INTO t VALUES (4)", NULL, 0};

	must_open(f, STORE_ENGINE);
	must(f, &a, "CREATE TABLE t (n BIGINT PRIMARY KEY)", NULL, 0);
	memset(&a, 0, sizeof(a));
	store_request(f->store, &good, 1, note_outcome, &a);
	store_request(f->store, bad, 3, note_outcome, &b);
	store_request(f->store, &more, 1, note_outcome, &c);
	wait_until(f, &c.answered, 1);
	assert_string_equal(a.error, "");
	assert_string_equal(b.code, "constraint");
	assert_int_equal(b.failed, 1);
	assert_non_null(strstr(b.error, "t.n"));
	assert_string_equal(c.error, "");
	assert_int_equal(number(f, "SELECT SUM(n) FROM t"), 5);
}

/* They run without a savepoint, until one fails. */
static void built_in_statements_that_fail_undo_their_own_request_only(void **st)
{
	enum { COLUMNS = 17 };
	struct fixture *f = *st;
	struct outcome out[3] = {{0}};
	const char *const names[] = {"one", "two", "three"};
	struct store_value nothing[COLUMNS];

	must_open(f, STORE_ENGINE);
	for (size_t i = 0; i < COLUMNS; i++)
		nothing[i] = none();
	for (size_t i = 0; i < 3; i++) {
		struct store_value put[] = {text(names[i]), none(), none(),
					    none(), integer(1)};
		struct store_statement both[] = {
			{store_query("campaign_put"), put, ARRAY_SIZE(put)},
			{store_query("cdr_begin"), nothing, COLUMNS},
		};

		assert_true(store_request(f->store, both, i == 1 ? 2 : 1,
					  note_outcome, &out[i]) != 0);
	}
	wait_until(f, &out[2].answered, 1);
	assert_string_equal(out[0].error, "");
	assert_string_equal(out[1].code, "constraint");
	assert_int_equal(out[1].failed, 1);
	assert_string_equal(out[2].error, "");
	assert_int_equal(number(f, "SELECT COUNT(*) FROM campaigns "
				   "WHERE name IN ('one', 'three')"),
			 2);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM campaigns"), 2);
}

static void a_statement_that_rolls_back_takes_no_other_along(void **state)
{
	struct fixture *f = *state;
	struct outcome a = {0}, b = {0}, c = {0};
	struct store_statement good = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct store_statement bad = {"INSERT OR ROLLBACK INTO t VALUES (1)",
				      NULL, 0};
	struct store_statement more = {"INSERT INTO t VALUES (4)", NULL, 0};

	must_open(f, STORE_ENGINE);
	must(f, &a, "CREATE TABLE t (n BIGINT PRIMARY KEY)", NULL, 0);
	memset(&a, 0, sizeof(a));
	store_request(f->store, &good, 1, note_outcome, &a);
	store_request(f->store, &bad, 1, note_outcome, &b);
	store_request(f->store, &more, 1, note_outcome, &c);
	wait_until(f, &c.answered, 1);
	assert_string_equal(a.error, "");
	assert_string_equal(b.code, "constraint");
	assert_string_equal(c.error, "");
	assert_int_equal(number(f, "SELECT SUM(n) FROM t"), 5);
}

static void a_deferred_constraint_fails_its_own_request_only(void **state)
{
	struct fixture *f = *state;
	struct outcome a = {0}, b = {0}, c = {0};
	struct store_statement good = {"INSERT INTO p VALUES (1)", NULL, 0};
	struct store_statement bad = {"INSERT INTO c VALUES (9)", NULL, 0};
	struct store_statement more = {"INSERT INTO c VALUES (1)", NULL, 0};

	must_open(f, STORE_ENGINE);
	must(f, &a, "CREATE TABLE p (n BIGINT PRIMARY KEY)", NULL, 0);
	must(f, &a,
	     "CREATE TABLE c (n BIGINT REFERENCES p (n) DEFERRABLE "
	     "INITIALLY DEFERRED)",
	     NULL, 0);
	memset(&a, 0, sizeof(a));
	store_request(f->store, &good, 1, note_outcome, &a);
	store_request(f->store, &bad, 1, note_outcome, &b);
	store_request(f->store, &more, 1, note_outcome, &c);
	wait_until(f, &c.answered, 1);
	assert_string_equal(a.error, "");
	assert_string_equal(b.code, "constraint");
	assert_string_equal(c.error, "");
	assert_int_equal(number(f, "SELECT COUNT(*) FROM c"), 1);
}

static void misuse_is_told(void **state)
{
	static const struct {
		const char *sql, *code, *says;
	} wrong[] = {
		{"SELEC 1", "sql", "syntax error"},
		{"SELECT * FROM nowhere", "sql", "nowhere"},
		{"", "sql", "no statement"},
		{"SELECT 1; SELECT 2", "sql", "more than one"},
		{"SELECT ?", "sql", "0 values for 1"},
		{"BEGIN", "forbidden", "not authorized"},
		{"COMMIT", "forbidden", "not authorized"},
		{"SAVEPOINT x", "forbidden", "not authorized"},
		{"ATTACH '/tmp/x' AS x", "forbidden", "not authorized"},
		{"PRAGMA journal_mode = DELETE", "forbidden", "not auth"},
		{"VACUUM INTO '/tmp/moondial-x'", "sql", ""},
	};
	struct fixture *f = *state;
	struct outcome out;

	must_open(f, STORE_ENGINE);
	/* let the store have used its own of these */
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); ++i) {
		ask(f, &out, wrong[i].sql, NULL, 0);
		if (strcmp(out.code, wrong[i].code) ||
		    !strstr(out.error, wrong[i].says))
			fail_msg("%s: %s, %s", wrong[i].sql, out.code,
				 out.error);
	}
	must(f, &out, "SELECT 1; -- and a comment ; ", NULL, 0);
	must(f, &out, "PRAGMA table_info(cdrs)", NULL, 0);
}

static void a_cancelled_write_is_carried_out_in_silence(void **state)
{
	struct fixture *f = *state;
	struct outcome out, cancelled = {0};
	struct store_statement s = {"INSERT INTO t VALUES (1)", NULL, 0};
	uint64_t id;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	id = store_request(f->store, &s, 1, note_outcome, &cancelled);
	assert_int_equal(store_queued(f->store), 1);
	store_cancel(f->store, id);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t"), 1);
	assert_int_equal(cancelled.answered, 0);
	store_cancel(f->store, id); /* too late: nothing happens */
}

#define ENDLESS                                                             \
	"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) " \
	"SELECT COUNT(*) FROM c"

static void a_read_ends_at_its_time_limit_and_holds_up_no_write(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {ENDLESS, NULL, 0};
	struct outcome slow = {0}, out;
	uint64_t began;

	must_open(f, STORE_ENGINE);
	began = clock_mono_ms();
	assert_true(store_read(f->store, &s, 300, note_outcome, &slow) != 0);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	assert_int_equal(slow.answered, 0);
	wait_until(f, &slow.answered, 1);
	assert_string_equal(slow.code, "timeout");
	assert_true(clock_mono_ms() - began >= 300);
}

static void a_read_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {"DELETE FROM cdrs", NULL, 0};
	struct outcome out = {0};

	must_open(f, STORE_ENGINE);
	store_read(f->store, &s, 10000, note_outcome, &out);
	wait_until(f, &out.answered, 1);
	assert_string_equal(out.code, "readonly");
}

static void a_read_sees_what_was_answered(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {"SELECT COUNT(*) FROM t", NULL, 0};
	struct outcome out;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	for (int i = 1; i <= 20; ++i) {
		must(f, &out, "INSERT INTO t VALUES (1)", NULL, 0);
		memset(&out, 0, sizeof(out));
		store_read(f->store, &s, 10000, note_outcome, &out);
		wait_until(f, &out.answered, 1);
		assert_int_equal(out.integer, i);
	}
}

static void closing_ends_a_running_read_and_finishes_writes(void **state)
{
	struct fixture *f = *state;
	struct store_statement slow = {ENDLESS, NULL, 0};
	struct store_statement s = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct outcome out, read = {0}, write[100] = {0};

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	store_read(f->store, &slow, 60000, note_outcome, &read);
	for (size_t i = 0; i < ARRAY_SIZE(write); ++i)
		store_request(f->store, &s, 1, note_outcome, &write[i]);
	close_store(f);
	assert_int_equal(read.answered, 1);
	assert_string_equal(read.code, "closed");
	for (size_t i = 0; i < ARRAY_SIZE(write); ++i) {
		assert_int_equal(write[i].answered, 1);
		assert_string_equal(write[i].error, "");
	}
	must_open(f, STORE_READ);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t"), 100);
}

static void a_result_too_large_fails_alone(void **state)
{
	struct fixture *f = *state;
	struct outcome out;

	must_open(f, STORE_ENGINE);
	ask(f, &out,
	    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
	    "SELECT zeroblob(1000000) FROM c",
	    NULL, 0);
	assert_string_equal(out.code, "size");
	assert_int_equal(number(f, "SELECT 1"), 1);
}

static void built_in_queries_are_found_by_name(void **state)
{
	(void)state;
	assert_non_null(store_query("cdr_begin"));
	assert_non_null(store_query("recover_missing"));
	assert_null(store_query("cdr"));
	assert_null(store_query(""));
	assert_null(store_query("zzz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_with_its_rows),
		TEST(values_of_all_types_come_back_as_they_were),
		TEST(injection_text_is_stored_byte_for_byte),
		TEST(answers_come_in_the_order_of_requests),
		TEST(records_keep_their_place_among_requests),
		TEST(records_that_wait_are_written_when_the_store_closes),
		TEST(records_share_a_commit),
		TEST(a_failing_statement_undoes_its_own_request_only),
		TEST(built_in_statements_that_fail_undo_their_own_request_only),
		TEST(a_statement_that_rolls_back_takes_no_other_along),
		TEST(a_deferred_constraint_fails_its_own_request_only),
		TEST(misuse_is_told),
		TEST(a_cancelled_write_is_carried_out_in_silence),
		TEST(a_read_ends_at_its_time_limit_and_holds_up_no_write),
		TEST(a_read_cannot_write),
		TEST(a_read_sees_what_was_answered),
		TEST(closing_ends_a_running_read_and_finishes_writes),
		TEST(a_result_too_large_fails_alone),
		TEST(built_in_queries_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
