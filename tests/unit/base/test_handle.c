/* test_handle.c -- names with a generation */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/handle.h"

static void names_what_was_added(void **state)
{
	struct handle_table *table;
	int a, b;
	handle_t ha, hb;
	(void)state;

	assert_int_equal(handle_table_alloc(&table), 0);
	ha = handle_add(table, &a);
	hb = handle_add(table, &b);
	assert_true(ha && hb && ha != hb);
	assert_ptr_equal(handle_get(table, ha), &a);
	assert_ptr_equal(handle_get(table, hb), &b);
	assert_int_equal(handle_count(table), 2);
	handle_table_free(table);
}

static void a_stale_handle_finds_nothing_not_its_successor(void **state)
{
	struct handle_table *table;
	int a, b;
	handle_t ha, hb;
	(void)state;

	assert_int_equal(handle_table_alloc(&table), 0);
	ha = handle_add(table, &a);
	assert_ptr_equal(handle_remove(table, ha), &a);
	hb = handle_add(table, &b);
	assert_int_equal((uint32_t)ha, (uint32_t)hb); /* the same slot */
	assert_null(handle_get(table, ha));
	assert_null(handle_remove(table, ha));
	assert_ptr_equal(handle_get(table, hb), &b);
	assert_int_equal(handle_count(table), 1);
	handle_table_free(table);
}

static void what_never_was_a_handle_finds_nothing(void **state)
{
	struct handle_table *table;
	int a;
	(void)state;

	assert_int_equal(handle_table_alloc(&table), 0);
	assert_null(handle_get(table, 0));
	assert_null(handle_get(table, 1));
	assert_null(handle_get(table, UINT64_MAX));
	handle_add(table, &a);
	assert_null(handle_get(table, 0));
	assert_null(handle_remove(table, UINT64_MAX));
	handle_table_free(table);
}

enum { MANY = 1000 };

static bool remove_and_add(handle_t handle, void *ptr, void *arg)
{
	struct handle_table *table = arg;

	if (*(int *)ptr) {
		*(int *)ptr = 0;
		handle_remove(table, handle);
		handle_add(table, ptr);
		handle_add(table, ptr);
	}
	return false;
}

static void the_table_may_change_while_it_is_walked(void **state)
{
	static int values[MANY];
	struct handle_table *table;
	(void)state;

	assert_int_equal(handle_table_alloc(&table), 0);
	for (int i = 0; i < MANY; i++) {
		values[i] = 1;
		assert_true(handle_add(table, &values[i]) != 0);
	}
	handle_apply(table, remove_and_add, table);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(values[i], 0);
	assert_int_equal(handle_count(table), 2 * MANY);
	handle_table_free(table);
}

static bool stop_at_third(handle_t handle, void *ptr, void *arg)
{
	int *seen = arg;
	(void)handle;
	(void)ptr;

	return ++*seen == 3;
}

static void walking_stops_when_told(void **state)
{
	struct handle_table *table;
	int value, seen = 0;
	(void)state;

	assert_int_equal(handle_table_alloc(&table), 0);
	for (int i = 0; i < 10; i++)
		handle_add(table, &value);
	handle_apply(table, stop_at_third, &seen);
	assert_int_equal(seen, 3);
	handle_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_was_added),
		cmocka_unit_test(
			a_stale_handle_finds_nothing_not_its_successor),
		cmocka_unit_test(what_never_was_a_handle_finds_nothing),
		cmocka_unit_test(the_table_may_change_while_it_is_walked),
		cmocka_unit_test(walking_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
