/* test_ebb.c -- when memory is given back */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "app/ebb.h"

static void a_crowd_that_has_left_is_followed_once(void **state)
{
	struct ebb ebb = {0};
	unsigned n = 0, first = 0;
	(void)state;

	assert_false(ebb_due(&ebb, 0, 0));
	assert_false(ebb_due(&ebb, 1000, 1000));
	for (unsigned s = 1; s <= 100; s++)
		assert_false(ebb_due(&ebb, 1000, 1000));
	for (unsigned s = 1; s <= 100; s++) {
		bool due = ebb_due(&ebb, 0, 1000);

		n += due;
		if (due && !first)
			first = s;
	}
	/* not before the transactions of the last calls have gone */
	assert_int_equal(n, 1);
	assert_int_equal(first, EBB_SECONDS);
}

static void short_calls_count_by_what_they_leave(void **state)
{
	struct ebb ebb = {0};
	uint64_t total = 0;
	unsigned n = 0;
	(void)state;

	/* hardly any at once, but 100 a second */
	for (unsigned s = 0; s < 100; s++)
		assert_false(ebb_due(&ebb, 1, total += 100));
	/* a tenth of that is another tide */
	for (unsigned s = 0; s < 100; s++)
		n += ebb_due(&ebb, 1, total += 10);
	assert_in_range(n, 1, 4);
	for (unsigned s = 0; s < EBB_SECONDS + 1; s++)
		n += ebb_due(&ebb, 0, total);
	assert_true(ebb.high < EBB_CALLS);
}

static void a_steady_crowd_is_left_alone(void **state)
{
	struct ebb ebb = {0};
	uint64_t total = 0;
	(void)state;

	for (unsigned s = 0; s < 1000; s++) {
		total += s % 2 ? 30 : 10;
		assert_false(ebb_due(&ebb, 100 + s % 20, total));
	}
}

static void a_few_calls_are_not_worth_the_while(void **state)
{
	struct ebb ebb = {0};
	(void)state;

	for (unsigned s = 0; s < 1000; s++)
		assert_false(ebb_due(&ebb, s / 100 % 2, s / 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_that_has_left_is_followed_once),
		cmocka_unit_test(short_calls_count_by_what_they_leave),
		cmocka_unit_test(a_steady_crowd_is_left_alone),
		cmocka_unit_test(a_few_calls_are_not_worth_the_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
