/* test_spandsp.c -- what spandsp finds is found, in as much noise, and no later
 *
 * The reference: super_tone_rx for cadences, modem_connect_tones for CNG and
 * CED (spandsp 0.0.6).
 */
#include "detect_fixture.h"
#include <spandsp.h>

static int their_code;
static uint32_t their_ms, fed_ms;

static void on_tone(void *arg, int code, int level, int delay)
{
	(void)arg;
	(void)level;
	(void)delay;
	if (code >= 0 && their_code < 0) {
		their_code = code;
		their_ms = fed_ms;
	}
}

/* US busy, US ringback or DE busy, by itself (frequencies near each other are
 * one to it): two cycles. */
static void they_listen_for_cadence(int kind)
{
	static const int cadences[3][4] = {{480, 620, 500, 500},
					   {440, 480, 2000, 4000},
					   {425, 0, 480, 480}};
	super_tone_rx_descriptor_t *desc = super_tone_rx_make_descriptor(NULL);
	const int tone = super_tone_rx_add_tone(desc);
	const int *c = cadences[kind];
	super_tone_rx_state_t *s;

	for (int k = 0; k < 3; k++)
		super_tone_rx_add_element(
			desc, tone, k % 2 ? 0 : c[0], k % 2 ? 0 : c[1],
			c[2 + k % 2] * 85 / 100, c[2 + k % 2] * 115 / 100);
	s = super_tone_rx_init(NULL, desc, on_tone, NULL);
	their_code = -1;
	for (size_t i = 0; i + DETECT_FRAME <= sound.count; i += DETECT_FRAME) {
		fed_ms = (uint32_t)(i / 8) + DETECT_FRAME_MS;
		super_tone_rx(s, sound.pcm + i, DETECT_FRAME);
	}
	super_tone_rx_free(s);
	super_tone_rx_free_descriptor(desc);
}

static void they_listen_for(int type)
{
	modem_connect_tones_rx_state_t *s =
		modem_connect_tones_rx_init(NULL, type, on_tone, NULL);

	their_code = -1;
	for (size_t i = 0; i + DETECT_FRAME <= sound.count; i += DETECT_FRAME) {
		fed_ms = (uint32_t)(i / 8) + DETECT_FRAME_MS;
		modem_connect_tones_rx(s, sound.pcm + i, DETECT_FRAME);
	}
	modem_connect_tones_rx_free(s);
}

static void make_cadence(int kind)
{
	sound_begin();
	quiet(600);
	for (int i = 0; i < 4; i++) {
		if (kind == 0)
			tone2(480, 620, 500, -18);
		else if (kind == 1)
			tone2(440, 480, 2000, -18);
		else
			tone(425, 480, -18);
		quiet(kind == 0 ? 500 : kind == 1 ? 4000 : 480);
	}
}

static void cadences_in_noise(void **state)
{
	static const char *const names[] = {"busy", "ringback", "busy"};
	unsigned we = 0, they = 0;
	(void)state;

	for (int kind = 0; kind < 3; kind++)
		for (double db = -70; db <= -26; db += 4) {
			const struct detect_event *e;

			make_cadence(kind);
			add_noise(db);
			coded(&codec_pcmu);
			they_listen_for_cadence(kind);
			hear();
			e = first(DETECT_EV_TONE);
			if (their_code >= 0 &&
			    (!e || strcmp(e->tone, names[kind]) != 0))
				fail_msg("%d at %g dBFS of noise: theirs only",
					 kind, db);
			we += e != NULL;
			they += their_code >= 0;
		}
	print_message("cadences found in noise: %u, by spandsp %u of 36\n", we,
		      they);
	assert_true(we >= they && we >= 30);
}

static void make_fax(bool ced)
{
	sound_begin();
	quiet(600);
	if (ced)
		tone(2100, 3000, -18);
	else
		for (int i = 0; i < 3; i++) {
			tone(1100, 500, -18);
			quiet(3000);
		}
	quiet(600);
}

static void fax_in_noise(void **state)
{
	unsigned we = 0, they = 0;
	(void)state;

	for (int ced = 0; ced < 2; ced++)
		for (double db = -70; db <= -26; db += 4) {
			const struct detect_event *e;

			make_fax(ced);
			add_noise(db);
			coded(&codec_pcmu);
			they_listen_for(ced ? MODEM_CONNECT_TONES_ANS_PR
					    : MODEM_CONNECT_TONES_FAX_CNG);
			hear();
			e = first(DETECT_EV_TONE);
			if (their_code >= 0 &&
			    (!e || strcmp(e->tone, ced ? "ced" : "cng") != 0))
				fail_msg("%s at %g dBFS of noise: theirs only",
					 ced ? "CED" : "CNG", db);
			if (e && their_code >= 0)
				assert_true(e->at_ms <= their_ms + 200);
			we += e != NULL;
			they += their_code >= 0;
		}
	print_message("CNG and CED found in noise: %u, by spandsp %u of 24\n",
		      we, they);
	assert_true(we >= they && we >= 20);
}

/* Where there is none, they and we hear none. */
static void speech_is_no_fax(void **state)
{
	unsigned they = 0;
	(void)state;

	sound_begin();
	for (int i = 0; i < 50; i++) {
		word(150 + 41 * (unsigned)(i % 8), -12);
		quiet(60 + 31 * (unsigned)(i % 5));
	}
	they_listen_for(MODEM_CONNECT_TONES_FAX_CNG);
	they += their_code >= 0;
	they_listen_for(MODEM_CONNECT_TONES_ANS_PR);
	they += their_code >= 0;
	assert_int_equal(they, 0);
	hear();
	assert_int_equal(count_of(DETECT_EV_TONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cadences_in_noise),
		cmocka_unit_test(fax_in_noise),
		cmocka_unit_test(speech_is_no_fax),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
