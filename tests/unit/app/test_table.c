/* test_table.c -- tables on terminals, and for grep */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "app/table.h"

static const char *printed(struct table *table, size_t width)
{
	static char *text;
	size_t size;
	FILE *f;

	free(text);
	text = NULL;
	f = open_memstream(&text, &size);
	assert_non_null(f);
	table_print(table, f, width);
	(void)fclose(f);
	table_free(table);
	return text;
}

#define ROW(table_, ...) \
	table_row((table_), (const char *const[TABLE_COLUMNS]){__VA_ARGS__})

static void columns_are_as_wide_as_their_cells(void **state)
{
	struct table *t = table_alloc(4, 1u << 2);
	(void)state;

	ROW(t, "", "name", "calls", "why");
	ROW(t, "trunk", "a", "10", "");
	ROW(t, "trunk", "carrier", "7", "no answer");
	assert_string_equal(printed(t, 0),
			    "          name     calls  why\n"
			    "trunk     a           10\n"
			    "trunk     carrier      7  no answer\n");
}

static void characters_count_not_bytes_and_controls_are_shown(void **state)
{
	struct table *t = table_alloc(3, 0);
	(void)state;

	ROW(t, "x", "Zoë", "one");
	ROW(t, "x", "Zoe", "\033[2J\r\nclear\302\233");
	assert_string_equal(printed(t, 0), "x         Zoë  one\n"
					   "x         Zoe  ?[2J??clear?\233\n");
}

static void what_does_not_fit_a_terminal_goes_below(void **state)
{
	struct table *t = table_alloc(4, 1u << 2);
	(void)state;

	ROW(t, "trunk", "carrier", "7", "why it is so");
	ROW(t, "trunk", "a name that is much too long", "8", "x");
	ROW(t, "trunk", "another that is long", "", "");
	assert_string_equal(printed(t, 30),
			    "trunk     carrier          7\n"
			    "            why it is so\n"
			    "trunk     a name that is much too long\n"
			    "                           8\n"
			    "            x\n"
			    "trunk     another that is long\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_cells),
		cmocka_unit_test(
			characters_count_not_bytes_and_controls_are_shown),
		cmocka_unit_test(what_does_not_fit_a_terminal_goes_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
