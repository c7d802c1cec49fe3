/* test_nearest.c -- what was probably meant */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/nearest.h"

static const char *const names[] = {"timeout", "tries", "prompt", "registrar",
				    "max"};

static const char *near(const char *name)
{
	return nearest_name(name, names, sizeof(names) / sizeof(names[0]));
}

static void finds_what_was_mistyped(void **state)
{
	(void)state;
	assert_string_equal(near("timout"), "timeout");	  /* left out */
	assert_string_equal(near("timeoutt"), "timeout"); /* one more */
	assert_string_equal(near("tineout"), "timeout");  /* another */
	assert_string_equal(near("itmeout"), "timeout");  /* swapped */
	assert_string_equal(near("registar"), "registrar");
	assert_string_equal(near("TIMEOUT"), "timeout");
	assert_string_equal(near("timeout"), "timeout");
	assert_string_equal(near("mx"), "max");
}

static void guesses_nothing_when_nothing_is_near(void **state)
{
	char long_name[1000];
	(void)state;

	assert_null(near("codec"));
	assert_null(near("xyz"));
	assert_null(near(""));
	assert_null(nearest_name("timeout", names, 0));
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_null(near(long_name));
}

static void a_swap_of_neighbours_is_one_step(void **state)
{
	static const char *const two[] = {"ba", "cd"};
	(void)state;

	/* of length 2 one step is allowed; as two replacements it were two */
	assert_string_equal(nearest_name("ab", two, 2), "ba");
	assert_null(nearest_name("ef", two, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_mistyped),
		cmocka_unit_test(guesses_nothing_when_nothing_is_near),
		cmocka_unit_test(a_swap_of_neighbours_is_one_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
