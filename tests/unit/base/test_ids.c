/* test_ids.c -- ids sort by their making and never repeat */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/ids.h"

enum { THREADS = 4, EACH = 20000 };

static char ids[THREADS][EACH][ID_SIZE];

static void an_id_has_26_characters_of_crockford(void **state)
{
	char id[ID_SIZE];
	(void)state;

	memset(id, '#', sizeof(id));
	id_make(id);
	assert_int_equal(strlen(id), 26);
	assert_int_equal(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
}

static void an_id_begins_with_its_time(void **state)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t before = clock_wall_ms(), ms = 0;
	char id[ID_SIZE];
	(void)state;

	id_make(id);
	for (int i = 0; i < 10; i++)
		ms = ms * 32 + (strchr(alphabet, id[i]) - alphabet);
	assert_true(ms >= before && ms <= clock_wall_ms());
}

static void *make(void *arg)
{
	char(*own)[ID_SIZE] = arg;

	for (int i = 0; i < EACH; i++)
		id_make(own[i]);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void ids_of_threads_rise_and_are_unique(void **state)
{
	pthread_t threads[THREADS];
	char(*all)[ID_SIZE] = ids[0];
	(void)state;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make, ids[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	for (int t = 0; t < THREADS; t++)
		for (int i = 1; i < EACH; i++)
			assert_true(strcmp(ids[t][i - 1], ids[t][i]) < 0);
	qsort(all, (size_t)THREADS * EACH, ID_SIZE, compare);
	for (int i = 1; i < THREADS * EACH; i++)
		assert_true(strcmp(all[i - 1], all[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_has_26_characters_of_crockford),
		cmocka_unit_test(an_id_begins_with_its_time),
		cmocka_unit_test(ids_of_threads_rise_and_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
