/* Lists of telephone numbers on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <re.h>

#include "base/numbers.h"

static char folder[64], source[96], path[96];

static int open_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/moondial-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(source, sizeof(source), "%s/source", folder);
	(void)snprintf(path, sizeof(path), "%s/list", folder);
	return 0;
}

static int close_folder(void **state)
{
	(void)state;
	(void)unlink(source);
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0); /* no part of a file is left */
	return 0;
}

static void write_source(const char *text)
{
	FILE *f = fopen(source, "w");

	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static struct numbers_import build(const char *country)
{
	struct numbers_import import = {
		.source = source, .path = path, .country = country};

	assert_int_equal(numbers_build(&import), 0);
	return import;
}

static struct numbers *open_list(void)
{
	struct numbers *numbers = NULL;

	assert_int_equal(numbers_open(&numbers, path), 0);
	return numbers;
}

static bool has(const struct numbers *numbers, const char *text)
{
	uint64_t key;
	bool found;

	assert_true(numbers_key(text, &key));
	assert_int_equal(numbers_has(numbers, key, &found), 0);
	return found;
}

static uint64_t line(const char *text, const char *country)
{
	uint64_t key = 0;

	return numbers_line(text, country, &key) ? key : 0;
}

static void a_line_is_read_as_people_write_it(void **state)
{
	(void)state;
	assert_int_equal(line("+1 (212) 555-0100", NULL), 12125550100);
	assert_int_equal(line("0044 20 7946 0018,x\r\n", NULL), 442079460018);
	assert_int_equal(line("212,5550100\r\n", "1"), 12125550100);
	assert_int_equal(line("\"212\",\"5550100\"", "1"), 12125550100);
	assert_int_equal(line("12125550100", "1"), 12125550100);
	assert_int_equal(line("2125550100;Ada", "1"), 12125550100);
	assert_int_equal(line("020 7946 0018", "44"), 442079460018);
	assert_int_equal(line("06 1234 5678", "39"), 390612345678);
	assert_int_equal(line("+44 20 7946 0018", "1"), 442079460018);
	assert_int_equal(line("555-0100", "1"), 0);
	assert_int_equal(line("212,555010", "1"), 0);
	assert_int_equal(line("number", "1"), 0);
	assert_int_equal(line("", "1"), 0);
	assert_int_equal(line("+1234567890123456", NULL), 0);
	assert_int_equal(line("1234567890123456789012345", NULL), 0);
	assert_int_equal(line("12+345678", NULL), 0);
	assert_int_equal(line("0123456789", NULL), 0);
	/* whose is it? */
	assert_int_equal(line("2125550100", NULL), 0);
	assert_int_equal(line("12125550100", NULL), 12125550100);
	assert_int_equal(line("+4712345678", NULL), 4712345678);
}

static void what_is_in_it_is_found_and_nothing_else(void **state)
{
	struct numbers_import import;
	struct numbers *numbers;

	(void)state;
	write_source("\xef\xbb\xbfphone\n+15550003\n+15550001\n\n+15550003\n"
		     "nobody\n+15550002");
	import = build(NULL);
	assert_int_equal(import.lines, 7);
	assert_int_equal(import.numbers, 3);
	assert_int_equal(import.duplicates, 1);
	assert_int_equal(import.bad, 1);
	assert_int_equal(import.bad_lines[0], 6);
	numbers = open_list();
	assert_int_equal(numbers_count(numbers), 3);
	assert_true(has(numbers, "+15550001") && has(numbers, "15550002") &&
		    has(numbers, "+15550003"));
	assert_false(has(numbers, "+15550000") || has(numbers, "+15550004") ||
		     has(numbers, "+1555000") || has(numbers, "+155500030"));
	mem_deref(numbers);
}

/* Every third number of 5,000: the pages' first and last ones, the gaps. */
static void each_of_many_pages_is_found(void **state)
{
	struct numbers *numbers;
	FILE *f = fopen(source, "w");

	(void)state;
	assert_non_null(f);
	for (uint64_t i = 5000; i-- > 0;)
		(void)fprintf(f, "%" PRIu64 "\n", 49000000000 + i * 3);
	(void)fclose(f);
	assert_int_equal(build(NULL).numbers, 5000);
	numbers = open_list();
	for (uint64_t i = 0; i < 15003; i++) {
		bool found;

		assert_int_equal(
			numbers_has(numbers, 49000000000 - 2 + i, &found), 0);
		assert_int_equal(found,
				 i >= 2 && (i - 2) % 3 == 0 && i - 2 < 15000);
	}
	mem_deref(numbers);
}

static void a_list_of_nothing_has_nothing(void **state)
{
	struct numbers *numbers;

	(void)state;
	write_source("phone\n");
	assert_int_equal(build(NULL).numbers, 0);
	numbers = open_list();
	assert_false(has(numbers, "+15550000"));
	mem_deref(numbers);
}

static void a_file_that_is_none_or_cut_off_is_refused(void **state)
{
	struct numbers *numbers = NULL;
	struct numbers_import import = {.source = source, .path = path};

	(void)state;
	assert_int_equal(numbers_open(&numbers, path), ENOENT);
	assert_int_equal(numbers_build(&import), ENOENT);
	write_source("+15550001\n+15550002\n");
	(void)build(NULL);
	assert_int_equal(truncate(path, 24 + 8 + 4095), 0);
	assert_int_equal(numbers_open(&numbers, path), EBADMSG);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(numbers_open(&numbers, path), EBADMSG);
	assert_int_equal(numbers_open(&numbers, source), EBADMSG);
	import.path = "/nonexistent/list";
	assert_int_equal(numbers_build(&import), ENOENT);
	assert_null(numbers);
}

/* Who asks goes on with what he has opened. */
static void a_list_is_replaced_under_those_who_ask(void **state)
{
	struct numbers *before, *after;

	(void)state;
	write_source("+15550001\n");
	(void)build(NULL);
	before = open_list();
	write_source("+15550002\n");
	(void)build(NULL);
	after = open_list();
	assert_true(has(before, "+15550001") && !has(before, "+15550002"));
	assert_true(has(after, "+15550002") && !has(after, "+15550001"));
	mem_deref(before);
	mem_deref(after);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_as_people_write_it),
		T(what_is_in_it_is_found_and_nothing_else),
		T(each_of_many_pages_is_found),
		T(a_list_of_nothing_has_nothing),
		T(a_file_that_is_none_or_cut_off_is_refused),
		T(a_list_is_replaced_under_those_who_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
