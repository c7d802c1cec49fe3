/* A database that is locked, a disk that is full: nothing is lost. */
#include <signal.h>
#include <sys/resource.h>
#include "fixture.h"

static void locked_by_another_for_a_while_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	struct store_statement s = {"INSERT INTO t VALUES (1)", NULL, 0};
	struct outcome out, waiting[200];
	uint64_t until;
	sqlite3 *other;

	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (n BIGINT)", NULL, 0);
	assert_int_equal(sqlite3_open(f->db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", 0, 0, 0),
			 SQLITE_OK);

	memset(waiting, 0, sizeof(waiting));
	until = clock_mono_ms() + 1500;
	for (size_t i = 0; i < ARRAY_SIZE(waiting); ++i)
		store_request(f->store, &s, 1, note_outcome, &waiting[i]);
	/* the loop goes on meanwhile, and so do reads */
	s.sql = "SELECT COUNT(*) FROM t";
	while (clock_mono_ms() < until) {
		memset(&out, 0, sizeof(out));
		store_read(f->store, &s, 10000, note_outcome, &out);
		wait_until(f, &out.answered, 1);
		assert_string_equal(out.error, "");
		assert_int_equal(out.integer, 0);
	}
	assert_int_equal(store_queued(f->store), ARRAY_SIZE(waiting));

	assert_int_equal(sqlite3_exec(other, "COMMIT", 0, 0, 0), SQLITE_OK);
	sqlite3_close(other);
	for (size_t i = 0; i < ARRAY_SIZE(waiting); ++i) {
		wait_until(f, &waiting[i].answered, 1);
		assert_string_equal(waiting[i].error, "");
	}
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t"),
			 ARRAY_SIZE(waiting));
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	if (setrlimit(RLIMIT_FSIZE, &limit))
		_exit(3);
}

static void begin_call(struct fixture *f, struct outcome *out, int i)
{
	struct store_value v[17];
	struct store_statement s = {store_query("cdr_begin"), v, 17};
	char id[32];

	for (size_t k = 0; k < ARRAY_SIZE(v); ++k)
		v[k] = none();
	snprintf(id, sizeof(id), "call-%06d", i);
	v[0] = text(id);
	v[1] = text("out");
	v[11] = integer(1000 + i);
	assert_true(store_request(f->store, &s, 1, note_outcome, out) != 0);
}

static void fill_disk(struct fixture *f)
{
	enum { CALLS = 3000 };
	struct store_value big = integer(4000000);
	struct store_statement s = {"INSERT INTO t VALUES (zeroblob(?))", &big,
				    1};
	struct outcome script = {0}, out,
		       *calls = calloc(CALLS, sizeof(*calls));

	assert_non_null(calls);
	signal(SIGXFSZ, SIG_IGN);
	must_open(f, STORE_ENGINE);
	must(f, &out, "CREATE TABLE t (b TEXT)", NULL, 0);
	limit_files(600000);

	for (int i = 0; i < CALLS; ++i)
		begin_call(f, &calls[i], i);
	store_request(f->store, &s, 1, note_outcome, &script);

	/* a script's request is told after a while */
	wait_until(f, &script.answered, 1);
	assert_string_equal(script.code, "full");
	assert_true(store_queued(f->store) > 0);
	assert_true(store_queued_bytes(f->store) > 0);
	assert_string_equal(store_trouble(f->store), "the disk is full");

	/* the calls' records have waited, and are written with room again */
	limit_files(RLIM_INFINITY);
	for (int i = 0; i < CALLS; ++i) {
		wait_until(f, &calls[i].answered, 1);
		assert_string_equal(calls[i].error, "");
	}
	assert_null(store_trouble(f->store));
	assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs"), CALLS);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM t"), 0);
	close_store(f);
	free(calls);
}

static void on_a_full_disk_scripts_are_told_and_no_cdr_is_lost(void **state)
{
	/* the limit must not outlive the test */
	struct rlimit before;

	getrlimit(RLIMIT_FSIZE, &before);
	fill_disk(*state);
	setrlimit(RLIMIT_FSIZE, &before);
}

static void a_runaway_read_ends_when_the_answer_is_too_late(void **state)
{
	struct fixture *f = *state;
	struct store_statement slow = {
		"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 "
		"FROM c) SELECT COUNT(*) FROM c",
		NULL, 0};
	struct store_statement quick = {"SELECT 1", NULL, 0};
	struct outcome a = {0}, b = {0}, c = {0};

	must_open(f, STORE_ENGINE);
	store_read(f->store, &slow, 400, note_outcome, &a);
	store_read(f->store, &quick, 50, note_outcome, &b);
	store_read(f->store, &quick, 60000, note_outcome, &c);
	wait_until(f, &c.answered, 1);
	assert_string_equal(a.code, "timeout");
	assert_string_equal(b.code, "timeout");
	assert_string_equal(c.error, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(locked_by_another_for_a_while_nothing_is_lost),
		TEST(on_a_full_disk_scripts_are_told_and_no_cdr_is_lost),
		TEST(a_runaway_read_ends_when_the_answer_is_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
