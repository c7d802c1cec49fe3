/* test_tone.c -- frequency, level, cadence and phase of tones */
#include "audio_fixture.h"
#include "media/tone.h"

static double db(double peak)
{
	return 20 * log10(peak);
}

static void a_tone_has_its_frequency_and_level(void **state)
{
	static const float levels[] = {0, -3, -10, -20, -40};
	int16_t pcm[8000];
	(void)state;

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct tone tone;
		double energy = 0, peak;

		tone_init(&tone, (float[4]){425}, levels[i], 0, 0);
		tone_read(&tone, pcm, 8000);
		peak = goertzel(pcm, 8000, 1, 425);
		assert_true(fabs(db(peak) - (double)levels[i]) < 0.1);
		/* Nothing else is in it: 50 dB below, or the rounding. */
		for (int k = 0; k < 8000; k++)
			energy += pow(pcm[k] / 32768.0, 2);
		energy = energy / 8000 - peak * peak / 2;
		assert_true(fabs(energy) < peak * peak / 2e5 + 1e-9);
	}
}

static void sines_add_up(void **state)
{
	struct tone tone;
	int16_t pcm[8000];
	(void)state;

	tone_init(&tone, (float[4]){697, 0, 1209}, -9, 0, 0);
	tone_read(&tone, pcm, 8000);
	assert_true(fabs(db(goertzel(pcm, 8000, 1, 697)) + 9) < 0.1);
	assert_true(fabs(db(goertzel(pcm, 8000, 1, 1209)) + 9) < 0.1);
	assert_true(goertzel(pcm, 8000, 1, 1000) < 0.001);
}

static void four_at_full_level_saturate(void **state)
{
	struct tone tone;
	int16_t pcm[8000];
	int top = 0;
	(void)state;

	tone_init(&tone, (float[4]){400, 410, 420, 430}, 12, 0, 0);
	tone_read(&tone, pcm, 8000);
	for (int i = 1; i < 8000; i++) {
		top += pcm[i] == INT16_MAX;
		/* Wrapped round it would jump through the whole range. */
		assert_true(abs(pcm[i] - pcm[i - 1]) < 50000);
	}
	assert_true(top > 0);
}

static void frames_of_any_size_give_the_same_samples(void **state)
{
	struct tone tone, again;
	int16_t whole[4000], parts[4000];
	(void)state;

	tone_init(&tone, (float[4]){350, 440}, -13, 0, 0);
	again = tone;
	tone_read(&tone, whole, 4000);
	for (size_t at = 0, n = 1; at < 4000; at += n, n = n % 170 + 1) {
		if (n > 4000 - at)
			n = 4000 - at;
		tone_read(&again, parts + at, n);
	}
	assert_memory_equal(whole, parts, sizeof(whole));
	tone_seek(&again, 1234);
	tone_read(&again, parts, 1000);
	assert_memory_equal(whole + 1234, parts, 2000);
}

static void cadence_is_on_and_off_to_the_sample(void **state)
{
	struct tone tone, steady;
	enum { COUNT = 8 * 1500 };
	int16_t pcm[COUNT], all[COUNT];
	(void)state;

	tone_init(&tone, (float[4]){480, 620}, -10, 500, 250);
	tone_init(&steady, (float[4]){480, 620}, -10, 500, 0);
	tone_read(&tone, pcm, COUNT);
	tone_read(&steady, all, COUNT);
	for (int i = 0; i < COUNT; i++)
		/* The phase runs on through the pause. */
		assert_int_equal(pcm[i], i % (8 * 750) < 8 * 500 ? all[i] : 0);
}

static void nonsense_is_silence(void **state)
{
	struct tone tone;
	int16_t pcm[800];
	(void)state;

	tone_init(&tone, (float[4]){-5, 4001, NAN, INFINITY}, -10, 0, 0);
	tone_read(&tone, pcm, 800);
	for (int i = 0; i < 800; i++)
		assert_int_equal(pcm[i], 0);
	tone_init(&tone, (float[4]){1000}, -INFINITY, 0, 0);
	tone_read(&tone, pcm, 800);
	for (int i = 0; i < 800; i++)
		assert_int_equal(pcm[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tone_has_its_frequency_and_level),
		cmocka_unit_test(sines_add_up),
		cmocka_unit_test(four_at_full_level_saturate),
		cmocka_unit_test(frames_of_any_size_give_the_same_samples),
		cmocka_unit_test(cadence_is_on_and_off_to_the_sample),
		cmocka_unit_test(nonsense_is_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
