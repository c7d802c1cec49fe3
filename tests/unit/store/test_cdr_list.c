/* What `moondial cdr` prints. */
#include <errno.h>
#include <cjson/cJSON.h>
#include "fixture.h"
#include "store/cdr_list.h"

static void fill(struct fixture *f)
{
	struct outcome out;
	struct store_value evil[] = {text("=1+1"), text("a\x1b[2J\"b,\n\xff")};

	setenv("TZ", "UTC", 1);
	must_open(f, STORE_ENGINE);
	must(f, &out,
	     "INSERT INTO cdrs (id, direction, from_user, to_user, "
	     "started_at_ms, disposition, sip_code, talk_ms, campaign, "
	     "trunk, agent, recording, lead_id, "
	     "user_json, rtt_ms) VALUES "
	     "('1', 'out', '100', '+4930', 86400000, 'answered', 200, 61000, "
	     "'c', 'main', 'ann', 'a.wav', 'L', '{\"a\":[1]}', 1.5), "
	     "('2', 'in', '4930', '200', 86401000, 'busy', 486, 0, NULL, "
	     "NULL, 'bob', NULL, NULL, "
	     "'{broken', NULL)",
	     NULL, 0);
	must(f, &out,
	     "INSERT INTO cdrs (id, direction, from_user, display_name, "
	     "started_at_ms, disposition) "
	     "VALUES ('3', 'in', ?, ?, 86402000, 'no_answer')",
	     evil, 2);
	must(f, &out,
	     "INSERT INTO campaigns (name, state, created_at_ms) VALUES "
	     "('c', 'done', 1)",
	     NULL, 0);
	must(f, &out,
	     "INSERT INTO leads (id, campaign, phone, state, list, "
	     "created_at_ms, updated_at_ms) VALUES "
	     "('L', 'c', '+4930', 'done', 'spring', 1, 1)",
	     NULL, 0);
	close_store(f);
}

static char *list(struct fixture *f, const struct cdr_filter *filter,
		  enum cdr_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(
		cdr_list(f->db, filter, format, out, f->err, sizeof(f->err)),
		0);
	fclose(out);

	return text;
}

static void json_is_one_array_that_parses(void **state)
{
	struct fixture *f = *state;
	struct cdr_filter none = {0};
	cJSON *json, *row;
	char *out;

	fill(f);
	out = list(f, &none, CDR_JSON);
	json = cJSON_Parse(out);
	assert_int_equal(cJSON_GetArraySize(json), 3);
	row = cJSON_GetArrayItem(json, 0);
	assert_int_equal(cJSON_GetObjectItem(row, "talk_ms")->valueint, 61000);
	assert_true(cJSON_GetObjectItem(row, "rtt_ms")->valuedouble == 1.5);
	assert_true(cJSON_IsArray(
		cJSON_GetObjectItem(cJSON_GetObjectItem(row, "user"), "a")));
	row = cJSON_GetArrayItem(json, 1);
	assert_string_equal(cJSON_GetObjectItem(row, "user")->valuestring,
			    "{broken");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "campaign")));
	row = cJSON_GetArrayItem(json, 2);
	assert_string_equal(cJSON_GetObjectItem(row, "from_user")->valuestring,
			    "=1+1");
	assert_string_equal(
		cJSON_GetObjectItem(row, "display_name")->valuestring,
		"a\x1b[2J\"b,\n\xef\xbf\xbd");
	cJSON_Delete(json);
	free(out);
}

static void csv_is_quoted_and_runs_nothing(void **state)
{
	struct fixture *f = *state;
	struct cdr_filter none = {0};
	char *out;

	fill(f);
	out = list(f, &none, CDR_CSV);
	assert_memory_equal(out, "id,direction,account,", 21);
	assert_non_null(strstr(out, ",+4930,"));
	assert_non_null(strstr(out, ",'=1+1,\"a\x1b[2J\"\"b,\n\xff\","));
	assert_non_null(strstr(out, "\"{\"\"a\"\":[1]}\""));
	free(out);
}

static void the_table_fits_and_drives_no_terminal(void **state)
{
	struct fixture *f = *state;
	struct cdr_filter none = {0};
	char *out, *line, *rest;
	struct outcome o;

	fill(f);
	must_open(f, STORE_ENGINE);
	must(f, &o,
	     "UPDATE cdrs SET from_user = '\x1b]0;a very long name indeed', "
	     "talk_ms = 360000000 WHERE id = '3'",
	     NULL, 0);
	close_store(f);
	out = list(f, &none, CDR_TABLE);
	assert_null(strchr(out, 0x1b));
	assert_non_null(strstr(out, "1970-01-02 00:00:00  out  100 "));
	assert_non_null(strstr(out, "  486      0:00\n"));
	assert_non_null(strstr(out, "?]0;a very lon…"));
	assert_non_null(strstr(out, "\n3 calls\n"));
	for (line = strtok_r(out, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		size_t width = 0;

		for (const char *p = line; *p; ++p)
			width += (*p & 0xc0) != 0x80;
		assert_true(width <= 100);
	}
	free(out);
}

static void filters_choose_and_a_limit_takes_the_newest(void **state)
{
	static const struct {
		struct cdr_filter filter;
		const char *ids;
	} cases[] = {
		{{.since_ms = 86401000}, "23"},
		{{.until_ms = 86401000}, "1"},
		{{.disposition = "busy"}, "2"},
		{{.campaign = "c"}, "1"},
		{{.trunk = "main"}, "1"},
		{{.agent = "bob"}, "2"},
		{{.list = "spring"}, "1"},
		{{.list = "autumn"}, ""},
		{{.recorded = true}, "1"},
		{{.number = "4930"}, "12"},
		{{.number = "+4930"}, "1"},
		{{.direction = "in"}, "23"},
		{{.limit = 2}, "23"},
		{{.limit = 1, .direction = "in", .since_ms = 1}, "3"},
		{{.number = "' OR 1=1 --"}, ""},
	};
	struct fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		char *out = list(f, &cases[i].filter, CDR_JSON), ids[8] = "";
		cJSON *json = cJSON_Parse(out), *row;

		cJSON_ArrayForEach(row, json) strcat(
			ids, cJSON_GetObjectItem(row, "id")->valuestring);
		assert_string_equal(ids, cases[i].ids);
		cJSON_Delete(json);
		free(out);
	}
}

static void a_list_that_cannot_be_written_or_read_is_told(void **state)
{
	struct fixture *f = *state;
	struct cdr_filter none = {0};
	FILE *full = fopen("/dev/full", "w");

	assert_int_equal(cdr_list(f->db, &none, CDR_TABLE, stdout, f->err,
				  sizeof(f->err)),
			 ENOENT);
	fill(f);
	assert_int_equal(
		cdr_list(f->db, &none, CDR_TABLE, full, f->err, sizeof(f->err)),
		EIO);
	assert_non_null(strstr(f->err, "cannot be written"));
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_is_one_array_that_parses),
		TEST(csv_is_quoted_and_runs_nothing),
		TEST(the_table_fits_and_drives_no_terminal),
		TEST(filters_choose_and_a_limit_takes_the_newest),
		TEST(a_list_that_cannot_be_written_or_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
