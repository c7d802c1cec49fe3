/* test_jitter.c -- any ptime, any order, a delay that follows the network */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "network_fixture.h"

/* A packet, and what concealment holds of a constant level around it. */
enum { WITH_CONCEALED = 160 + 130 };

static struct jitter_room room;
static struct jitter jitter;
static uint32_t now; /* of the next frame */

static void fresh(void)
{
	memset(&jitter, 0, sizeof(jitter));
	memset(&room, 0, sizeof(room));
	jitter_reset(&jitter);
	jitter_set_room(&jitter, &room);
	now = 4000000000u; /* wraps in the longer tests */
}

/* It comes now. */
static bool put_of(const struct codec *codec, uint32_t ts, size_t samples,
		   int16_t level, bool newest, bool listen)
{
	int16_t pcm[AUDIO_FRAME_MAX];
	uint8_t payload[AUDIO_FRAME_MAX];
	struct jitter_packet packet = {.codec = codec,
				       .ts = ts,
				       .arrival = now,
				       .newest = newest,
				       .payload = payload,
				       .bytes = samples};

	for (size_t i = 0; i < samples; i++)
		pcm[i] = level;
	codec->encode(payload, pcm, samples);
	return jitter_put(&jitter, &packet, listen);
}

static bool put(uint32_t ts, size_t samples, int16_t level)
{
	return put_of(&codec_pcmu, ts, samples, level, true, true);
}

static void get(int16_t *pcm)
{
	jitter_get(&jitter, pcm, now);
	now += JITTER_FRAME;
}

/* What comes back for LEVEL. */
static int16_t level_of(int16_t level)
{
	uint8_t payload;
	int16_t pcm;

	codec_pcmu.encode(&payload, &level, 1);
	codec_pcmu.decode(&pcm, 1, &payload, 1);
	return pcm;
}

/* COUNT samples with LEVEL among the next FRAMES. */
static size_t heard(size_t frames, int16_t level)
{
	int16_t pcm[JITTER_FRAME];
	size_t n = 0;

	while (frames--) {
		get(pcm);
		for (size_t i = 0; i < JITTER_FRAME; i++)
			n += pcm[i] == level_of(level);
	}
	return n;
}

/* Samples of silence among the next FRAMES. */
static size_t silent(size_t frames)
{
	int16_t pcm[JITTER_FRAME];
	size_t n = 0;

	while (frames--) {
		get(pcm);
		for (size_t i = 0; i < JITTER_FRAME; i++)
			n += !pcm[i];
	}
	return n;
}

/* ---- one thing at a time -------------------------------------------- */

static void any_ptime_comes_out_whole_and_in_order(void **state)
{
	(void)state;
	for (size_t ptime = 10; ptime <= 60; ptime += 10) {
		size_t samples = ptime * 8, next = 0, in = 0;
		int16_t last = 0, pcm[JITTER_FRAME];
		uint32_t ts = UINT32_MAX - 3000; /* wraps */

		fresh();
		for (uint32_t ms = 0; ms < 600; ms += 10) {
			if (ms % ptime == 0 && in < 240 / ptime) {
				assert_true(put(ts, samples,
						(int16_t)(1000 + 100 * in++)));
				ts += (uint32_t)samples;
			}
			if (ms % 20) {
				now += JITTER_FRAME / 2;
				continue;
			}
			jitter_get(&jitter, pcm, now);
			now += JITTER_FRAME / 2;
			for (size_t i = 0; i < JITTER_FRAME; i++) {
				if (next == in * samples || (!next && !pcm[i]))
					continue;
				assert_int_equal(
					pcm[i],
					level_of((int16_t)(1000 +
							   100 * (next /
								  samples))));
				assert_true(pcm[i] >= last);
				last = pcm[i];
				next++;
			}
		}
		assert_int_equal(next, 240 / ptime * samples);
		assert_int_equal(jitter.late_packets, 0);
	}
}

static void reordering_within_the_delay_is_undone(void **state)
{
	(void)state;
	fresh();
	assert_true(put(1000, 160, 1000));
	assert_int_equal(silent(2), 320);
	assert_true(put(1000 + 320, 160, 3000));
	assert_true(put_of(&codec_pcmu, 1000 + 160, 160, 2000, false, true));
	assert_int_equal(silent(1), 160);
	assert_int_equal(heard(1, 1000), 160);
	assert_int_equal(heard(1, 2000), 160);
	assert_int_equal(heard(1, 3000), 160);
}

/* Without a word about it the last sound is drawn out. */
static void comfort_noise_is_silence_until_the_next_word(void **state)
{
	(void)state;
	for (int noise = 0; noise < 2; noise++) {
		fresh();
		assert_true(put(1000, 160, 1000));
		if (noise)
			jitter_silence(&jitter, 1160, true);
		assert_int_equal(silent(3), 480);
		assert_int_equal(heard(1, 1000), 160);
		if (noise)
			assert_int_equal(silent(10), 1600);
		else
			assert_true(silent(2) < 320);
		/* nobody spoke: that is no loss */
		if (noise)
			assert_int_equal(jitter.concealed, 0);
		else
			assert_in_range(jitter.concealed, 320, JITTER_FADE);
	}
	/* in its place, also when a part of it was thought silent */
	fresh();
	assert_true(put(1000, 160, 1000));
	assert_int_equal(silent(1), 160);
	jitter_silence(&jitter, 1160, true);
	assert_int_equal(silent(1), 160);
	assert_true(put(1320, 160, 2000));
	assert_true(put_of(&codec_pcmu, 1160, 160, 3000, false, true));
	assert_int_equal(silent(1), 160);
	assert_int_equal(heard(1, 1000), 160);
	assert_int_equal(heard(1, 3000), 160);
	assert_int_equal(heard(1, 2000), 160);
}

/* Speech begins again after a pause of any length: in time, with no more delay
 * than before it. */
static void after_a_pause_the_delay_is_what_it_was(void **state)
{
	(void)state;
	for (uint32_t pause = 1; pause < 200; pause += 33) {
		uint32_t ts = 77;
		size_t waited = 0;

		fresh();
		for (int i = 0; i < 200; i++, ts += 160) {
			put(ts, 160, 1000);
			heard(1, 1000);
		}
		ts += 160 * pause;
		heard(pause, 1000);
		put(ts, 160, 5000);
		while (!heard(1, 5000) && waited++ < 20)
			put(ts += 160, 160, 5000);
		assert_true(waited <= 2);
		assert_int_equal(jitter.late_packets, 0);
	}
}

/* Two packets far away that agree are where it goes on: either way, within
 * 100 ms, and without work that grows with the distance. */
static void a_jump_either_way_is_heard_after_the_delay(void **state)
{
	const uint32_t to[] = {5000000,	    10,	      0x80000000u, 0xfffffff0u,
			       0x7fffffffu, 13000000, 13008000,	   12990000};
	uint64_t begun_ns;
	(void)state;

	fresh();
	for (uint32_t i = 0; i < 50; i++) {
		put(1000000 + 160 * i, 160, 1000);
		heard(1, 1000);
	}
	begun_ns = clock_mono_ns();
	for (size_t i = 0; i < sizeof(to) / sizeof(*to); i++) {
		size_t n = 0;
		uint32_t frames = 0;

		for (; !n && frames < 20; frames++) {
			put(to[i] + 160 * frames, 160, 5000);
			n = heard(1, 5000);
		}
		assert_true(n > 0 && frames <= 5);
		for (int k = 0; k < 20; k++, frames++) {
			put(to[i] + 160 * frames, 160, 1000);
			heard(1, 1000);
		}
	}
	assert_true(clock_mono_ns() - begun_ns < 10000000ull * 8 * 25);
}

/* A single packet of nowhere changes nothing. */
static void a_stray_packet_is_left_out(void **state)
{
	size_t n = 0;
	(void)state;

	fresh();
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 10 == 9)
			assert_false(
				put(i % 20 == 9 ? 900000000 : 5, 160, 20000));
		put(1000000 + 160 * i, 160, 1000);
		n += heard(1, 1000);
	}
	assert_true(n >= (size_t)96 * 160);
	assert_int_equal(jitter.concealed, 0);
}

static void other_codecs_go_on_in_the_same_place(void **state)
{
	int16_t pcm[JITTER_FRAME];
	(void)state;

	fresh();
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(put_of(i / 10 % 2 ? &codec_pcma : &codec_pcmu,
				   160 * i, 160, 8000, true, true));
		get(pcm);
		for (size_t k = 0; i > 3 && k < JITTER_FRAME; k++)
			assert_in_range(pcm[k], 7700, 8300);
	}
	assert_int_equal(jitter.concealed, 0);
}

static void
a_lost_packet_is_concealed_and_silence_follows_the_last(void **state)
{
	int16_t pcm[JITTER_FRAME];
	int loud = 0;
	(void)state;

	fresh();
	for (uint32_t i = 0; i < 7; i++) { /* the delay, and 0 … 3 */
		if (i != 4)
			put(160 * i, 160, 4000);
		get(pcm);
	}
	put((uint32_t)160 * 7, 160, 4000);
	get(pcm); /* 4 is made up */
	for (size_t i = 0; i < JITTER_FRAME; i++)
		loud += abs(pcm[i]) > 1000;
	assert_true(loud > 80);
	assert_int_equal(jitter.concealed, 160);
	/* the beginning is blended with what was made up */
	assert_in_range(heard(3, 4000), 3 * 160 - 30, 3 * 160);
	for (int i = 0; i < 4; i++)
		get(pcm);
	for (size_t i = 0; i < JITTER_FRAME; i++)
		assert_int_equal(pcm[i], 0);
	assert_in_range(jitter.concealed, 160 + JITTER_FADE - 160,
			160 + JITTER_FADE + 160);
}

static double vowel(uint32_t sample)
{
	return 6000 * sin(2 * M_PI * 125 * sample / AUDIO_SRATE) +
	       3000 * sin(2 * M_PI * 375 * sample / AUDIO_SRATE);
}

static void a_lost_frame_of_a_vowel_goes_on_in_its_pitch(void **state)
{
	double error = 0, energy = 0;
	(void)state;

	fresh();
	for (uint32_t i = 0; i < 20; i++) {
		int16_t pcm[JITTER_FRAME];
		uint8_t payload[JITTER_FRAME];
		struct jitter_packet packet = {.codec = &codec_pcmu,
					       .ts = 160 * i,
					       .arrival = now,
					       .newest = true,
					       .payload = payload,
					       .bytes = sizeof(payload)};

		for (uint32_t k = 0; k < JITTER_FRAME; k++)
			pcm[k] = (int16_t)vowel(160 * i + k);
		codec_pcmu.encode(payload, pcm, JITTER_FRAME);
		if (i != 12)
			jitter_put(&jitter, &packet, true);
		get(pcm);
		for (uint32_t k = 0; i == 15 && k < JITTER_FRAME; k++) {
			double said = vowel(160 * 12 + k);

			error += (pcm[k] - said) * (pcm[k] - said);
			energy += said * said;
		}
	}
	assert_int_equal(jitter.concealed, 160);
	/* It fades from the beginning: 8 dB below what was lost. */
	assert_true(error * 6 < energy);
}

static void what_nobody_listened_to_is_not_heard_later(void **state)
{
	(void)state;

	fresh();
	put(0, 160, 4000);
	get(NULL);
	put_of(&codec_pcmu, 160, 160, 4000, true, false);
	assert_int_equal(heard(40, 4000), 0);
}

/* Without listeners the same packets are late. */
static void lateness_is_counted_also_when_nobody_listens(void **state)
{
	(void)state;

	for (int listen = 0; listen < 2; listen++) {
		int16_t pcm[JITTER_FRAME];
		uint32_t ts = 0;

		fresh();
		for (int i = 0; i < 500; i++, ts += 160) {
			if (i % 100 != 99)
				put_of(&codec_pcmu, ts, 160, 1000, true,
				       listen);
			if (i > 100 && i % 100 == 15)
				put_of(&codec_pcmu, ts - 160 * 16, 160, 1000,
				       false, listen);
			get(listen ? pcm : NULL);
		}
		assert_int_equal(jitter.late_packets, 4);
		assert_int_equal(jitter.late_runs, 4);
		assert_in_range(jitter_delay(&jitter), DELAY_MIN, DELAY_BEGIN);
	}
}

/* The engine stood still: what came meanwhile is left out, and the delay is
 * what it was. */
static void a_skip_leaves_out_what_was_due(void **state)
{
	uint32_t ts = 0;
	(void)state;

	fresh();
	for (int i = 0; i < 300; i++, ts += 160) {
		if (i == 200) {
			for (int k = 0; k < 10; k++, ts += 160) {
				put(ts, 160, 2000);
				now += 160;
			}
			jitter_skip(&jitter);
		}
		put(ts, 160, 1000);
		heard(1, 1000);
		if (i >= 200)
			assert_in_range(now + jitter.delay.ref - 160 -
						jitter.read_ts + 160,
					DELAY_MIN, DELAY_BEGIN + 160);
	}
}

static void bounds_are_kept(void **state)
{
	const struct {
		uint32_t min, max;
		double jitter_ms;
		uint32_t least, most;
	} cases[] = {
		{100, 150, 0, 100, 100}, {20, 60, 80, 60, 60},
		{0, 0, 300, 200, 200},	 {1, 1, 0, 20, 20},
		{900, 900, 0, 300, 300}, {250, 40, 0, 40, 40},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct delay delay = {0};
		uint32_t arrival = 0;

		srand(1);
		delay_bounds(&delay, cases[i].min * 8, cases[i].max * 8);
		for (uint32_t k = 0; k < 2000; k++) {
			arrival = 160 * k + (uint32_t)(cases[i].jitter_ms * 8 *
						       (rand() % 1000) / 1000);
			delay_packet(&delay, 160 * k, arrival);
		}
		assert_in_range(delay.target, cases[i].least * 8,
				cases[i].most * 8);
	}
}

/* ---- networks ------------------------------------------------------- */

static double tone(int64_t sample)
{
	return 8000 * sin(2 * M_PI * 425 * (double)sample / AUDIO_SRATE);
}

static void tone_payload(uint8_t *payload, int64_t number, void *arg)
{
	static uint8_t period[NETWORK_PACKET * 2];
	static bool made;
	(void)arg;

	/* 425 Hz repeats after two packets */
	if (!made) {
		int16_t pcm[NETWORK_PACKET * 2];

		for (int i = 0; i < NETWORK_PACKET * 2; i++)
			pcm[i] = (int16_t)tone(i);
		codec_pcmu.encode(period, pcm, sizeof(period));
		made = true;
	}
	memcpy(payload, period + (number % 2) * NETWORK_PACKET, NETWORK_PACKET);
}

/* The most that a sample differs from what a pure tone would go on with: a
 * jump of the phase shows as such. */
struct smooth {
	int16_t before[2];
	double worst;
	int64_t frames;
};

static void smooth_heard(const int16_t *pcm, int64_t source, void *arg)
{
	const double c = 2 * cos(2 * M_PI * 425 / AUDIO_SRATE);
	struct smooth *smooth = arg;
	(void)source;

	for (size_t i = 0; i < JITTER_FRAME; i++) {
		double off = fabs(pcm[i] - c * smooth->before[1] +
				  smooth->before[0]);

		/* it has sounded for a second */
		if (smooth->frames > 50 && off > smooth->worst)
			smooth->worst = off;
		smooth->before[0] = smooth->before[1];
		smooth->before[1] = pcm[i];
	}
	smooth->frames++;
}

static struct network_run run;
static struct smooth smooth;

static void play(const struct network *network, double seconds)
{
	int64_t clock = 0;

	network_begin(&run, network);
	memset(&smooth, 0, sizeof(smooth));
	run.payload = tone_payload;
	run.heard = smooth_heard;
	run.arg = &smooth;
	network_play(&run, seconds, &clock);
}

static double concealed_percent(void)
{
	return 100.0 * (double)run.jitter.concealed /
	       ((double)run.frames * JITTER_FRAME);
}

static void a_clean_line_costs_a_tick_and_no_sample(void **state)
{
	const struct network network = {.name = "clean"};
	(void)state;

	play(&network, 120);
	assert_in_range(network_delay(&run, 0.95), 20, 35);
	assert_int_equal(run.jitter.late_packets, 0);
	assert_int_equal(run.jitter.concealed, 0);
	assert_true(smooth.worst < 1200);
}

/* 10 to 80 ms: the delay is what is needed, and little is lost by it. */
static void the_delay_follows_the_jitter(void **state)
{
	(void)state;
	for (int ms = 10; ms <= 80; ms += 10) {
		const struct network network = {.jitter_ms = ms};

		play(&network, 120);
		assert_in_range(network_delay(&run, 0.95), ms, ms + 40);
		assert_true(run.jitter.late_packets <= run.sent / 200);
		assert_true(concealed_percent() < 0.5);
		assert_true(smooth.worst < 3000);
	}
}

static void the_delay_shrinks_when_the_network_calms_down(void **state)
{
	const struct network bad = {.jitter_ms = 100};
	int64_t clock = 0;
	(void)state;

	network_begin(&run, &bad);
	run.payload = tone_payload;
	network_play(&run, 30, &clock);
	assert_in_range(network_delay(&run, 0.5), 90, 140);
	run.network.jitter_ms = 5;
	network_play(&run, 30, &clock);
	memset(run.delays, 0, sizeof(run.delays));
	network_play(&run, 10, &clock);
	assert_in_range(network_delay(&run, 0.95), 20, 50);
}

static void loss_is_concealed_and_nothing_else(void **state)
{
	const double shares[] = {1, 5, 10};
	const double bursts[] = {0, 2, 5};
	(void)state;

	for (size_t i = 0; i < 3; i++)
		for (size_t b = 0; b < 3; b++) {
			const struct network network = {.loss = shares[i],
							.burst = bursts[b]};
			double lost;

			play(&network, 240);
			lost = 100.0 * (double)run.lost / (double)run.sent;
			assert_true(lost > shares[i] * 0.7 &&
				    lost < shares[i] * 1.3);
			/* of a longer loss the first 50 ms, then silence */
			assert_true(concealed_percent() < lost * 1.1 + 0.1);
			if (!bursts[b])
				assert_true(concealed_percent() > lost * 0.9);
			assert_int_equal(run.jitter.late_packets, 0);
			assert_true(network_delay(&run, 0.9) < 60);
		}
}

static void what_others_overtake_is_put_in_its_place(void **state)
{
	const struct network network = {.reorder = 5, .duplicate = 2};
	(void)state;

	play(&network, 240);
	assert_true(run.jitter.late_packets < run.sent / 200);
	assert_true(concealed_percent() < 0.2);
	assert_true(network_delay(&run, 0.95) < 120);
}

static void a_queue_that_empties_at_once_loses_little(void **state)
{
	const struct network network = {.spike_ms = 150};
	(void)state;

	play(&network, 240);
	assert_true(run.jitter.late_packets <= run.sent / 200);
	assert_true(network_delay(&run, 1) <= 220);
}

/* An hour with clocks that differ by 200 ppm: 0.72 s, a period at a time. */
static void clocks_that_differ_never_add_up(void **state)
{
	(void)state;
	for (int way = -1; way <= 1; way += 2) {
		const struct network network = {.skew_ppm = 200 * way,
						.jitter_ms = 10};

		play(&network, 3600);
		assert_true(run.jitter.late_packets < run.sent / 1000);
		assert_true(concealed_percent() < 0.1);
		assert_in_range(run.jitter.stretched,
				600 * AUDIO_SAMPLES_PER_MS,
				900 * AUDIO_SAMPLES_PER_MS);
		assert_in_range(network_delay(&run, 1), 20, 90);
		assert_in_range(network_delay(&run, 0.99), 20, 65);
		/* nowhere a jump that could be heard */
		assert_true(smooth.worst < 3000);
	}
}

/* The worst that SECURITY.md's row 17 asks for: it goes on. */
static void a_line_that_is_nearly_cut_keeps_its_bounds(void **state)
{
	const struct network network = {
		.loss = 30, .jitter_ms = 200, .reorder = 10, .duplicate = 10};
	(void)state;

	play(&network, 240);
	assert_true(network_delay(&run, 1) <= 240);
	assert_true(concealed_percent() > 20 && concealed_percent() < 40);
	assert_true(run.jitter.late_packets < run.sent / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_ptime_comes_out_whole_and_in_order),
		cmocka_unit_test(reordering_within_the_delay_is_undone),
		cmocka_unit_test(comfort_noise_is_silence_until_the_next_word),
		cmocka_unit_test(after_a_pause_the_delay_is_what_it_was),
		cmocka_unit_test(a_jump_either_way_is_heard_after_the_delay),
		cmocka_unit_test(a_stray_packet_is_left_out),
		cmocka_unit_test(other_codecs_go_on_in_the_same_place),
		cmocka_unit_test(
			a_lost_packet_is_concealed_and_silence_follows_the_last),
		cmocka_unit_test(a_lost_frame_of_a_vowel_goes_on_in_its_pitch),
		cmocka_unit_test(what_nobody_listened_to_is_not_heard_later),
		cmocka_unit_test(lateness_is_counted_also_when_nobody_listens),
		cmocka_unit_test(a_skip_leaves_out_what_was_due),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(a_clean_line_costs_a_tick_and_no_sample),
		cmocka_unit_test(the_delay_follows_the_jitter),
		cmocka_unit_test(the_delay_shrinks_when_the_network_calms_down),
		cmocka_unit_test(loss_is_concealed_and_nothing_else),
		cmocka_unit_test(what_others_overtake_is_put_in_its_place),
		cmocka_unit_test(a_queue_that_empties_at_once_loses_little),
		cmocka_unit_test(clocks_that_differ_never_add_up),
		cmocka_unit_test(a_line_that_is_nearly_cut_keeps_its_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
