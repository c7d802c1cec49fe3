/* test_spectrum.c -- the fast transform against the plain sum */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "media/detect/spectrum.h"

/* The definition, under the same window. */
static double plain(const int16_t *pcm, int k)
{
	double re = 0, im = 0;

	for (int i = 0; i < SPECTRUM_SIZE; i++) {
		const double window =
			0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / SPECTRUM_SIZE);
		const double a = 2 * M_PI * k * i / SPECTRUM_SIZE;

		re += window * pcm[i] * cos(a);
		im -= window * pcm[i] * sin(a);
	}
	return re * re + im * im;
}

static void it_is_the_fourier_transform(void **state)
{
	int16_t pcm[SPECTRUM_SIZE];
	float power[SPECTRUM_BINS];
	uint32_t seed = 7;
	(void)state;

	for (int run = 0; run < 4; run++) {
		double sum = 0;

		for (int i = 0; i < SPECTRUM_SIZE; i++) {
			seed = seed * 1664525 + 1013904223;
			pcm[i] = run == 3 ? (int16_t)(i == 100 ? -32768 : 0)
					  : (int16_t)(seed >> 16);
		}
		spectrum_power(pcm, power);
		for (int k = 1; k < SPECTRUM_BINS; k++)
			sum += plain(pcm, k);
		for (int k = 1; k < SPECTRUM_BINS; k++) {
			const double want = plain(pcm, k);

			if (fabs((double)power[k] - want) >
			    want * 1e-3 + sum * 1e-8)
				fail_msg("run %d, bin %d: %g, not %g", run, k,
					 (double)power[k], want);
		}
	}
}

static void a_sine_has_the_power_that_is_said(void **state)
{
	int16_t pcm[SPECTRUM_SIZE];
	float power[SPECTRUM_BINS];
	(void)state;

	for (int k = 4; k < 252; k += 8) {
		for (int i = 0; i < SPECTRUM_SIZE; i++)
			pcm[i] = (int16_t)lrint(
				10000 * sin(2 * M_PI * k * i / SPECTRUM_SIZE));
		spectrum_power(pcm, power);
		assert_true(fabs(sqrt((double)power[k]) / 1.28e6 - 1) < 0.01);
		assert_true(power[k + 4] < power[k] * 1e-6F);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_fourier_transform),
		cmocka_unit_test(a_sine_has_the_power_that_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
