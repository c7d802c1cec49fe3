/* test_metrics.c -- counters by name */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include "base/metrics.h"

METRIC(zebras_seen, "zebras");
METRIC(ants_seen, "ants");
METRIC(moose_seen, "moose");

enum { THREADS = 4, EACH = 10000 };

struct listing {
	char last[64];
	int ours;
	uint64_t zebras;
};

static void list(const char *name, const char *help, uint64_t value, void *arg)
{
	struct listing *listing = arg;

	assert_true(strcmp(listing->last, name) < 0);
	strncpy(listing->last, name, sizeof(listing->last) - 1);
	if (strstr(name, "_seen"))
		listing->ours++;
	if (!strcmp(name, "zebras_seen")) {
		listing->zebras = value;
		assert_string_equal(help, "zebras");
	}
}

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++)
		metric_add(&zebras_seen, 2);
	return NULL;
}

static void counters_are_listed_by_name_with_all_that_was_added(void **state)
{
	struct listing listing = {0};
	pthread_t threads[THREADS];
	(void)state;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	metric_add(&ants_seen, 1);
	metric_add(&moose_seen, 1);
	metric_each(list, &listing);
	assert_int_equal(listing.ours, 3);
	assert_int_equal(listing.zebras, 2 * THREADS * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			counters_are_listed_by_name_with_all_that_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
