/* Opening: migrations, refusals that say what to do, the engine's lock. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include "fixture.h"
#include "store/connection.h"
#include "store/migrate.h"
#include "store/sql.h"

static void raw(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refused(struct fixture *f, enum store_mode mode, int want,
		    const char *says)
{
	int err = open_store(f, mode);

	if (err != want || !strstr(f->err, says))
		fail_msg("%d, not %d: %s", err, want, f->err);
	assert_null(f->store);
}

static void an_empty_folder_gets_a_database_of_the_latest_version(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	must_open(f, STORE_ENGINE);
	assert_int_equal(number(f, "PRAGMA user_version"),
			 sql_migrations_count);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM leads"), 0);
	assert_int_equal(stat(f->db, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
}

static void each_earlier_version_is_brought_up_to_date(void **state)
{
	struct fixture *f = *state;

	for (size_t from = 1; from <= sql_migrations_count; ++from) {
		struct connection *conn;

		assert_int_equal(connection_open(&conn, f->db, CONNECTION_WRITE,
						 f->err, sizeof(f->err)),
				 0);
		assert_int_equal(migrate(conn, from, f->err, sizeof(f->err)),
				 0);
		assert_int_equal(
			connection_exec(conn,
					"INSERT INTO cdrs (id, direction, "
					"started_at_ms, disposition) "
					"VALUES ('1', 'in', 1, 'answered')"),
			SQLITE_OK);
		connection_close(conn);

		must_open(f, STORE_ENGINE);
		assert_int_equal(number(f, "PRAGMA user_version"),
				 sql_migrations_count);
		assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs"), 1);
		assert_int_equal(number(f, "SELECT COUNT(*) FROM leads"), 0);
		close_store(f);
		assert_int_equal(unlink(f->db), 0);
	}
}

/* Leads of a database from before they had so many states. */
static void leads_of_an_earlier_version_live_on(void **state)
{
	struct fixture *f = *state;
	struct connection *conn;

	assert_int_equal(connection_open(&conn, f->db, CONNECTION_WRITE, f->err,
					 sizeof(f->err)),
			 0);
	assert_int_equal(migrate(conn, 10, f->err, sizeof(f->err)), 0);
	connection_close(conn);
	raw(f->db,
	    "INSERT INTO campaigns (name, state, created_at_ms) "
	    "VALUES ('c', 'running', 1);"
	    "INSERT INTO leads (id, campaign, phone, state, attempts, "
	    "created_at_ms, updated_at_ms) VALUES "
	    "('1', 'c', '+1', 'ready', 0, 1, 1), "
	    "('2', 'c', '+2', 'ready', 2, 1, 1), "
	    "('3', 'c', '+3', 'dialing', 1, 1, 1), "
	    "('4', 'c', '+4', 'done', 1, 1, 1);"
	    "INSERT INTO attempts (lead_id, attempt, campaign, started_at_ms) "
	    "VALUES ('3', 1, 'c', 1)");
	must_open(f, STORE_TOOL); /* nothing is put in order */
	assert_int_equal(number(f, "SELECT COUNT(*) FROM leads WHERE "
				   "(id, state) IN (VALUES ('1', 'new'), "
				   "('2', 'ready'), ('3', 'ringing'), "
				   "('4', 'done'))"),
			 4);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM attempts "
				   "WHERE phone = '+3'"),
			 1);
	close_store(f);
	must_open(f, STORE_ENGINE); /* it was on the telephone: not known */
	assert_int_equal(number(f, "SELECT COUNT(*) FROM leads WHERE id = '3' "
				   "AND state = 'done' AND disposition = "
				   "'unknown'"),
			 1);
}

static void an_earlier_version_is_not_read_without_migrating(void **state)
{
	struct fixture *f = *state;
	struct connection *conn;

	assert_int_equal(connection_open(&conn, f->db, CONNECTION_WRITE, f->err,
					 sizeof(f->err)),
			 0);
	assert_int_equal(migrate(conn, 1, f->err, sizeof(f->err)), 0);
	connection_close(conn);
	refused(f, STORE_READ, ENOTSUP, "start the engine with it once");
}

static void a_newer_database_is_refused_with_both_versions(void **state)
{
	struct fixture *f = *state;
	char want[64];

	must_open(f, STORE_ENGINE);
	close_store(f);
	raw(f->db, "PRAGMA user_version = 99");
	snprintf(want, sizeof(want),
		 "version 99, this program knows versions "
		 "up to %zu",
		 sql_migrations_count);
	refused(f, STORE_ENGINE, ENOTSUP, want);
	refused(f, STORE_TOOL, ENOTSUP, "newer moondial");
	refused(f, STORE_READ, ENOTSUP, "--db");
}

static void what_is_no_database_is_refused_untouched(void **state)
{
	struct fixture *f = *state;
	char junk[4096], after[4096];
	FILE *file = fopen(f->db, "w");

	memset(junk, 'x', sizeof(junk));
	assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
	fclose(file);
	refused(f, STORE_ENGINE, EINVAL, "is not a database");
	refused(f, STORE_READ, EINVAL, "is not a database");
	file = fopen(f->db, "r");
	assert_int_equal(fread(after, 1, sizeof(after), file), sizeof(after));
	fclose(file);
	assert_memory_equal(junk, after, sizeof(junk));
}

static void another_programs_database_is_refused(void **state)
{
	struct fixture *f = *state;

	raw(f->db, "CREATE TABLE bookmarks (url TEXT)");
	refused(f, STORE_ENGINE, EINVAL, "another program");
}

static void a_bad_path_is_told(void **state)
{
	struct fixture *f = *state;

	refused(f, STORE_READ, ENOENT, "No such file");
	assert_int_equal(access(f->db, F_OK), -1);
	snprintf(f->db, sizeof(f->db), "%s/none/calls.db", f->folder);
	refused(f, STORE_ENGINE, ENOENT, "mkdir -p");
	snprintf(f->db, sizeof(f->db), "%s", f->folder);
	refused(f, STORE_ENGINE, EISDIR, "is a folder");
	snprintf(f->db, sizeof(f->db), "/dev/null");
	refused(f, STORE_ENGINE, EINVAL, "not a file");
	f->db[0] = '\0';
	refused(f, STORE_ENGINE, EINVAL, "no name");
}

/* In a child that isn't root, which no permission stops. */
static void as_nobody(struct fixture *f, void (*check)(struct fixture *f))
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (!geteuid() && (setgid(65534) || setuid(65534)))
			_exit(2);
		check(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void expect(bool ok, const struct fixture *f, int line)
{
	if (ok)
		return;
	fprintf(stderr, "line %d: %s\n", line, f->err);
	_exit(1);
}

static void check_read_only_file(struct fixture *f)
{
	int err = open_store(f, STORE_ENGINE);

	expect(err == EROFS && strstr(f->err, "cannot be written"), f,
	       __LINE__);
}

static void a_read_only_file_is_refused(void **state)
{
	struct fixture *f = *state;

	must_open(f, STORE_ENGINE);
	close_store(f);
	assert_int_equal(chmod(f->db, 0444), 0);
	assert_int_equal(chmod(f->folder, 0777), 0);
	as_nobody(f, check_read_only_file);
}

static void check_read_only_folder(struct fixture *f)
{
	char sql[] = "SELECT COUNT(*) FROM cdrs";
	struct connection *conn;
	int64_t n = -1;
	int err;

	err = open_store(f, STORE_ENGINE);
	expect(err == EROFS && strstr(f->err, "the folder"), f, __LINE__);
	err = connection_open(&conn, f->db, CONNECTION_READ, f->err,
			      sizeof(f->err));
	expect(!err && !connection_int(conn, sql, &n) && n == 0, f, __LINE__);
	connection_close(conn);
}

static void a_read_only_folder_is_refused_but_can_be_read(void **state)
{
	struct fixture *f = *state;

	must_open(f, STORE_ENGINE);
	close_store(f);
	assert_int_equal(chmod(f->db, 0666), 0);
	assert_int_equal(chmod(f->folder, 0555), 0);
	as_nobody(f, check_read_only_folder);
}

static void check_no_right_to_create(struct fixture *f)
{
	int err = open_store(f, STORE_ENGINE);

	expect(err == EACCES && strstr(f->err, "cannot be created"), f,
	       __LINE__);
}

static void a_folder_that_takes_no_new_file_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chmod(f->folder, 0555), 0);
	as_nobody(f, check_no_right_to_create);
}

static void a_second_engine_is_refused_by_the_firsts_process_id(void **state)
{
	struct fixture *f = *state;
	char pid_text[32];
	int pipes[2];
	char ready;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (open_store(f, STORE_ENGINE) || write(pipes[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &ready, 1), 1);
	snprintf(pid_text, sizeof(pid_text), "(process %d)", (int)pid);
	refused(f, STORE_ENGINE, EBUSY, pid_text);

	/* tools may work beside it */
	must_open(f, STORE_TOOL);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs"), 0);
	close_store(f);

	/* what a killed engine leaves behind is harmless */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	must_open(f, STORE_ENGINE);
	close(pipes[0]);
	close(pipes[1]);
}

static void two_names_of_one_file_meet_the_same_lock(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	char link[128];

	must_open(f, STORE_ENGINE);
	snprintf(link, sizeof(link), "%s/link.db", f->folder);
	assert_int_equal(symlink(f->db, link), 0);
	assert_int_equal(store_open(&second, f->loop, link, STORE_ENGINE,
				    f->err, sizeof(f->err)),
			 EBUSY);
	assert_non_null(strstr(f->err, "another engine"));
}

static void a_repeated_statement_is_compiled_once(void **state)
{
	struct fixture *f = *state;
	struct connection *conn;
	sqlite3_stmt *stmt, *again;
	uint64_t hits, misses, before;
	const char *why;
	char sql[64];

	assert_int_equal(connection_open(&conn, f->db, CONNECTION_WRITE, f->err,
					 sizeof(f->err)),
			 0);
	connection_cache_stats(conn, &hits, &before);
	for (int i = 0; i < 3; ++i) {
		/* a copy each time: the text counts, not the pointer */
		snprintf(sql, sizeof(sql), "SELECT %d", 7);
		assert_int_equal(connection_prepare(conn, sql, &again, &why),
				 0);
		if (i)
			assert_ptr_equal(stmt, again);
		stmt = again;
	}
	connection_cache_stats(conn, &hits, &misses);
	assert_int_equal(misses - before, 1);

	/* many different ones: bounded, and the first is compiled anew */
	for (int i = 0; i < 2000; ++i) {
		snprintf(sql, sizeof(sql), "SELECT %d", 1000 + i);
		assert_int_equal(connection_prepare(conn, sql, &again, &why),
				 0);
	}
	connection_cache_stats(conn, &hits, &before);
	assert_int_equal(connection_prepare(conn, "SELECT 7", &again, &why), 0);
	connection_cache_stats(conn, &hits, &misses);
	assert_int_equal(misses - before, 1);
	connection_close(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_folder_gets_a_database_of_the_latest_version),
		TEST(each_earlier_version_is_brought_up_to_date),
		TEST(leads_of_an_earlier_version_live_on),
		TEST(an_earlier_version_is_not_read_without_migrating),
		TEST(a_newer_database_is_refused_with_both_versions),
		TEST(what_is_no_database_is_refused_untouched),
		TEST(another_programs_database_is_refused),
		TEST(a_bad_path_is_told),
		TEST(a_read_only_file_is_refused),
		TEST(a_read_only_folder_is_refused_but_can_be_read),
		TEST(a_folder_that_takes_no_new_file_is_told),
		TEST(a_second_engine_is_refused_by_the_firsts_process_id),
		TEST(two_names_of_one_file_meet_the_same_lock),
		TEST(a_repeated_statement_is_compiled_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
