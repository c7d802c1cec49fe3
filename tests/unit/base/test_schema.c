/* test_schema.c -- what is wrong, where, and what was meant */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <string.h>
#include "base/schema.h"

static bool check_uri(const cJSON *value, char *err, size_t size)
{
	if (!strncmp(value->valuestring, "sip:", 4))
		return true;
	snprintf(err, size, "'%s' is not a SIP URI", value->valuestring);
	return false;
}

static const char *const transports[] = {"udp", "tcp", "tls", NULL};

static const struct schema account_fields[] = {
	{.name = "name", .type = SCHEMA_STRING, .required = true},
	{.name = "uri", .type = SCHEMA_STRING, .check = check_uri},
	{.name = "registrar", .type = SCHEMA_STRING},
	{.name = "transport", .type = SCHEMA_STRING, .choices = transports},
	{.name = "expires",
	 .type = SCHEMA_NUMBER,
	 .min = 30,
	 .max = 86400,
	 .unit = "s"},
	{0},
};
static const struct schema account = {.type = SCHEMA_TABLE,
				      .fields = account_fields};
static const struct schema any_keys = {.type = SCHEMA_TABLE};
static const struct schema word = {.type = SCHEMA_STRING};
static const struct schema rtp_fields[] = {
	{.name = "port_min", .type = SCHEMA_INTEGER, .min = 1, .max = 65535},
	{.name = "symmetric", .type = SCHEMA_BOOLEAN},
	{0},
};
static const struct schema fields[] = {
	{.name = "accounts", .type = SCHEMA_LIST, .item = &account},
	{.name = "rtp", .type = SCHEMA_TABLE, .fields = rtp_fields},
	{.name = "codecs", .type = SCHEMA_LIST, .item = &word},
	{.name = "hours", .type = SCHEMA_STRING_OR_LIST},
	{.name = "transports",
	 .type = SCHEMA_STRING_OR_LIST,
	 .choices = transports},
	{.name = "rate", .type = SCHEMA_NUMBER, .min = 0.1, .max = DBL_MAX},
	{.name = "qualify",
	 .type = SCHEMA_NUMBER_OR_BOOLEAN,
	 .min = 1,
	 .max = 3600,
	 .unit = "s"},
	{.name = "free", .type = SCHEMA_TABLE},
	{.name = "agents", .type = SCHEMA_LIST, .item = &any_keys},
	{.name = "user", .type = SCHEMA_ANY},
	{0},
};

static char err[512];

static bool check(const char *json)
{
	cJSON *value = cJSON_Parse(json);
	bool ok;

	assert_non_null(value);
	*err = '\0';
	ok = schema_check(fields, value, "moondial.lua", err, sizeof(err));
	cJSON_Delete(value);
	return ok;
}

static void refused(const char *json, const char *message)
{
	assert_false(check(json));
	assert_string_equal(err, message);
}

static void what_is_right_passes(void **state)
{
	(void)state;
	assert_true(check("{}"));
	assert_true(check("{\"accounts\":[{\"name\":\"a\",\"uri\":\"sip:a@b\","
			  "\"expires\":30.5,\"transport\":\"tcp\"}],"
			  "\"rtp\":{\"port_min\":65535,\"symmetric\":false},"
			  "\"codecs\":[\"PCMU\"],\"hours\":\"Mon\","
			  "\"free\":{\"x\":{\"y\":1}},\"user\":[1,null]}"));
	assert_true(check("{\"hours\":[\"Mon\",\"Tue\"]}"));
	/* Lua has one empty table */
	assert_true(check("{\"accounts\":{},\"rtp\":[],\"hours\":{}}"));
}

static void an_unknown_key_names_its_place_and_the_nearest(void **state)
{
	(void)state;
	refused("{\"accounts\":[{\"name\":\"a\"},"
		"{\"name\":\"b\",\"registar\":\"x\"}]}",
		"moondial.lua: accounts[2].registar: unknown key; "
		"did you mean 'registrar'?");
	refused("{\"rpt\":{}}",
		"moondial.lua: rpt: unknown key; did you mean 'rtp'?");
	refused("{\"quite_else\":1}", "moondial.lua: quite_else: unknown key");
}

static void a_wrong_type_says_what_was_expected_and_what_came(void **state)
{
	(void)state;
	refused("{\"rtp\":{\"port_min\":\"low\"}}",
		"moondial.lua: rtp.port_min: expected a whole number, "
		"got a string");
	refused("{\"rtp\":{\"port_min\":10.5}}",
		"moondial.lua: rtp.port_min: expected a whole number, "
		"got the number 10.5");
	refused("{\"rtp\":{\"symmetric\":1}}",
		"moondial.lua: rtp.symmetric: expected true or false, "
		"got the number 1");
	refused("{\"rtp\":true}",
		"moondial.lua: rtp: expected a table, got true");
	refused("{\"rtp\":[1]}",
		"moondial.lua: rtp: expected a table, got a list");
	refused("{\"accounts\":{\"name\":\"a\"}}",
		"moondial.lua: accounts: expected a list, got a table");
	refused("{\"accounts\":[7]}",
		"moondial.lua: accounts[1]: expected a table, "
		"got the number 7");
	refused("{\"hours\":[\"Mon\",2]}",
		"moondial.lua: hours[2]: expected a string, "
		"got the number 2");
	refused("{\"hours\":null}",
		"moondial.lua: hours: expected a string or a list of strings, "
		"got nothing");
}

static void a_wrong_type_does_not_show_a_secret(void **state)
{
	(void)state;
	assert_false(check("{\"rtp\":\"hunter2\"}"));
	assert_null(strstr(err, "hunter2"));
}

static void out_of_range_gives_the_range(void **state)
{
	(void)state;
	refused("{\"rtp\":{\"port_min\":70000}}",
		"moondial.lua: rtp.port_min: must be from 1 to 65535, "
		"not 70000");
	refused("{\"accounts\":[{\"name\":\"a\",\"expires\":5}]}",
		"moondial.lua: accounts[1].expires: must be from 30 to "
		"86400 s, not 5");
	refused("{\"rate\":0}",
		"moondial.lua: rate: must be at least 0.1, not 0");
	refused("{\"rate\":1e999}",
		"moondial.lua: rate: expected a number, got the number inf");
}

static void a_bad_choice_lists_them_and_the_nearest(void **state)
{
	(void)state;
	refused("{\"accounts\":[{\"name\":\"a\",\"transport\":\"tpc\"}]}",
		"moondial.lua: accounts[1].transport: 'tpc' is not one of "
		"'udp', 'tcp', 'tls'; did you mean 'tcp'?");
	refused("{\"transports\":[\"udp\",\"smoke\"]}",
		"moondial.lua: transports[2]: 'smoke' is not one of "
		"'udp', 'tcp', 'tls'");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	refused("{\"accounts\":[{\"uri\":\"sip:a\"}]}",
		"moondial.lua: accounts[1].name: missing: "
		"a string is required");
}

static void a_field_may_check_more(void **state)
{
	(void)state;
	refused("{\"accounts\":[{\"name\":\"a\",\"uri\":\"http:x\"}]}",
		"moondial.lua: accounts[1].uri: 'http:x' is not a SIP URI");
}

static void a_short_buffer_is_not_overrun(void **state)
{
	cJSON *value = cJSON_Parse("{\"rpt\":{}}");
	char small[8];
	(void)state;

	memset(small, 'x', sizeof(small));
	assert_false(schema_check(fields, value, "moondial.lua", small, 5));
	assert_string_equal(small, "moon");
	assert_int_equal(small[5], 'x');
	cJSON_Delete(value);
}

static void set(cJSON *root, const char *path, const char *text)
{
	if (!schema_set(fields, root, path, text, err, sizeof(err)))
		fail_msg("%s", err);
}

static void values_are_set_by_path_and_type(void **state)
{
	cJSON *root = cJSON_Parse("{\"accounts\":[{\"name\":\"carrier\","
				  "\"expires\":60}]}");
	(void)state;

	set(root, "rtp.port_min", "20000");
	set(root, "rtp.symmetric", "off");
	set(root, "accounts.carrier.expires", "120.5");
	set(root, "accounts.other.uri", "sip:x@y");
	set(root, "codecs", "PCMU, PCMA");
	set(root, "hours", "Mon-Fri 09:00-20:00");
	set(root, "user", "{\"a\": 1}");
	set(root, "agents.ann.target", "sip:ann@y");
	assert_string_equal(schema_string(root, "agents.ann.target", ""),
			    "sip:ann@y");
	assert_true(schema_number(root, "rtp.port_min", 0) == 20000);
	assert_false(schema_boolean(root, "rtp.symmetric", true));
	assert_true(schema_number(root, "accounts.carrier.expires", 0) ==
		    120.5);
	assert_string_equal(schema_string(root, "accounts.other.uri", ""),
			    "sip:x@y");
	assert_string_equal(schema_string(root, "hours", ""),
			    "Mon-Fri 09:00-20:00");
	assert_int_equal(cJSON_GetArraySize(schema_get(root, "codecs")), 2);
	assert_string_equal(
		cJSON_GetArrayItem(schema_get(root, "codecs"), 1)->valuestring,
		"PCMA");
	assert_true(schema_number(root, "user.a", 0) == 1);
	assert_int_equal(cJSON_GetArraySize(schema_get(root, "accounts")), 2);
	cJSON_Delete(root);
}

static void a_number_or_boolean_is_either(void **state)
{
	cJSON *root = cJSON_CreateObject();
	(void)state;

	assert_true(check("{\"qualify\":true}"));
	assert_true(check("{\"qualify\":false}"));
	assert_true(check("{\"qualify\":1.5}"));
	refused("{\"qualify\":\"often\"}",
		"moondial.lua: qualify: expected true, false or a number, got "
		"a string");
	refused("{\"qualify\":0}",
		"moondial.lua: qualify: must be from 1 to 3600 s, not 0");
	set(root, "qualify", "on");
	assert_true(schema_boolean(root, "qualify", false));
	set(root, "qualify", "1");
	assert_true(schema_number(root, "qualify", 0) == 1);
	set(root, "qualify", "no");
	assert_false(schema_boolean(root, "qualify", true));
	cJSON_Delete(root);
}

static void set_refused(const char *path, const char *text, const char *message)
{
	cJSON *root = cJSON_CreateObject();

	assert_false(schema_set(fields, root, path, text, err, sizeof(err)));
	assert_string_equal(err, message);
	assert_null(root->child); /* nothing was changed */
	cJSON_Delete(root);
}

static void a_wrong_set_says_why_and_changes_nothing(void **state)
{
	(void)state;
	set_refused("rtp.prot_min", "1",
		    "rtp.prot_min: unknown key; did you mean 'port_min'?");
	set_refused("rtp.port_min", "many",
		    "rtp.port_min: expected a whole number, got a string");
	set_refused("rtp.port_min", "0",
		    "rtp.port_min: must be from 1 to 65535, not 0");
	set_refused("rtp.symmetric", "maybe",
		    "rtp.symmetric: expected true or false, got a string");
	set_refused("rtp.port_min.x", "1",
		    "rtp.port_min.x: 'port_min' has no "
		    "keys");
	set_refused("accounts.carrier", "1",
		    "accounts.carrier: expected the name of an element and "
		    "one of its keys");
	set_refused("rtp..x", "1", "rtp..x: not a path of names");
	set_refused("", "1", ": not a path of names");
	set_refused("rtp", "{\"port_min\":0}",
		    "rtp.port_min: must be from 1 to 65535, not 0");
}

static void absent_values_fall_back(void **state)
{
	cJSON *root = cJSON_Parse("{\"rtp\":{\"port_min\":5}}");
	(void)state;

	assert_null(schema_get(root, "rtp.port_max"));
	assert_null(schema_get(root, "a.b.c"));
	assert_null(schema_get(NULL, "a"));
	assert_ptr_equal(schema_get(root, ""), root);
	assert_string_equal(schema_string(root, "rtp.port_min", "no"), "no");
	assert_true(schema_number(root, "rtp.port_max", 7) == 7);
	assert_true(schema_boolean(root, "rtp.port_min", true));
	cJSON_Delete(root);
}

static void merging_overrides_field_by_field(void **state)
{
	cJSON *into =
		cJSON_Parse("{\"rtp\":{\"port_min\":1,\"symmetric\":true},"
			    "\"codecs\":[\"PCMU\"],"
			    "\"accounts\":[{\"name\":\"a\",\"uri\":\"sip:a\","
			    "\"expires\":60}]}");
	cJSON *from = cJSON_Parse(
		"{\"rtp\":{\"port_min\":2},\"codecs\":[\"PCMA\",\"opus\"],"
		"\"accounts\":[{\"name\":\"b\",\"uri\":\"sip:b\"},"
		"{\"name\":\"a\",\"expires\":90}],\"hours\":\"Mon\"}");
	cJSON *expected = cJSON_Parse(
		"{\"rtp\":{\"port_min\":2,\"symmetric\":true},"
		"\"codecs\":[\"PCMA\",\"opus\"],"
		"\"accounts\":[{\"name\":\"a\",\"uri\":\"sip:a\","
		"\"expires\":90},{\"name\":\"b\",\"uri\":\"sip:b\"}],"
		"\"hours\":\"Mon\"}");
	(void)state;

	assert_true(schema_merge(into, from));
	assert_true(cJSON_Compare(into, expected, true));
	cJSON_Delete(into);
	cJSON_Delete(from);
	cJSON_Delete(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_passes),
		cmocka_unit_test(
			an_unknown_key_names_its_place_and_the_nearest),
		cmocka_unit_test(
			a_wrong_type_says_what_was_expected_and_what_came),
		cmocka_unit_test(a_wrong_type_does_not_show_a_secret),
		cmocka_unit_test(out_of_range_gives_the_range),
		cmocka_unit_test(a_bad_choice_lists_them_and_the_nearest),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_field_may_check_more),
		cmocka_unit_test(a_short_buffer_is_not_overrun),
		cmocka_unit_test(a_number_or_boolean_is_either),
		cmocka_unit_test(values_are_set_by_path_and_type),
		cmocka_unit_test(a_wrong_set_says_why_and_changes_nothing),
		cmocka_unit_test(absent_values_fall_back),
		cmocka_unit_test(merging_overrides_field_by_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
