/* What queries cost: none reads all leads, attempts or calls that there are,
 * but those that are for a person who asks. */
#include "fixture.h"
#include "store/sql.h"

/* Figures and lists that somebody asks for, and the start of an engine. */
static const char *const read_all[] = {
	"campaign_counts", "campaign_report", "campaign_report_calls",
	"campaign_size",   "detection_kept",  "lead_by_numbers",
};

/* Steps of a plan whose cost grows with the table. An index that only has rows
 * that are due, or open, is no table. */
static const char *const whole[] = {
	"SCAN leads",
	"SCAN other",
	"SCAN attempts",
	"SCAN cdrs",
	"SCAN agent_states",
	"leads_campaign (campaign=?)",
	"leads_state (campaign=?)",
	"sqlite_autoindex_leads_2 (campaign=?)",
	"cdrs_campaign (campaign=?)",
};

static bool may_read_all(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(read_all); i++)
		if (!strcmp(read_all[i], name))
			return true;
	return false;
}

static bool reads_all(const char *step)
{
	if (strstr(step, "USING INDEX attempts_open"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (strstr(step, whole[i]))
			return true;
	return false;
}

static void new_id(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	sqlite3_result_text(context, "1", 1, SQLITE_STATIC);
}

/* The step of QUERY's plan that reads a whole table, into STEP; or "". */
static void explain(sqlite3 *db, const struct sql_entry *query, char *step,
		    size_t size)
{
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", query->text);
	sqlite3_stmt *plan;

	*step = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &plan, NULL) != SQLITE_OK)
		fail_msg("%s: %s", query->name, sqlite3_errmsg(db));
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(plan, 3);

		if (reads_all(text))
			(void)snprintf(step, size, "%s", text);
	}
	sqlite3_finalize(plan);
	sqlite3_free(sql);
}

static void no_query_reads_a_table_that_grows(void **state)
{
	struct fixture *f = *state;
	unsigned found = 0;
	sqlite3 *db;

	must_open(f, STORE_ENGINE);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_create_function(db, "new_id", 0, SQLITE_UTF8,
						 NULL, new_id, NULL, NULL),
			 SQLITE_OK);
	for (size_t i = 0; i < sql_queries_count; i++) {
		char step[256];

		explain(db, &sql_queries[i], step, sizeof(step));
		if (may_read_all(sql_queries[i].name))
			found += *step != '\0';
		else if (*step)
			fail_msg("%s: %s", sql_queries[i].name, step);
	}
	assert_int_equal(found, ARRAY_SIZE(read_all));
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_query_reads_a_table_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
