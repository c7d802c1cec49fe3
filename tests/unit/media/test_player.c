/* test_player.c -- a playlist, sample by sample and payload by payload */
#include <errno.h>
#include "audio_fixture.h"
#include "media/codec.h"
#include "media/file_thread.h"
#include "media/media.h"
#include "media/player.h"
#include "media/prompt_cache.h"

/* Samples of the two files: no whole frames. */
#define A ((size_t)1000)
#define B ((size_t)333)

static struct file_thread *ft;
static struct prompt_cache *cache;
static const char *file_a, *file_b, *missing;
static int16_t pcm_a[A], pcm_b[B];

static int begin(void **state)
{
	if (fixture_begin(state))
		return -1;
	for (size_t i = 0; i < A; i++)
		pcm_a[i] = (int16_t)(i * 31 + 5);
	for (size_t i = 0; i < B; i++)
		pcm_b[i] = (int16_t)(-(int)i * 57 - 9);
	file_a = strdup(fixture_pcm("a.wav", pcm_a, A));
	file_b = strdup(fixture_pcm("b.wav", pcm_b, B));
	missing = strdup(fixture_path("missing.wav"));
	return file_thread_alloc(&ft) ||
	       prompt_cache_alloc(&cache, ft, 1 << 20);
}

static int end(void **state)
{
	file_thread_free(ft);
	prompt_cache_free(cache);
	free((void *)(uintptr_t)file_a);
	free((void *)(uintptr_t)file_b);
	free((void *)(uintptr_t)missing);
	return fixture_end(state);
}

#define FILE_SOURCE(path_)                                             \
	{                                                              \
		.type = MEDIA_FILE, .paths = &(path_), .path_count = 1 \
	}
#define QUIET_SOURCE(ms_)                                 \
	{                                                 \
		.type = MEDIA_QUIET, .duration_ms = (ms_) \
	}
#define TONE_SOURCE(hz_, ms_)                                       \
	{                                                           \
		.type = MEDIA_TONE, .hz = {(hz_)}, .level_db = -10, \
		.duration_ms = (ms_)                                \
	}

static struct player *make(const struct media_play *play)
{
	struct player *p = NULL;

	assert_int_equal(player_alloc(&p, cache, play), 0);
	return p;
}

static struct player *ready(const struct media_play *play)
{
	struct player *p = make(play);

	wait_until(player_state(p) != PLAYER_WAITING);
	return p;
}

/* Reads of changing sizes until it is done; returns how many samples. */
static size_t read_all(struct player *p, int16_t *pcm, size_t max)
{
	size_t at = 0, n = 1;

	while (player_state(p) == PLAYER_PLAYING) {
		int16_t frame[480];
		size_t got = player_read(p, frame, n);

		assert_true(at + got <= max);
		/* Short only at the very end. */
		if (got < n)
			assert_int_equal(player_state(p), PLAYER_DONE);
		memcpy(pcm + at, frame, got * 2);
		for (size_t i = got; i < n; i++)
			assert_int_equal(frame[i], 0);
		at += got;
		n = n % 480 + 7;
		if (n > 480)
			n = 480;
	}
	return at;
}

static void a_list_plays_without_a_gap(void **state)
{
	const struct media_source list[] = {
		FILE_SOURCE(file_a), TONE_SOURCE(1000, 20),
		QUIET_SOURCE(0),     FILE_SOURCE(file_b),
		QUIET_SOURCE(5),     FILE_SOURCE(file_a)};
	static int16_t got[10000], want[A + 160 + B + 40 + A];
	struct player *p =
		ready(&(struct media_play){.sources = list, .source_count = 6});
	(void)state;

	assert_int_equal(player_state(p), PLAYER_PLAYING);
	memcpy(want, pcm_a, sizeof(pcm_a));
	memcpy(want + A + 160, pcm_b, sizeof(pcm_b));
	memcpy(want + A + 160 + B + 40, pcm_a, sizeof(pcm_a));
	assert_int_equal(read_all(p, got, 10000), A + 160 + B + 40 + A);
	assert_true(fabs(goertzel(got + A, 160, 1, 1000) - 0.316) < 0.01);
	memset(got + A, 0, 160 * sizeof(*got));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(player_state(p), PLAYER_DONE);
	assert_int_equal(player_position_ms(p), (A + 160 + B + 40 + A) / 8);
	player_free(p);
}

static void payloads_are_what_the_samples_encode_to(void **state)
{
	const struct media_source list[] = {
		FILE_SOURCE(file_a), TONE_SOURCE(500, 33), FILE_SOURCE(file_b),
		QUIET_SOURCE(30), FILE_SOURCE(file_b)};
	const struct media_play play = {
		.sources = list, .source_count = 5, .loops = 3};
	const struct codec *codec;
	(void)state;

	for (unsigned c = 0; (codec = codec_at(c)); c++) {
		/* First encoded here, then copied from ready payloads. */
		for (int wanted = 0; wanted < 2; wanted++) {
			struct player *p = ready(&play), *q = ready(&play);

			for (const char *const *f =
				     (const char *const[]){file_a, file_b,
							   NULL};
			     wanted && *f; f++) {
				struct prompt *prompt;

				player_want(p, codec);
				assert_int_equal(
					prompt_get(&prompt, cache, f, 1), 0);
				wait_until(prompt_payload(prompt, codec));
				prompt_unref(prompt);
			}
			while (player_state(p) == PLAYER_PLAYING) {
				int16_t pcm[240], also[240];
				uint8_t payload[240], want[240];
				size_t n = player_read(p, pcm, 240);
				bool tap = player_position_ms(q) % 60 < 30;

				codec->encode(want, pcm, 240);
				assert_int_equal(
					player_read_payload(q, codec, payload,
							    tap ? also : NULL,
							    240),
					n);
				assert_memory_equal(payload, want, 240);
				if (tap)
					assert_memory_equal(also, pcm, 480);
			}
			assert_int_equal(player_state(q), PLAYER_DONE);
			player_free(p);
			player_free(q);
		}
	}
}

static void loops_repeat_the_whole_list(void **state)
{
	const struct media_source list[] = {FILE_SOURCE(file_a),
					    FILE_SOURCE(file_b)};
	static int16_t got[5 * (A + B)];
	struct player *p = ready(&(struct media_play){
		.sources = list, .source_count = 2, .loops = 4});
	(void)state;

	assert_int_equal(read_all(p, got, 5 * (A + B)), 4 * (A + B));
	for (size_t i = 0; i < 4; i++) {
		assert_memory_equal(got + i * (A + B), pcm_a, sizeof(pcm_a));
		assert_memory_equal(got + i * (A + B) + A, pcm_b,
				    sizeof(pcm_b));
	}
	player_free(p);
	p = ready(&(struct media_play){
		.sources = list, .source_count = 2, .loops = UINT32_MAX});
	for (int i = 0; i < 1000; i++)
		assert_int_equal(player_read(p, got, 480), 480);
	assert_int_equal(player_state(p), PLAYER_PLAYING);
	player_free(p);
}

static void a_list_without_length_is_done_at_once(void **state)
{
	const struct media_source list[] = {QUIET_SOURCE(0), QUIET_SOURCE(0)};
	struct player *p;
	(void)state;

	p = make(&(struct media_play){
		.sources = list, .source_count = 2, .loops = UINT32_MAX});
	assert_int_equal(player_state(p), PLAYER_DONE);
	player_free(p);
	p = make(&(struct media_play){.loops = 3});
	assert_int_equal(player_state(p), PLAYER_DONE);
	player_free(p);
}

static void a_tone_without_duration_goes_on(void **state)
{
	const struct media_source list[] = {QUIET_SOURCE(10),
					    TONE_SOURCE(425, 0)};
	static int16_t got[8000];
	struct player *p = make(&(struct media_play){
		.sources = list, .source_count = 2, .loops = 2});
	(void)state;

	for (int i = 0; i < 3600; i++)
		assert_int_equal(player_read(p, got, 8000), 8000);
	assert_true(fabs(goertzel(got, 8000, 1, 425) - 0.316) < 0.002);
	assert_int_equal(player_position_ms(p), 3600 * 1000);
	player_seek(p, 86400000);
	assert_int_equal(player_read(p, got, 80), 80);
	player_free(p);
}

static void seek_and_start_count_from_the_whole(void **state)
{
	const struct media_source list[] = {FILE_SOURCE(file_a),
					    FILE_SOURCE(file_b)};
	struct media_play play = {.sources = list,
				  .source_count = 2,
				  .loops = 2,
				  .start_ms = 100};
	int16_t got[160];
	struct player *p = ready(&play);
	(void)state;

	assert_int_equal(player_position_ms(p), 100);
	player_read(p, got, 160);
	assert_memory_equal(got, pcm_a + 800, 320);
	/* 130 ms: 40 samples into the second file. */
	player_seek(p, 130);
	player_read(p, got, 160);
	assert_memory_equal(got, pcm_b + 40, 320);
	/* 1336 samples: 3 into the second round. */
	player_seek(p, 167);
	assert_int_equal(player_position_ms(p), 167);
	player_read(p, got, 160);
	assert_memory_equal(got, pcm_a + 3, 320);
	player_seek(p, 0);
	player_read(p, got, 160);
	assert_memory_equal(got, pcm_a, 320);
	player_seek(p, UINT64_MAX);
	assert_int_equal(player_state(p), PLAYER_DONE);
	assert_int_equal(player_read(p, got, 160), 0);
	/* Done is done. */
	player_seek(p, 0);
	assert_int_equal(player_state(p), PLAYER_DONE);
	player_free(p);
	play.start_ms = 10000;
	p = ready(&play);
	assert_int_equal(player_state(p), PLAYER_DONE);
	player_free(p);
}

static void pause_is_silence_and_loses_nothing(void **state)
{
	const struct media_source list[] = {FILE_SOURCE(file_a)};
	struct player *p =
		ready(&(struct media_play){.sources = list, .source_count = 1});
	int16_t got[160], zero[160] = {0};
	uint8_t payload[160];
	(void)state;

	player_read(p, got, 160);
	player_pause(p);
	assert_int_equal(player_state(p), PLAYER_PAUSED);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(player_read(p, got, 160), 0);
		assert_memory_equal(got, zero, 320);
		assert_int_equal(
			player_read_payload(p, &codec_pcma, payload, got, 160),
			0);
		assert_int_equal(payload[0], codec_pcma.silence);
		assert_int_equal(payload[159], codec_pcma.silence);
	}
	assert_int_equal(player_position_ms(p), 20);
	/* A seek while it is paused. */
	player_seek(p, 50);
	assert_int_equal(player_state(p), PLAYER_PAUSED);
	player_resume(p);
	assert_int_equal(player_read(p, got, 160), 160);
	assert_memory_equal(got, pcm_a + 400, 320);
	player_free(p);
}

static void volume_changes_the_level_without_a_click(void **state)
{
	const struct media_source list[] = {TONE_SOURCE(1000, 0)};
	struct player *p = make(&(struct media_play){
		.sources = list, .source_count = 1, .volume_db = -20});
	static int16_t got[8000];
	uint8_t payload[160];
	int last = 0;
	(void)state;

	assert_int_equal(player_read(p, got, 8000), 8000);
	assert_true(fabs(goertzel(got, 8000, 1, 1000) - 0.0316) < 0.001);
	player_volume(p, 0);
	player_read(p, got, 160);
	for (int i = 0; i < 160; i++) {
		/* No steeper than the full tone is: 2π · 1/8 of its peak. */
		assert_true(abs(got[i] - last) < 0.32 * 32768 * 0.8);
		last = got[i];
	}
	assert_true(goertzel(got, 80, 1, 1000) <
		    goertzel(got + 80, 80, 1, 1000));
	player_read(p, got, 8000);
	assert_true(fabs(goertzel(got, 8000, 1, 1000) - 0.316) < 0.002);
	/* +24 dB is far too loud: clipped, not wrapped. */
	player_volume(p, 90);
	player_read(p, got, 8000);
	player_read(p, got, 8000);
	assert_true(goertzel(got, 8000, 1, 1000) > 1.1);
	player_volume(p, -60);
	player_read(p, got, 160);
	player_read_payload(p, &codec_pcmu, payload, got, 160);
	for (int i = 0; i < 160; i++) {
		assert_int_equal(got[i], 0);
		assert_int_equal(payload[i], codec_pcmu.silence);
	}
	player_free(p);
}

/* Keeps the file thread from loading, as a slow disk does. */
struct block {
	struct file_job job;
	_Atomic bool open;
};

static void block_run(struct file_job *job)
{
	struct block *b = (struct block *)job;

	while (!b->open)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void it_waits_for_its_prompts_and_misses_nothing(void **state)
{
	const char *late = fixture_pcm("late.wav", pcm_b, B);
	const struct media_source list[] = {FILE_SOURCE(file_a),
					    FILE_SOURCE(late)};
	struct block block = {.job.run = block_run};
	static int16_t got[2000];
	uint8_t payload[160];
	struct player *p;
	(void)state;

	file_thread_post(ft, &block.job);
	p = make(&(struct media_play){
		.sources = list, .source_count = 2, .start_ms = 10});
	for (int i = 0; i < 5; i++) {
		assert_int_equal(player_state(p), PLAYER_WAITING);
		assert_int_equal(player_read(p, got, 160), 0);
		assert_int_equal(
			player_read_payload(p, &codec_pcmu, payload, NULL, 160),
			0);
		assert_int_equal(payload[100], codec_pcmu.silence);
	}
	player_seek(p, 20);
	block.open = true;
	wait_until(player_state(p) == PLAYER_PLAYING);
	assert_int_equal(read_all(p, got, 2000), A + B - 160);
	assert_memory_equal(got, pcm_a + 160, (A - 160) * 2);
	assert_memory_equal(got + A - 160, pcm_b, B * 2);
	player_free(p);
}

static void one_that_is_missing_fails_the_whole(void **state)
{
	const struct media_source list[] = {FILE_SOURCE(file_a),
					    FILE_SOURCE(missing)};
	const struct media_source none = {.type = MEDIA_FILE};
	int16_t got[160];
	struct player *p =
		ready(&(struct media_play){.sources = list, .source_count = 2});
	(void)state;

	assert_int_equal(player_state(p), PLAYER_FAILED);
	assert_non_null(strstr(player_error(p), missing));
	assert_int_equal(player_read(p, got, 160), 0);
	player_free(p);
	/* Also while it is paused. */
	p = make(&(struct media_play){.sources = list, .source_count = 2});
	player_pause(p);
	wait_until(player_state(p) == PLAYER_FAILED);
	player_free(p);
	assert_int_equal(player_alloc(&p, cache,
				      &(struct media_play){.sources = &none,
							   .source_count = 1}),
			 EINVAL);
}

static void a_player_may_go_at_any_time(void **state)
{
	const char *again = fixture_pcm("again.wav", pcm_b, B);
	const struct media_source list[] = {FILE_SOURCE(again)};
	struct prompt_cache_stats stats;
	(void)state;

	for (int i = 0; i < 100; i++) {
		struct player *p = make(&(struct media_play){
			.sources = list, .source_count = 1});

		player_want(p, &codec_pcmu);
		player_free(p);
		prompt_cache_forget(cache);
	}
	prompt_cache_forget(cache);
	do {
		prompt_cache_stats(cache, &stats);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	} while (stats.bytes);
	player_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_plays_without_a_gap),
		cmocka_unit_test(payloads_are_what_the_samples_encode_to),
		cmocka_unit_test(loops_repeat_the_whole_list),
		cmocka_unit_test(a_list_without_length_is_done_at_once),
		cmocka_unit_test(a_tone_without_duration_goes_on),
		cmocka_unit_test(seek_and_start_count_from_the_whole),
		cmocka_unit_test(pause_is_silence_and_loses_nothing),
		cmocka_unit_test(volume_changes_the_level_without_a_click),
		cmocka_unit_test(it_waits_for_its_prompts_and_misses_nothing),
		cmocka_unit_test(one_that_is_missing_fails_the_whole),
		cmocka_unit_test(a_player_may_go_at_any_time),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
