/* Configuration: the file, what scripts define, --set; each bad value named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"

static char file[64];

static int setup(void **state)
{
	int fd;
	(void)state;

	strcpy(file, "/tmp/moondial-config-XXXXXX");
	fd = mkstemp(file);
	assert_true(fd >= 0);
	(void)close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	return 0;
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static struct config *load(const char *text, const char *const *sets)
{
	struct config *config = NULL;
	char err[1024] = "";

	write_file(text);
	if (!config_load(&config, file, sets, err, sizeof(err)))
		fail_msg("%s", err);
	return config;
}

/* TEXT is refused with a message that has each of WORDS. */
static void refused(const char *text, const char *set, const char *const *words)
{
	const char *sets[] = {set, NULL};
	struct config *config = NULL;
	char err[1024] = "";

	write_file(text);
	if (config_load(&config, file, sets, err, sizeof(err)))
		fail_msg("taken: %s, --set %s", text, set ? set : "-");
	assert_null(config);
	for (; *words; words++)
		if (!strstr(err, *words))
			fail_msg("'%s' lacks '%s'", err, *words);
}

static void no_file_is_all_defaults(void **state)
{
	struct config *config = NULL;
	char err[256];
	(void)state;

	assert_true(config_load(&config, NULL, NULL, err, sizeof(err)));
	assert_string_equal(schema_string(config_root(config), "db", "x.db"),
			    "x.db");
	config_free(config);
}

static void the_file_sets_values_and_set_wins(void **state)
{
	const char *sets[] = {"rtp.port_min=20000", "trunks.a.prefix=9",
			      "campaign.retry.busy=2", NULL};
	struct config *config = load(
		"return { listen = {'udp:127.0.0.1:5070'}, log = 'debug',\n"
		"  rtp = { port_min = 30000, port_max = 31000 },\n"
		"  trunks = {{ name = 'a', hosts = 'one.example' }} }",
		sets);
	const cJSON *root = config_root(config);
	(void)state;

	assert_int_equal(schema_number(root, "rtp.port_min", 0), 20000);
	assert_int_equal(schema_number(root, "rtp.port_max", 0), 31000);
	assert_string_equal(schema_string(root, "log", ""), "debug");
	assert_string_equal(
		schema_string(cJSON_GetArrayItem(schema_get(root, "trunks"), 0),
			      "prefix", ""),
		"9");
	assert_int_equal(schema_number(root, "campaign.retry.busy", 0), 2);
	config_free(config);
}

static void bad_files_are_refused_with_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *set;
		const char *words[5];
	} cases[] = {
		{"return { lisen = {} }", NULL, {"lisen", "'listen'"}},
		{"return { rtp = { port_min = 'x' } }",
		 NULL,
		 {"rtp.port_min", "number"}},
		{"return { rtp = { port_min = 80 } }",
		 NULL,
		 {"rtp.port_min", "1024"}},
		{"return { log = 'warm' }", NULL, {"log", "warn"}},
		{"return {}", "rtp.latch=nut", {"rtp.latch", "'nat'"}},
		{"return { listen = {'sctp:1.2.3.4'} }",
		 NULL,
		 {"listen[1]", "sctp"}},
		{"return { codecs = {'OPUZ'} }",
		 NULL,
		 {"codecs[1]", "OPUZ", "PCMU"}},
		{"return { accounts = {{ name = 'a' }} }",
		 NULL,
		 {"accounts[1]", "uri"}},
		{"return { accounts = {{ name = 'a', uri = 'sip:a@b',\n"
		 "registar = 'sip:b' }} }",
		 NULL,
		 {"accounts[1].registar", "'registrar'"}},
		{"return { accounts = {{ name = 'a', uri = 'sip:a@b',\n"
		 "ha1 = 'abc' }} }",
		 NULL,
		 {"accounts[1].ha1", "32 hex"}},
		{"return {\n  db = \n}", NULL, {":3:"}},
		{"return 5", NULL, {"must return a table"}},
		{"return { db = tostring }", NULL, {"db", "function"}},
		{"return { db = env('MOONDIAL_TEST_NOT_SET') }",
		 NULL,
		 {":1:", "MOONDIAL_TEST_NOT_SET is not set"}},
		{"while true do end", NULL, {":1:", "endless"}},
		{"return os.execute('x')", NULL, {":1:", "os"}},
		{"local t = {} t.a = t return t", NULL, {"deep"}},
		{"return {}", "rtp.port_mn=1", {"rtp.port_mn", "port_min"}},
		{"return {}", "nonsense", {"KEY=VALUE"}},
		{"return {}", "rtp.port_min=many", {"rtp.port_min", "number"}},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, cases[i].set, cases[i].words);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct config *config = NULL;
	char err[256] = "";
	(void)state;

	assert_false(
		config_load(&config, "/nowhere/x.lua", NULL, err, sizeof(err)));
	assert_non_null(strstr(err, "/nowhere/x.lua"));
}

static void
secrets_come_from_the_environment_and_stay_out_of_public(void **state)
{
	struct config *config;
	cJSON *public;
	char *text;
	(void)state;

	assert_int_equal(setenv("MOONDIAL_TEST_SECRET", "s3cret", 1), 0);
	config = load("return { accounts = {{ name = 'a', uri = 'sip:a@b',\n"
		      "  password = env('MOONDIAL_TEST_SECRET'),\n"
		      "  realm = env('MOONDIAL_TEST_NOT_SET', 'b') }} }",
		      NULL);
	public = config_public(config);
	text = cJSON_PrintUnformatted(public);
	assert_null(strstr(text, "s3cret"));
	assert_non_null(strstr(text, "sip:a@b"));
	assert_non_null(strstr(text, "\"realm\":\"b\""));
	assert_string_equal(
		schema_string(
			cJSON_GetArrayItem(
				schema_get(config_root(config), "accounts"), 0),
			"password", ""),
		"s3cret");
	cJSON_free(text);
	cJSON_Delete(public);
	config_free(config);
}

static void
a_scripts_table_overrides_the_file_and_set_overrides_both(void **state)
{
	const char *sets[] = {"accounts.a.expires=60", NULL};
	struct config *config =
		load("return { accounts = {{ name = 'a', uri = 'sip:a@b',\n"
		     "  expires = 600, display_name = 'File' }} }",
		     sets);
	cJSON *table = cJSON_Parse("{\"name\": \"a\", \"expires\": 300,"
				   " \"display_name\": \"Script\"}");
	char err[512] = "";
	cJSON *a = config_element(config, "account", table, err, sizeof(err));
	(void)state;

	assert_non_null(a);
	assert_string_equal(schema_string(a, "uri", ""), "sip:a@b");
	assert_string_equal(schema_string(a, "display_name", ""), "Script");
	assert_int_equal(schema_number(a, "expires", 0), 60);
	cJSON_Delete(a);

	cJSON_AddNumberToObject(table, "expire", 5);
	assert_null(config_element(config, "account", table, err, sizeof(err)));
	assert_non_null(strstr(err, "moon.account"));
	assert_non_null(strstr(err, "'expires'"));
	cJSON_Delete(table);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_is_all_defaults),
		cmocka_unit_test(the_file_sets_values_and_set_wins),
		cmocka_unit_test(bad_files_are_refused_with_place_and_remedy),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(
			secrets_come_from_the_environment_and_stay_out_of_public),
		cmocka_unit_test(
			a_scripts_table_overrides_the_file_and_set_overrides_both),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
