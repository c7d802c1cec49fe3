/* test_tones.c -- beeps, call-progress tones, SIT, CNG, CED */
#include "detect_fixture.h"

/* Region, name, and how it is made: two cycles and a little more. */
static const struct {
	const char *region, *name;
	double a, b;
	unsigned ms[4];
} cadences[] = {
	{"us", "busy", 480, 620, {500, 500}},
	{"us", "reorder", 480, 620, {250, 250}},
	{"us", "ringback", 440, 480, {2000, 4000}},
	{"uk", "busy", 400, 0, {375, 375}},
	{"uk", "reorder", 400, 0, {400, 350, 225, 525}},
	{"uk", "ringback", 400, 450, {400, 200, 400, 2000}},
	{"de", "busy", 425, 0, {480, 480}},
	{"de", "reorder", 425, 0, {240, 240}},
	{"de", "ringback", 425, 0, {1000, 4000}},
	{"fr", "busy", 440, 0, {500, 500}},
	{"fr", "reorder", 440, 0, {250, 250}},
	{"fr", "ringback", 440, 0, {1500, 3500}},
};

enum { CADENCES = sizeof(cadences) / sizeof(cadences[0]) };

static void cadence(unsigned i, unsigned cycles, double db)
{
	for (unsigned c = 0; c < cycles; c++)
		for (unsigned k = 0; k < 4 && cadences[i].ms[k]; k++) {
			if (k % 2)
				quiet(cadences[i].ms[k]);
			else
				tone2(cadences[i].a, cadences[i].b,
				      cadences[i].ms[k], db);
		}
}

static void two_cycles_of_a_cadence_are_known(void **state)
{
	static const double levels[] = {-10, -20, -30};
	(void)state;

	for (unsigned i = 0; i < CADENCES; i++)
		for (unsigned k = 0; k < 3; k++)
			for (unsigned c = 0; c < 2; c++) {
				sound_begin();
				quiet(600);
				cadence(i, 3, levels[k]);
				add_noise(-55);
				coded(c ? &codec_pcma : &codec_pcmu);
				hear();
				assert_tone(cadences[i].region,
					    cadences[i].name);
				assert_int_equal(count_of(DETECT_EV_BEEP), 0);
			}
}

static void one_cycle_is_not_enough(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CADENCES; i++) {
		sound_begin();
		quiet(600);
		cadence(i, 1, -15);
		quiet(6000);
		hear();
		assert_int_equal(count_of(DETECT_EV_TONE), 0);
	}
}

static void a_cadence_of_another_region_can_be_left_out(void **state)
{
	struct detect_settings settings;
	char err[200];
	(void)state;

	detect_defaults(&settings);
	assert_int_equal(detect_set(&settings, "tones", "us,uk", err, 200), 0);
	sound_begin();
	quiet(600);
	cadence(6, 3, -15);
	hear_from(&settings, 0);
	assert_int_equal(count_of(DETECT_EV_TONE), 0);
}

/* ---- beeps ---------------------------------------------------------- */

static void greeting(void)
{
	quiet(500);
	for (int i = 0; i < 8; i++) {
		word(300, -15);
		quiet(100);
	}
	quiet(400);
}

static void beeps_of_all_kinds_are_told_once(void **state)
{
	static const double hz[] = {360,  440,	500,  650,  800, 1000,
				    1200, 1400, 1633, 1850, 1990};
	static const unsigned lengths[] = {160, 240, 400, 800, 1900};
	(void)state;

	for (unsigned i = 0; i < 11; i++)
		for (unsigned k = 0; k < 5; k++) {
			const struct detect_event *beep;
			uint32_t end_ms;

			sound_begin();
			greeting();
			tone(hz[i], lengths[k], -18);
			end_ms = sound_ms();
			quiet(1500);
			add_noise(-50);
			coded(&codec_pcmu);
			hear();
			if (count_of(DETECT_EV_BEEP) != 1)
				fail_msg("%g Hz, %u ms: %u beeps", hz[i],
					 lengths[k], count_of(DETECT_EV_BEEP));
			beep = first(DETECT_EV_BEEP);
			assert_true(fabs((double)beep->hz[0] - hz[i]) < 8);
			assert_in_range(beep->duration_ms, lengths[k] - 50,
					lengths[k] + 50);
			/* told when it has been quiet for 300 ms, or, where it
			 * may be a busy tone, a pause of that */
			assert_in_range(beep->at_ms, end_ms + 240,
					end_ms + 760);
		}
}

static void what_is_no_beep(void **state)
{
	(void)state;
	/* too short, too long, too high, two tones, no quiet, moving */
	for (int i = 0; i < 6; i++) {
		sound_begin();
		greeting();
		if (i == 0)
			tone(1000, 80, -15);
		else if (i == 1)
			tone(1000, 2600, -15);
		else if (i == 2)
			tone(2150, 500, -15);
		else if (i == 3)
			tone2(1000, 1300, 500, -18);
		else if (i == 4)
			tone(1000, 500, -15);
		else
			for (int k = 0; k < 25; k++)
				tone(800 + 20 * k, 20, -15);
		if (i == 4)
			word(600, -10);
		quiet(1500);
		add_noise(-50);
		hear();
		if (count_of(DETECT_EV_BEEP))
			fail_msg("case %d: a beep", i);
	}
}

static void early_media_has_no_beep(void **state)
{
	struct detect_settings settings;
	(void)state;

	detect_defaults(&settings);
	sound_begin();
	greeting();
	tone(1000, 500, -15);
	quiet(1000);
	quiet(20 - sound_ms() % 20);
	tone(1000, 500, -15);
	quiet(1000);
	hear_from(&settings, (sound_ms() - 1500) / 20 * 20);
	assert_int_equal(count_of(DETECT_EV_BEEP), 1);
}

/* ---- SIT ------------------------------------------------------------ */

static void sits_are_told_apart(void **state)
{
	static const struct {
		const char *region, *name;
		double hz[3];
		unsigned ms[3];
	} sits[] = {
		{"us",
		 "sit_intercept",
		 {913.8, 1370.6, 1776.7},
		 {274, 274, 380}},
		{"us", "sit_vacant", {985.2, 1370.6, 1776.7}, {380, 274, 380}},
		{"us", "sit_reorder", {913.8, 1428.5, 1776.7}, {274, 380, 380}},
		{"us",
		 "sit_no_circuit",
		 {985.2, 1428.5, 1776.7},
		 {380, 380, 380}},
		{"itu", "sit", {950, 1400, 1800}, {330, 330, 330}},
	};
	(void)state;

	for (unsigned i = 0; i < 5; i++)
		for (int gap = 0; gap <= 30; gap += 30)
			for (int k = 0; k < 3; k++) {
				sound_begin();
				quiet(420 + 7 * (unsigned)k);
				for (int t = 0; t < 3; t++) {
					tone(sits[i].hz[t], sits[i].ms[t],
					     -12 - 8 * k);
					quiet((unsigned)gap);
				}
				quiet(1000);
				add_noise(-52);
				coded(&codec_pcmu);
				hear();
				assert_tone(sits[i].region, sits[i].name);
				assert_int_equal(count_of(DETECT_EV_BEEP), 0);
				assert_verdict("machine", sits[i].name);
			}
}

/* ---- fax ------------------------------------------------------------ */

static void cng_is_a_fax(void **state)
{
	(void)state;
	sound_begin();
	quiet(700);
	tone(1100, 500, -15);
	quiet(3000);
	tone(1100, 500, -15);
	quiet(500);
	hear();
	assert_verdict("fax", "cng");
	assert_true(verdict()->decided_ms < 1400);
	assert_int_equal(count_of(DETECT_EV_BEEP), 0);
}

static void a_greeting_s_beep_of_1100_hz_is_no_fax(void **state)
{
	(void)state;
	sound_begin();
	quiet(300);
	word(300, -15);
	quiet(120);
	word(300, -15);
	quiet(200);
	tone(1100, 500, -15);
	quiet(1000);
	hear();
	assert_verdict("machine", "beep");
	assert_int_equal(count_of(DETECT_EV_TONE), 0);
}

/* V.25: its phase may be turned each 450 ms. */
static void ced_is_a_fax(void **state)
{
	(void)state;
	for (int turned = 0; turned < 2; turned++) {
		sound_begin();
		quiet(1000);
		for (int i = 0; i < 3600 * 8; i++)
			sound_put(0.2 * sin(2 * M_PI * 2100 * i / 8000) *
				  (turned && i / 3600 % 2 ? -1 : 1));
		quiet(500);
		add_noise(-50);
		coded(&codec_pcmu);
		hear();
		assert_verdict("fax", "ced");
		assert_true(verdict()->decided_ms < 1700);
		assert_tone("", "ced");
	}
}

static void speech_has_no_tones(void **state)
{
	(void)state;
	sound_begin();
	for (int i = 0; i < 60; i++) {
		word(120 + 37 * (unsigned)(i % 9), -10 - i % 12);
		quiet(60 + 31 * (unsigned)(i % 5));
	}
	hear();
	assert_int_equal(count_of(DETECT_EV_TONE), 0);
	assert_int_equal(count_of(DETECT_EV_BEEP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_cycles_of_a_cadence_are_known),
		cmocka_unit_test(one_cycle_is_not_enough),
		cmocka_unit_test(a_cadence_of_another_region_can_be_left_out),
		cmocka_unit_test(beeps_of_all_kinds_are_told_once),
		cmocka_unit_test(what_is_no_beep),
		cmocka_unit_test(early_media_has_no_beep),
		cmocka_unit_test(sits_are_told_apart),
		cmocka_unit_test(cng_is_a_fax),
		cmocka_unit_test(a_greeting_s_beep_of_1100_hz_is_no_fax),
		cmocka_unit_test(ced_is_a_fax),
		cmocka_unit_test(speech_has_no_tones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
