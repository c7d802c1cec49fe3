/* test_jitter.c -- any ptime, any order, bounded delay */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "media/jitter.h"

/* A packet, and what concealment holds of a constant level behind it. */
enum { WITH_CONCEALED = 160 + 100 };

static struct jitter_room room;
static struct jitter jitter = {.room = &room};

/* PCMU of a level that tells samples of different packets apart. */
static bool put(uint32_t ts, size_t samples, int16_t level)
{
	int16_t pcm[AUDIO_FRAME_MAX];
	uint8_t payload[AUDIO_FRAME_MAX];

	for (size_t i = 0; i < samples; i++)
		pcm[i] = level;
	codec_pcmu.encode(payload, pcm, samples);
	return jitter_put(&jitter, &codec_pcmu, ts, payload, samples, true);
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
		jitter_get(&jitter, pcm);
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
		jitter_get(&jitter, pcm);
		for (size_t i = 0; i < JITTER_FRAME; i++)
			n += !pcm[i];
	}
	return n;
}

static void any_ptime_comes_out_whole_and_in_order(void **state)
{
	(void)state;
	for (size_t ptime = 10; ptime <= 60; ptime += 10) {
		size_t samples = ptime * 8, next = 0, in = 0;
		int16_t last = 0, pcm[JITTER_FRAME];
		uint32_t ts = UINT32_MAX - 3000; /* wraps */

		jitter_reset(&jitter);
		for (uint32_t ms = 0; ms < 600; ms += 10) {
			if (ms % ptime == 0 && in < 240 / ptime) {
				assert_true(put(ts, samples,
						(int16_t)(1000 + 100 * in++)));
				ts += (uint32_t)samples;
			}
			if (ms % 20)
				continue;
			jitter_get(&jitter, pcm);
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
	}
}

static void reordering_within_the_delay_is_undone(void **state)
{
	(void)state;
	jitter_reset(&jitter);
	assert_true(put(1000, 160, 1000));
	assert_true(put(1000 + 320, 160, 3000));
	assert_true(put(1000 + 160, 160, 2000));
	assert_int_equal(heard(4, 1000), 160);
	assert_int_equal(heard(1, 2000), 160);
	assert_int_equal(heard(1, 3000), 160);
}

/* Without a word about it the last sound is drawn out. */
static void comfort_noise_is_silence_until_the_next_word(void **state)
{
	(void)state;
	for (int noise = 0; noise < 2; noise++) {
		/* no sound of another test before it */
		memset(&room, 0, sizeof(room));
		jitter_set_room(&jitter, &room);
		jitter_reset(&jitter);
		assert_true(put(1000, 160, 1000));
		if (noise)
			jitter_silence(&jitter, 1160, true);
		assert_int_equal(silent(3), 480);
		assert_int_equal(heard(1, 1000), 160);
		if (noise)
			assert_int_equal(silent(10), 1600);
		else
			assert_true(silent(2) < 320);
		/* in its place, also when a part of it was thought silent */
		assert_true(put(1000 + 160 * 14, 160, 3000));
		assert_int_equal(heard(noise ? 4 : 12, 3000), 160);
	}
	/* what came before its time isn't covered, and a place is kept */
	memset(&room, 0, sizeof(room));
	jitter_set_room(&jitter, &room);
	jitter_reset(&jitter);
	jitter_silence(&jitter, 1160, true);
	assert_true(put(1320, 160, 2000));
	assert_true(put(1000, 160, 1000));
	assert_true(put(1160, 160, 3000));
	assert_int_equal(silent(3), 320);
	assert_int_equal(heard(3, 2000), 160);
}

static void too_late_is_said_and_three_in_a_row_set_the_delay_anew(void **state)
{
	(void)state;
	jitter_reset(&jitter);
	put(1000, 160, 1000);
	heard(6, 1000);
	assert_false(put(1160, 160, 2000));
	assert_false(put(1320, 160, 2000));
	assert_true(put(1480, 160, 4000));
	assert_in_range(heard(8, 4000), 160, WITH_CONCEALED);
}

static void a_jump_either_way_is_heard_after_the_delay(void **state)
{
	const uint32_t to[] = {5000000, 10, 0x80000000u, 0xfffffff0u};
	(void)state;

	jitter_reset(&jitter);
	put(1000000, 160, 1000);
	heard(4, 1000);
	for (size_t i = 0; i < 4; i++) {
		assert_true(put(to[i], 160, 5000));
		assert_in_range(heard(4, 5000), 160, WITH_CONCEALED);
	}
}

static void a_fast_clock_never_builds_up_delay(void **state)
{
	uint32_t ts = 7;
	(void)state;

	jitter_reset(&jitter);
	for (int i = 0; i < 5000; i++) {
		put(ts, 160, 1000);
		ts += 160;
		if (i % 50 == 49) { /* 2 % too fast */
			put(ts, 160, 1000);
			ts += 160;
		}
		heard(1, 1000);
		assert_true((int32_t)(jitter.end_ts - jitter.read_ts) <=
			    JITTER_LEVEL_MAX);
	}
}

static void a_slow_clock_keeps_being_heard(void **state)
{
	uint32_t ts = 7;
	size_t samples = 0;
	(void)state;

	jitter_reset(&jitter);
	for (int i = 0; i < 5000; i++) {
		if (i % 50) { /* 2 % too slow */
			put(ts, 160, 1000);
			ts += 160;
		}
		samples += heard(1, 1000);
	}
	assert_true(samples > (size_t)4500 * 160);
}

static void
a_lost_packet_is_concealed_and_silence_follows_the_last(void **state)
{
	int16_t pcm[JITTER_FRAME];
	int loud = 0;
	(void)state;

	jitter_reset(&jitter);
	for (uint32_t i = 0; i < 8; i++)
		if (i != 4)
			put(160 * i, 160, 4000);
	silent(3);		  /* the delay */
	heard(4, 4000);		  /* 0 … 3 */
	jitter_get(&jitter, pcm); /* 4 is made up */
	for (size_t i = 0; i < JITTER_FRAME; i++)
		loud += abs(pcm[i]) > 1000;
	assert_true(loud > 80);
	assert_int_equal(heard(3, 4000), 3 * 160);
	for (int i = 0; i < 4; i++)
		jitter_get(&jitter, pcm);
	for (size_t i = 0; i < JITTER_FRAME; i++)
		assert_int_equal(pcm[i], 0);
}

static void what_nobody_listened_to_is_not_heard_later(void **state)
{
	uint8_t payload[160];
	(void)state;

	jitter_reset(&jitter);
	put(0, 160, 4000);
	jitter_get(&jitter, NULL);
	memset(payload, 0, sizeof(payload));
	jitter_put(&jitter, &codec_pcmu, 160, payload, 160, false);
	assert_int_equal(heard(40, 4000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comfort_noise_is_silence_until_the_next_word),
		cmocka_unit_test(any_ptime_comes_out_whole_and_in_order),
		cmocka_unit_test(reordering_within_the_delay_is_undone),
		cmocka_unit_test(
			too_late_is_said_and_three_in_a_row_set_the_delay_anew),
		cmocka_unit_test(a_jump_either_way_is_heard_after_the_delay),
		cmocka_unit_test(a_fast_clock_never_builds_up_delay),
		cmocka_unit_test(a_slow_clock_keeps_being_heard),
		cmocka_unit_test(
			a_lost_packet_is_concealed_and_silence_follows_the_last),
		cmocka_unit_test(what_nobody_listened_to_is_not_heard_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
