/* kill -9 of a writing engine: what was answered is there; the queries of a
 * campaign put leads back where they belong. */
#include <signal.h>
#include "fixture.h"

static void query(struct fixture *f, struct outcome *out, const char *name,
		  const struct store_value *values, size_t count)
{
	must(f, out, store_query(name), values, count);
}

static void begin_call(struct fixture *f, const char *id, const char *lead,
		       int attempt)
{
	struct store_value v[17];
	struct outcome out;

	for (size_t i = 0; i < ARRAY_SIZE(v); ++i)
		v[i] = none();
	v[0] = text(id);
	v[1] = text("out");
	v[11] = integer(1000);
	if (lead) {
		v[13] = text("test");
		v[14] = text(lead);
		v[15] = integer(attempt);
	}
	query(f, &out, "cdr_begin", v, ARRAY_SIZE(v));
}

static size_t parameters(const char *name)
{
	size_t n = 0;

	for (const char *p = store_query(name); *p; p++)
		n += *p == '?';
	return n;
}

static void finish_call(struct fixture *f, const char *id,
			const char *disposition)
{
	const size_t count = parameters("cdr_finish");
	struct store_value v[80];
	struct outcome out;

	assert_true(count <= ARRAY_SIZE(v));
	for (size_t i = 0; i < count; ++i)
		v[i] = none();
	v[11] = integer(5000);
	v[12] = integer(4000);
	v[14] = text(disposition);
	v[count - 1] = text(id);
	query(f, &out, "cdr_finish", v, count);
	assert_int_equal(out.changes, 1);
}

static int report_fd;

static void report_answer(const struct store_result *res, void *arg)
{
	int i = (int)(intptr_t)arg;

	if (res->error || write(report_fd, &i, sizeof(i)) != sizeof(i))
		_exit(1);
}

/* Begin call after call; each number is reported once its answer is here. */
static void write_calls(struct fixture *f)
{
	if (open_store(f, STORE_ENGINE))
		_exit(1);
	for (int i = 0;; ++i) {
		struct store_value v[17];
		struct store_statement s = {store_query("cdr_begin"), v, 17};
		char id[32];

		for (size_t k = 0; k < ARRAY_SIZE(v); ++k)
			v[k] = none();
		snprintf(id, sizeof(id), "%d", i);
		v[0] = text(id);
		v[1] = text("in");
		v[11] = integer(i);
		if (!store_request(f->store, &s, 1, report_answer,
				   (void *)(intptr_t)i))
			_exit(1);
		event_base_loop(loop_event_base(f->loop), EVLOOP_NONBLOCK);
		while (store_queued(f->store) > 500)
			event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE);
	}
}

static void after_kill_9_every_answered_request_is_there(void **state)
{
	struct fixture *f = *state;
	int pipes[2], i, last = -1;
	struct outcome out;
	char sql[96];
	pid_t pid;

	for (int round = 0; round < 3; ++round) {
		assert_int_equal(pipe(pipes), 0);
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			report_fd = pipes[1];
			write_calls(f);
		}
		close(pipes[1]);
		/* kill it somewhere in the middle of its work */
		for (last = -1; last < 700 + round * 900;) {
			assert_int_equal(read(pipes[0], &i, sizeof(i)),
					 sizeof(i));
			assert_int_equal(i, last + 1);
			last = i;
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(pipes[0], &i, sizeof(i)) == sizeof(i))
			last = i;
		close(pipes[0]);

		must_open(f, STORE_ENGINE);
		snprintf(sql, sizeof(sql),
			 "SELECT COUNT(*) FROM cdrs WHERE started_at_ms <= %d",
			 last);
		assert_int_equal(number(f, sql), last + 1);
		assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs WHERE "
					   "disposition <> 'interrupted' OR "
					   "hangup_by <> 'engine'"),
				 0);
		must(f, &out, "DELETE FROM cdrs", NULL, 0);
		close_store(f);
	}
}

static void import(struct fixture *f, const char *phone, int64_t priority)
{
	struct store_value v[] = {
		text("test"), text(phone),	 none(),     none(),
		none(),	      integer(priority), text("{}"), none(),
		text("csv"),  integer(2),	 integer(1), integer(1),
	};
	struct outcome out;

	query(f, &out, "lead_import", v, ARRAY_SIZE(v));
	assert_int_equal(out.changes, 1);
}

static void campaign(struct fixture *f)
{
	struct store_value v[] = {text("test"), none(), none(), none(),
				  integer(1)};
	struct outcome out;

	query(f, &out, "campaign_put", v, ARRAY_SIZE(v));
}

/* Claim one; its id to ID. */
static bool claim(struct fixture *f, char id[32])
{
	struct store_value promote[] = {integer(10), text("test"), integer(10),
					integer(200)};
	struct store_value take[] = {integer(10), text("test"), integer(1)};
	struct store_statement s[] = {
		{store_query("lead_promote"), promote, 4},
		{store_query("lead_claim"), take, 3},
	};
	struct outcome out = {0};

	store_request(f->store, s, 2, note_outcome, &out);
	wait_until(f, &out.answered, 1);
	assert_string_equal(out.error, "");
	snprintf(id, 32, "%.31s", out.rows ? out.text : "");

	return out.rows == 1;
}

/* Dial it; false when it isn't claimed. */
static bool dial(struct fixture *f, const char *id)
{
	struct store_value a[] = {integer(20), text(id)};
	struct store_value b[] = {integer(20), text("+1"), text(id)};
	struct store_statement s[] = {
		{store_query("lead_dial"), a, 2},
		{store_query("attempt_begin"), b, 3},
	};
	struct outcome out = {0};

	store_request(f->store, s, 2, note_outcome, &out);
	wait_until(f, &out.answered, 1);

	return !*out.error && out.rows == 1 && out.changes == 2;
}

static void finish(struct fixture *f, const char *id, const char *to,
		   const char *disposition, int64_t next)
{
	struct store_value a[] = {integer(30), text(disposition), integer(486),
				  text("cdr"), text(id),	  integer(1)};
	struct store_value b[] = {
		text(to), text(disposition), integer(next), none(),    none(),
		none(),	  integer(30),	     text(id),	    integer(1)};
	struct store_statement s[] = {
		{store_query("attempt_finish"), a, 6},
		{store_query("lead_finish"), b, 9},
	};
	struct outcome out = {0};

	store_request(f->store, s, 2, note_outcome, &out);
	wait_until(f, &out.answered, 1);
	assert_string_equal(out.error, "");
	assert_int_equal(out.changes, 2);
}

static void a_lead_lives_from_import_to_done(void **state)
{
	struct fixture *f = *state;
	struct store_value name = text("test");
	struct outcome out;
	char first[32], second[32], third[32];

	must_open(f, STORE_ENGINE);
	campaign(f);
	import(f, "100", 0);
	import(f, "200", 0);
	import(f, "300", 5);
	import(f, "100", 0); /* merged */
	assert_int_equal(number(f, "SELECT COUNT(*) FROM leads"), 3);
	assert_int_equal(number(f, "SELECT merged FROM leads WHERE phone = "
				   "'100'"),
			 1);

	assert_true(claim(f, first)); /* 300: priority */
	assert_true(dial(f, first));
	assert_false(dial(f, first)); /* never twice */
	finish(f, first, "scheduled", "busy", 10);
	assert_int_equal(number(f, "SELECT priority FROM leads WHERE attempts "
				   "= 1"),
			 5);
	query(f, &out, "campaign_next_due", &name, 1);
	assert_int_equal(out.integer, 10);

	assert_true(claim(f, second)); /* due again, and before fresh ones */
	assert_string_equal(first, second);
	assert_true(claim(f, second));
	assert_true(claim(f, third));
	assert_string_not_equal(second, third);
	assert_false(claim(f, third)); /* all are taken */
	query(f, &out, "campaign_open", &name, 1);
	assert_int_equal(out.integer, 1);
}

/* The whole of an attempt's end, as campaign/store.lua says it. */
static void finish_and_count(struct fixture *f, const char *id)
{
	struct store_value counts[] = {text("2026-11-27"), integer(1),
				       integer(1),	   integer(0),
				       text(id),	   integer(1)};
	struct store_value forgive[] = {text(id), integer(1)};
	struct store_value a[] = {integer(30), text("blocked"), integer(608),
				  text("cdr"), text(id),	integer(1)};
	struct store_value b[] = {text("scheduled"),
				  text("blocked"),
				  integer(5),
				  none(),
				  none(),
				  none(),
				  integer(30),
				  text(id),
				  integer(1)};
	struct store_statement s[] = {
		{store_query("abandonment_add"), counts, 6},
		{store_query("lead_forgive"), forgive, 2},
		{store_query("attempt_finish"), a, 6},
		{store_query("lead_finish"), b, 9},
	};
	struct outcome out = {0};

	store_request(f->store, s, 4, note_outcome, &out);
	wait_until(f, &out.answered, 1);
	assert_string_equal(out.error, "");
}

/* It isn't always known whether it was committed: then it is said again, and
 * the lead may have gone on meanwhile. */
static void an_end_that_is_noted_twice_counts_once(void **state)
{
	struct fixture *f = *state;
	char id[32], again[32];

	must_open(f, STORE_ENGINE);
	campaign(f);
	import(f, "1", 0);
	assert_true(claim(f, id) && dial(f, id));
	finish_and_count(f, id);
	finish_and_count(f, id);
	assert_true(claim(f, again) && dial(f, again));
	finish_and_count(f, id);

	assert_int_equal(number(f, "SELECT live FROM abandonment"), 1);
	assert_int_equal(number(f, "SELECT abandoned FROM abandonment"), 1);
	assert_int_equal(number(f, "SELECT forgiven FROM leads"), 1);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM leads WHERE state = "
				   "'ringing' AND attempts = 2"),
			 1);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM attempts WHERE "
				   "ended_at_ms IS NULL"),
			 1);
}

static void waits_until(struct fixture *f, int64_t next)
{
	assert_int_equal(number(f,
				"SELECT next_at_ms FROM leads WHERE state = "
				"'scheduled' AND wait_reason = 'a callback'"),
			 next);
}

/* An agent asks for a lead before its time, and it can't be called. */
static void what_waits_for_its_time_waits_for_it_again(void **state)
{
	struct fixture *f = *state;
	struct outcome out;
	char id[32];

	must_open(f, STORE_ENGINE);
	campaign(f);
	import(f, "1", 0);
	assert_true(claim(f, id));

	struct store_value first[] = {integer(500), text("a callback"),
				      integer(11), text(id)};
	struct store_value defer[] = {integer(300), text("hours"), integer(21),
				      text(id)};
	struct store_value take[] = {integer(20), text("test"), text(id),
				     text(id)};
	struct store_value back[] = {integer(21), text(id)};
	struct store_value all[] = {integer(21), text("test")};

	query(f, &out, "lead_defer", first, 4);
	waits_until(f, 500);
	query(f, &out, "lead_take", take, 4);
	assert_int_equal(out.rows, 1);
	query(f, &out, "lead_release", back, 2);
	waits_until(f, 500);
	query(f, &out, "lead_take", take, 4);
	query(f, &out, "lead_defer", defer, 4);
	waits_until(f, 500);
	query(f, &out, "lead_take", take, 4);
	query(f, &out, "campaign_release", all, 2);
	waits_until(f, 500);
	query(f, &out, "lead_take", take, 4);
	assert_true(dial(f, id));
	query(f, &out, "lead_undial", back, 2);
	waits_until(f, 500);
	query(f, &out, "lead_take", take, 4);
	close_store(f);
	must_open(f, STORE_ENGINE);
	waits_until(f, 500);
	assert_int_equal(number(f, "SELECT attempts FROM leads"), 0);
}

static void after_a_crash_each_lead_is_where_it_belongs(void **state)
{
	struct fixture *f = *state;
	char claimed[32], dialled[32], called[32], ended[32], again[32];
	struct store_value name = text("test");
	struct store_value v;
	struct outcome out;

	must_open(f, STORE_ENGINE);
	campaign(f);
	import(f, "1", 0);
	import(f, "2", 0);
	import(f, "3", 0);
	import(f, "4", 0);
	assert_true(claim(f, claimed));
	assert_true(claim(f, dialled) && dial(f, dialled));
	assert_true(claim(f, called) && dial(f, called));
	assert_true(claim(f, ended) && dial(f, ended));
	begin_call(f, "c-called", called, 1);
	begin_call(f, "c-ended", ended, 1);
	finish_call(f, "c-ended", "busy");
	close_store(f); /* as a crash: nothing of a campaign's is finished */
	must_open(f, STORE_ENGINE);

	/* claimed: no INVITE had left, it is dialled as if nothing was */
	assert_true(claim(f, again));
	assert_string_equal(again, claimed);
	assert_false(claim(f, again));

	/* dialled, with or without a record: unknown, and with one now */
	query(f, &out, "campaign_unknown", &name, 1);
	assert_int_equal(out.rows, 2);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs WHERE "
				   "disposition = 'interrupted' AND "
				   "hangup_by = 'engine' AND "
				   "ended_at_ms IS NULL"),
			 2);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM attempts WHERE "
				   "disposition = 'unknown' AND cdr_id IS NOT "
				   "NULL"),
			 2);

	/* ended: its result is there, for the campaign's rules */
	query(f, &out, "campaign_unfinished", &name, 1);
	assert_int_equal(out.rows, 1);
	assert_string_equal(out.text, ended);
	finish(f, ended, "scheduled", "busy", 5);
	assert_true(claim(f, again));
	assert_string_equal(again, ended);

	/* the operator decides about the unknown ones */
	struct store_value redial[] = {integer(1), integer(1), text(dialled)};

	query(f, &out, "lead_redial", redial, 3);
	assert_true(claim(f, again));
	assert_string_equal(again, dialled);
	v = text(called);
	query(f, &out, "lead_get", &v, 1);
	assert_int_equal(out.rows, 1);
}

static void a_tool_beside_the_engine_recovers_nothing(void **state)
{
	struct fixture *f = *state;

	must_open(f, STORE_ENGINE);
	begin_call(f, "running", NULL, 0);
	close_store(f);
	must_open(f, STORE_TOOL);
	assert_int_equal(number(f, "SELECT COUNT(*) FROM cdrs WHERE "
				   "disposition = 'in_progress'"),
			 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_kill_9_every_answered_request_is_there),
		TEST(a_lead_lives_from_import_to_done),
		TEST(an_end_that_is_noted_twice_counts_once),
		TEST(what_waits_for_its_time_waits_for_it_again),
		TEST(after_a_crash_each_lead_is_where_it_belongs),
		TEST(a_tool_beside_the_engine_recovers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
