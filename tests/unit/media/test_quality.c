/* test_quality.c -- the E-model against values that others have published */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "media/quality.h"

static void near(double value, double expected, double by)
{
	if (fabs(value - expected) > by)
		fail_msg("%.3f, not %.3f", value, expected);
}

/* G.107 Annex B, table B.1 */
static void mos_of_r_is_that_of_the_table(void **state)
{
	const double table[][2] = {{93.2, 4.41}, {90, 4.34}, {80, 4.03},
				   {70, 3.60},	 {60, 3.10}, {50, 2.58},
				   {0, 1},	 {3, 1}};
	(void)state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		near(quality_mos_of(table[i][0]), table[i][1], 0.01);
}

static void delay_costs_little_below_177_ms_and_much_above(void **state)
{
	struct quality q = {.expected = 1000};
	(void)state;

	near(quality_r(&q), 93.2, 1e-9);
	q.delay_ms = 100;
	near(quality_r(&q), 90.8, 1e-9);
	q.delay_ms = 277.3;
	near(quality_r(&q), 93.2 - 0.024 * 277.3 - 11, 1e-9);
}

static void loss_costs_by_share_and_by_burst(void **state)
{
	struct quality q = {.expected = 1000, .lost = 10, .runs = 10};
	(void)state;

	near(quality_burst(&q), 1, 1e-9);
	near(quality_r(&q), 93.2 - 95.0 / 26.1, 1e-9);
	q.lost = q.runs = 50;
	near(quality_r(&q), 93.2 - 95.0 * 5 / 30.1, 1e-9);
	near(quality_mos(&q), 3.93, 0.02);
	/* the same share in losses of five: worse */
	q.runs = 10;
	near(quality_burst(&q), 5 * 0.95, 1e-9);
	near(quality_r(&q), 93.2 - 95.0 * 5 / (5 / 4.75 + 25.1), 1e-9);
	/* lies and nonsense stay within bounds */
	q.lost = 100000;
	near(quality_mos(&q), 1.25, 0.3);
	q.delay_ms = 1e9;
	near(quality_mos(&q), 1, 1e-9);
	q.expected = 0;
	near(quality_mos(&q), 0, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mos_of_r_is_that_of_the_table),
		cmocka_unit_test(
			delay_costs_little_below_177_ms_and_much_above),
		cmocka_unit_test(loss_costs_by_share_and_by_burst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
