/* test_verdict.c -- a person, a machine, or nobody; and what is told of voice
 */
#include "detect_fixture.h"

static void words(unsigned count, unsigned ms, unsigned gap_ms)
{
	for (unsigned i = 0; i < count; i++) {
		word(ms, -15);
		if (i + 1 < count)
			quiet(gap_ms);
	}
}

static void a_short_greeting_is_a_person(void **state)
{
	uint32_t end_ms;
	(void)state;

	for (unsigned n = 1; n <= 3; n++) {
		sound_begin();
		quiet(800);
		words(n, 350, 120);
		end_ms = sound_ms();
		quiet(3000);
		add_noise(-55);
		coded(&codec_pcmu);
		hear();
		assert_verdict("human", "greeting");
		assert_int_equal(verdict()->words, n);
		assert_in_range(verdict()->greeting_ms, n * 300, n * 380);
		/* 700 ms of silence, and what the detector lags */
		assert_in_range(verdict()->decided_ms, end_ms + 640,
				end_ms + 1000);
		assert_in_range(verdict()->silence_ms + end_ms,
				verdict()->decided_ms - 60,
				verdict()->decided_ms + 100);
		assert_true(verdict()->confidence > 0.5F);
		assert_true(fabsf(verdict()->noise_db + 55) < 4);
	}
}

static void a_long_greeting_is_a_machine(void **state)
{
	(void)state;
	sound_begin();
	quiet(500);
	words(6, 420, 30); /* as one word: by its length */
	quiet(1000);
	hear();
	assert_verdict("machine", "voice");
	assert_in_range(verdict()->decided_ms, 2400, 2900);
	assert_int_equal(verdict()->words, 1);

	sound_begin();
	quiet(500);
	words(6, 150, 120);
	quiet(2000);
	hear();
	assert_verdict("machine", "words");
	assert_int_equal(verdict()->words, 5);
}

/* As a vowel may: no network's tones, so a voice. */
static void two_harmonics_that_stand_still_are_voice(void **state)
{
	(void)state;
	sound_begin();
	quiet(600);
	tone2(332, 499, 400, -14);
	quiet(2000);
	hear();
	assert_verdict("human", "greeting");

	sound_begin();
	quiet(600);
	tone2(480, 620, 400, -14);
	quiet(4000);
	hear();
	assert_verdict("silence", "silence");
}

static void nobody_speaks(void **state)
{
	(void)state;
	for (int noisy = 0; noisy < 2; noisy++) {
		sound_begin();
		quiet(6000);
		add_noise(noisy ? -35 : -70);
		hear();
		assert_verdict("silence", "silence");
		assert_in_range(verdict()->decided_ms, 3480, 3520);
		assert_int_equal(verdict()->words, 0);
	}
}

static void what_is_neither_is_not_sure(void **state)
{
	(void)state;
	sound_begin();
	quiet(400);
	words(2, 850, 300); /* 1.7 s: too long for a person, too short … */
	quiet(4000);
	hear();
	assert_verdict("unsure", "total");
	assert_in_range(verdict()->decided_ms, 4480, 4520);
}

static void clicks_and_noise_are_no_words(void **state)
{
	(void)state;
	sound_begin();
	quiet(1000);
	word(60, -10);
	quiet(1000);
	word(60, -10);
	quiet(3000);
	add_noise(-38); /* louder than the least level, and steady */
	hear();
	assert_verdict("silence", "silence");
	assert_int_equal(count_of(DETECT_EV_SPEECH), 0);
}

static void settings_decide(void **state)
{
	struct detect_settings settings;
	char err[200];
	(void)state;

	sound_begin();
	quiet(500);
	words(3, 300, 120);
	quiet(3000);
	hear();
	assert_verdict("human", "greeting");
	detect_defaults(&settings);
	assert_int_equal(detect_set(&settings, "machine.words", "2", err, 200),
			 0);
	hear_from(&settings, 0);
	assert_verdict("machine", "words");
	detect_defaults(&settings);
	assert_int_equal(
		detect_set(&settings, "machine.voice", "0.8", err, 200), 0);
	hear_from(&settings, 0);
	assert_verdict("machine", "voice");
	detect_defaults(&settings);
	assert_int_equal(detect_set(&settings, "human.silence", "2", err, 200),
			 0);
	hear_from(&settings, 0);
	assert_verdict("human", "greeting");
	assert_true(verdict()->decided_ms > 3600);
}

static void early_media_does_not_count(void **state)
{
	struct detect_settings settings;
	uint32_t answer_ms;
	(void)state;

	detect_defaults(&settings);
	sound_begin();
	quiet(500);
	words(8, 400, 120); /* an announcement while it rings */
	quiet(1000);
	answer_ms = sound_ms() / 20 * 20;
	quiet(600);
	words(1, 400, 0);
	quiet(2000);
	hear_from(&settings, answer_ms);
	assert_verdict("human", "greeting");
	assert_int_equal(verdict()->words, 1);
	assert_in_range(verdict()->decided_ms, 1600, 2000);
}

static void a_call_that_is_answered_and_rings_on_is_waited_for(void **state)
{
	(void)state;
	sound_begin();
	for (int i = 0; i < 2; i++) {
		tone2(440, 480, 2000, -15);
		quiet(4000);
	}
	tone2(440, 480, 1200, -15);
	quiet(300);
	word(450, -15);
	quiet(2000);
	hear();
	assert_verdict("human", "greeting");
	assert_int_equal(count_of(DETECT_EV_BEEP), 0);
}

static void speech_and_silence_are_told(void **state)
{
	static const enum detect_event_type want[] = {
		DETECT_EV_SILENCE, DETECT_EV_SPEECH, DETECT_EV_SILENCE,
		DETECT_EV_SPEECH, DETECT_EV_SILENCE};
	struct detect_settings settings;
	(void)state;

	detect_defaults(&settings);
	sound_begin();
	quiet(1000);
	words(4, 300, 300); /* pauses within it */
	quiet(1500);
	words(2, 300, 100);
	quiet(1500);
	hear_from(&settings, UINT32_MAX);
	assert_int_equal(heard.count, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(heard.events[i].type, want[i]);
	assert_in_range(heard.events[0].at_ms, 700, 720);
	assert_in_range(heard.events[1].at_ms, 1100, 1320);
	assert_in_range(heard.events[2].duration_ms, 700, 720);
}

static void silence_instead_of_samples(void **state)
{
	struct detect_settings settings;
	struct detector *d;
	(void)state;

	detect_defaults(&settings);
	heard.count = 0;
	assert_int_equal(detector_alloc(&d, &settings, on_heard, NULL), 0);
	detector_judge(d, &settings);
	for (int i = 0; i < 200; i++)
		detector_push(d, NULL);
	detector_free(d);
	assert_verdict("silence", "silence");
}

/* ---- settings ------------------------------------------------------- */

static void each_setting_has_its_name(void **state)
{
	struct detect_settings s, changed;
	double value = 0;
	unsigned n = 0;
	char err[200], text[32];
	(void)state;

	detect_defaults(&s);
	for (const char *name; (name = detect_name(&s, n, &value)); n++) {
		if (!strcmp(name, "tones"))
			continue;
		changed = s;
		snprintf(text, sizeof(text), "%g",
			 value >= 2 ? value + 1 : value * 1.1);
		assert_int_equal(detect_set(&changed, name, text, err, 200), 0);
		assert_memory_not_equal(&changed, &s, sizeof(s));
	}
	assert_int_equal(n, 21);
}

static void bad_settings_are_told(void **state)
{
	static const char *const bad[][3] = {
		{"machine.voise", "2", "did you mean 'machine.voice'"},
		{"machine.voice", "a lot", "seconds"},
		{"machine.words", "2.5", "a whole number"},
		{"machine.voice", "-1", "from 0.1"},
		{"machine.voice", "nan", "from 0.1"},
		{"tones", "us,mars", "'mars'"},
	};
	struct detect_settings s, before;
	char err[200];
	(void)state;

	detect_defaults(&s);
	before = s;
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(detect_set(&s, bad[i][0], bad[i][1], err, 200),
				 EINVAL);
		if (!strstr(err, bad[i][2]))
			fail_msg("%s: %s", bad[i][0], err);
		assert_memory_equal(&s, &before, sizeof(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_greeting_is_a_person),
		cmocka_unit_test(a_long_greeting_is_a_machine),
		cmocka_unit_test(two_harmonics_that_stand_still_are_voice),
		cmocka_unit_test(nobody_speaks),
		cmocka_unit_test(what_is_neither_is_not_sure),
		cmocka_unit_test(clicks_and_noise_are_no_words),
		cmocka_unit_test(settings_decide),
		cmocka_unit_test(early_media_does_not_count),
		cmocka_unit_test(
			a_call_that_is_answered_and_rings_on_is_waited_for),
		cmocka_unit_test(speech_and_silence_are_told),
		cmocka_unit_test(silence_instead_of_samples),
		cmocka_unit_test(each_setting_has_its_name),
		cmocka_unit_test(bad_settings_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
