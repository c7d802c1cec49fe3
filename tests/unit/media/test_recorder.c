/* test_recorder.c -- what is pushed is in the file, whatever the disk does */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "audio_fixture.h"
#include "media/file_thread.h"
#include "media/recorder.h"

#define FRAME ((size_t)160)

static struct file_thread *ft;
static atomic_uint done_count;

static int begin(void **state)
{
	return fixture_begin(state) || file_thread_alloc(&ft);
}

static int end(void **state)
{
	file_thread_free(ft);
	return fixture_end(state);
}

static void on_done(struct recorder *r, void *arg)
{
	assert_ptr_equal(arg, &done_count);
	assert_non_null(r);
	atomic_fetch_add(&done_count, 1);
}

static struct recorder *start(const struct media_record *record)
{
	struct recorder *r = NULL;

	assert_int_equal(recorder_alloc(&r, ft, record), 0);
	assert_int_equal(recorder_state(r), RECORDER_NEW);
	atomic_store(&done_count, 0);
	recorder_start(r, on_done, &done_count);
	return r;
}

static struct recorder_outcome outcome(struct recorder *r)
{
	struct recorder_outcome o;

	assert_int_equal(recorder_state(r), RECORDER_ENDED);
	wait_until(atomic_load(&done_count) == 1);
	recorder_outcome(r, &o);
	return o;
}

/* Samples that name their place. */
static int16_t far_at(size_t i)
{
	return (int16_t)(1000 + i % 20011);
}

static int16_t our_at(size_t i)
{
	return (int16_t)(-3000 - (int)(i % 10007));
}

/* N samples from AT on, in frames. */
static size_t push(struct recorder *r, size_t at, size_t n)
{
	int16_t far[FRAME], our[FRAME];

	for (size_t stop = at + n; at < stop;) {
		size_t k = stop - at < FRAME ? stop - at : FRAME;

		for (size_t i = 0; i < k; i++) {
			far[i] = far_at(at + i);
			our[i] = our_at(at + i);
		}
		recorder_push(r, far, our, k);
		at += k;
	}
	return at;
}

static void each_kind_holds_what_it_should(void **state)
{
	static const enum media_record_channels kinds[] = {
		MEDIA_RECORD_HEARD, MEDIA_RECORD_MIXED, MEDIA_RECORD_STEREO};
	(void)state;

	for (int k = 0; k < 3; k++) {
		const char *path = fixture_path("new/folder/kind%d.wav", k);
		struct recorder *r = start(&(struct media_record){
			.path = path, .channels = kinds[k]});
		struct recorder_outcome o;
		SF_INFO info;
		int16_t *got;

		assert_int_equal(recorder_state(r), RECORDER_RUNNING);
		push(r, 0, 20000);
		recorder_finish(r, MEDIA_STOPPED);
		/* Only the first end counts. */
		recorder_finish(r, MEDIA_HANGUP);
		push(r, 0, 1000);
		o = outcome(r);
		assert_int_equal(o.result, MEDIA_STOPPED);
		assert_string_equal(o.path, path);
		assert_string_equal(o.text, "");
		assert_int_equal(o.duration_ms, 2500);
		assert_int_equal(o.lost_ms, 0);
		got = fixture_read(path, &info);
		assert_int_equal(info.frames, 20000);
		assert_int_equal(info.channels, k == 2 ? 2 : 1);
		for (size_t i = 0; i < 20000; i++) {
			if (k == 2) {
				assert_int_equal(got[2 * i], far_at(i));
				assert_int_equal(got[2 * i + 1], our_at(i));
			} else {
				assert_int_equal(got[i],
						 far_at(i) +
							 (k ? our_at(i) : 0));
			}
		}
		free(got);
		recorder_free(r);
	}
}

static void one_side_alone_and_loud_ones_together(void **state)
{
	int16_t loud[FRAME], quiet[FRAME] = {0}, *got;
	struct recorder *r =
		start(&(struct media_record){.path = fixture_path("mix.wav"),
					     .channels = MEDIA_RECORD_MIXED});
	SF_INFO info;
	(void)state;

	for (size_t i = 0; i < FRAME; i++)
		loud[i] = i % 2 ? 30000 : -30000;
	recorder_push(r, loud, loud, FRAME);
	recorder_push(r, NULL, loud, FRAME);
	recorder_push(r, loud, NULL, FRAME);
	recorder_push(r, NULL, NULL, FRAME);
	recorder_finish(r, MEDIA_HANGUP);
	assert_int_equal(outcome(r).result, MEDIA_HANGUP);
	got = fixture_read(outcome(r).path, &info);
	assert_int_equal(info.frames, 4 * FRAME);
	assert_int_equal(got[0], INT16_MIN);
	assert_int_equal(got[1], INT16_MAX);
	assert_memory_equal(got + FRAME, loud, sizeof(loud));
	assert_memory_equal(got + 2 * FRAME, loud, sizeof(loud));
	assert_memory_equal(got + 3 * FRAME, quiet, sizeof(quiet));
	free(got);
	recorder_free(r);
}

static void the_longest_duration_is_exact(void **state)
{
	struct recorder *r =
		start(&(struct media_record){.path = fixture_path("max.wav"),
					     .channels = MEDIA_RECORD_STEREO,
					     .max_ms = 1015});
	struct recorder_outcome o;
	SF_INFO info;
	(void)state;

	for (size_t i = 0; recorder_state(r) == RECORDER_RUNNING; i++) {
		assert_true(i < 51);
		push(r, i * FRAME, FRAME);
	}
	o = outcome(r);
	assert_int_equal(o.result, MEDIA_MAX);
	assert_int_equal(o.duration_ms, 1015);
	free(fixture_read(o.path, &info));
	assert_int_equal(info.frames, 1015 * 8);
	recorder_free(r);
}

/* MS of a level, in frames of 20 ms; how many were taken. */
static unsigned hear(struct recorder *r, unsigned ms, int16_t level)
{
	unsigned at = 0;

	for (; at < ms; at += 20) {
		int16_t pcm[FRAME];

		for (size_t i = 0; i < FRAME; i++)
			pcm[i] = (int16_t)(i & 4 ? level : -level);
		if (recorder_push(r, pcm, NULL, FRAME) == RECORDER_ENDED)
			return at + 20;
	}
	return at;
}

static void silence_ends_it_and_may_be_left_out(void **state)
{
	(void)state;
	for (int trim = 0; trim < 2; trim++) {
		struct recorder *r = start(&(struct media_record){
			.path = fixture_path("silence%d.wav", trim),
			.silence_ms = 1000,
			.trim = trim});
		struct recorder_outcome o;

		/* Somebody thinks before he speaks; and in between. */
		assert_int_equal(hear(r, 800, 20), 800);
		assert_int_equal(hear(r, 600, 3000), 600);
		assert_int_equal(hear(r, 980, 30), 980);
		assert_int_equal(hear(r, 400, 3000), 400);
		assert_int_equal(hear(r, 2000, 30), 1000);
		o = outcome(r);
		assert_int_equal(o.result, MEDIA_SILENCE);
		assert_int_equal(o.duration_ms,
				 trim ? 800 + 600 + 980 + 400 + 100
				      : 800 + 600 + 980 + 400 + 1000);
		recorder_free(r);
	}
}

static void silence_from_the_start_ends_it_empty_when_trimmed(void **state)
{
	struct recorder *r =
		start(&(struct media_record){.path = fixture_path("e.wav"),
					     .silence_ms = 500,
					     .trim = true});
	(void)state;

	assert_int_equal(hear(r, 2000, 0), 500);
	assert_int_equal(outcome(r).duration_ms, 0);
	recorder_free(r);
}

static void a_click_is_no_sound(void **state)
{
	int16_t click[FRAME] = {0};
	struct recorder *r = start(&(struct media_record){
		.path = fixture_path("click.wav"), .silence_ms = 1000});
	(void)state;

	memset(click, 0x30, 40);
	hear(r, 500, 0);
	recorder_push(r, click, NULL, FRAME);
	assert_int_equal(hear(r, 2000, 0), 480);
	recorder_free((outcome(r), r));
}

static void a_pause_is_no_silence(void **state)
{
	struct recorder *r = start(&(struct media_record){
		.path = fixture_path("pause-silence.wav"), .silence_ms = 1000});
	(void)state;

	hear(r, 900, 0);
	recorder_control(r, MEDIA_RECORD_PAUSE);
	assert_int_equal(hear(r, 5000, 0), 5000);
	recorder_control(r, MEDIA_RECORD_RESUME);
	assert_int_equal(hear(r, 2000, 0), 1000);
	assert_int_equal(outcome(r).duration_ms, 1900);
	recorder_free(r);
}

static void the_digit_that_stops_it_is_left_out(void **state)
{
	(void)state;
	for (int trim = 0; trim < 2; trim++) {
		struct recorder *r = start(&(struct media_record){
			.path = fixture_path("digit%d.wav", trim),
			.trim = trim});

		/* An early digit, which stopped nothing. */
		hear(r, 300, 3000);
		recorder_digit(r, 0);
		hear(r, 3200, 3000);
		/* The key is heard for 120 ms until we know of it. */
		hear(r, 120, 8000);
		recorder_digit(r, 120);
		hear(r, 60, 8000);
		recorder_finish(r, MEDIA_STOPPED);
		assert_int_equal(outcome(r).duration_ms, trim ? 3500 : 3680);
		recorder_free(r);
	}
}

static void pause_leaves_out_and_mask_blanks(void **state)
{
	struct recorder *r =
		start(&(struct media_record){.path = fixture_path("pm.wav"),
					     .channels = MEDIA_RECORD_STEREO});
	SF_INFO info;
	int16_t *got;
	(void)state;

	push(r, 0, 800);
	recorder_control(r, MEDIA_RECORD_PAUSE);
	assert_int_equal(recorder_state(r), RECORDER_PAUSED);
	push(r, 7000, 800);
	recorder_control(r, MEDIA_RECORD_RESUME);
	push(r, 800, 800);
	recorder_control(r, MEDIA_RECORD_MASK);
	push(r, 1600, 800);
	recorder_control(r, MEDIA_RECORD_UNMASK);
	push(r, 2400, 800);
	recorder_finish(r, MEDIA_STOPPED);
	assert_int_equal(outcome(r).duration_ms, 400);
	got = fixture_read(outcome(r).path, &info);
	for (size_t i = 0; i < 3200; i++) {
		bool masked = i >= 1600 && i < 2400;

		assert_int_equal(got[2 * i], masked ? 0 : far_at(i));
		assert_int_equal(got[2 * i + 1], masked ? 0 : our_at(i));
	}
	free(got);
	recorder_free(r);
}

static void it_beeps_and_then_begins(void **state)
{
	struct recorder *r = start(&(struct media_record){
		.path = fixture_path("beep.wav"), .beep = true});
	int16_t beep[2400], heard[240];
	size_t at = 0;
	(void)state;

	memset(heard, 1, sizeof(heard));
	/* Frames of 30 ms: the seventh ends in silence. */
	while (recorder_beep(r, beep + at, 240)) {
		at += 240;
		assert_true(at < 2000);
		if (at < 1600)
			assert_int_equal(recorder_push(r, heard, NULL, 240),
					 RECORDER_BEEP);
	}
	assert_int_equal(at, 1680);
	assert_true(fabs(goertzel(beep, 1600, 1, 1000) - 0.316) < 0.002);
	for (int i = 1600; i < 1680; i++)
		assert_int_equal(beep[i], 0);
	assert_int_equal(recorder_push(r, heard, NULL, 240), RECORDER_RUNNING);
	recorder_finish(r, MEDIA_STOPPED);
	assert_int_equal(outcome(r).duration_ms, 30);
	recorder_free(r);
}

/* Keeps the file thread from writing, as a disk that stands still does. */
struct stall {
	struct file_job job;
	atomic_bool running, over, gone;
};

static void stall_run(struct file_job *job)
{
	struct stall *s = (struct stall *)job;

	atomic_store(&s->running, true);
	while (!atomic_load(&s->over))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	atomic_store(&s->gone, true);
}

static void stall_end(struct stall *s)
{
	atomic_store(&s->over, true);
	wait_until(atomic_load(&s->gone));
}

static void stall_begin(struct stall *s)
{
	memset(s, 0, sizeof(*s));
	s->job.run = stall_run;
	file_thread_post(ft, &s->job);
	wait_until(atomic_load(&s->running));
}

static void a_stall_of_two_seconds_loses_nothing_of_500(void **state)
{
	enum { COUNT = 500, SAMPLES = 2 * 8000 };
	static struct recorder *r[COUNT];
	struct stall stall;
	(void)state;

	stall_begin(&stall);
	for (int i = 0; i < COUNT; i++)
		r[i] = start(&(struct media_record){
			.path = fixture_path("many/%d.wav", i),
			.channels = MEDIA_RECORD_STEREO});
	for (size_t at = 0; at < SAMPLES; at += FRAME)
		for (int i = 0; i < COUNT; i++)
			push(r[i], at + (size_t)i, FRAME);
	stall_end(&stall);
	for (int i = 0; i < COUNT; i++)
		recorder_finish(r[i], MEDIA_STOPPED);
	wait_until(atomic_load(&done_count) == COUNT);
	for (int i = 0; i < COUNT; i++) {
		struct recorder_outcome o;
		SF_INFO info;
		int16_t *got;

		recorder_outcome(r[i], &o);
		assert_int_equal(o.lost_ms, 0);
		got = fixture_read(o.path, &info);
		assert_int_equal(info.frames, SAMPLES);
		for (size_t k = 0; k < SAMPLES; k += 997) {
			assert_int_equal(got[2 * k], far_at(k + (size_t)i));
			assert_int_equal(got[2 * k + 1], our_at(k + (size_t)i));
		}
		free(got);
		remove(o.path);
		recorder_free(r[i]);
	}
}

static void what_a_longer_one_loses_is_silence_of_that_length(void **state)
{
	struct recorder *r =
		start(&(struct media_record){.path = fixture_path("lost.wav")});
	struct recorder_outcome o;
	struct stall stall;
	size_t at = 0, lost = 0, gaps = 0;
	SF_INFO info;
	int16_t *got;
	(void)state;

	/* Three stalls, the last one until the end. */
	for (int turn = 0; turn < 3; turn++) {
		stall_begin(&stall);
		at = push(r, at, (size_t)8000 * (size_t)(5 + turn));
		if (turn == 2)
			recorder_finish(r, MEDIA_STOPPED);
		stall_end(&stall);
		if (turn == 2)
			break;
		/* Behind this job everything so far was written. */
		for (struct stat st;;
		     nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL))
			if (!stat(fixture_path("lost.wav"), &st) &&
			    st.st_size >= 44 + (off_t)(turn + 1) * 60000)
				break;
		stall_begin(&stall);
		stall_end(&stall);
		at = push(r, at, 8000);
	}
	o = outcome(r);
	assert_int_equal(o.duration_ms, at / 8);
	got = fixture_read(o.path, &info);
	assert_int_equal(info.frames, at);
	for (size_t i = 0; i < at; i++) {
		if (got[i]) {
			assert_int_equal(got[i], far_at(i));
			continue;
		}
		gaps += !i || got[i - 1];
		lost++;
	}
	assert_int_equal(o.lost_ms, lost / 8);
	assert_in_range(gaps, 2, 4);
	assert_in_range(o.lost_ms, 2500, 9500);
	free(got);
	recorder_free(r);
}

static void it_can_be_played_while_it_grows(void **state)
{
	const char *path = fixture_path("grows.wav");
	struct recorder *r = start(&(struct media_record){.path = path});
	sf_count_t seen = 0;
	(void)state;

	for (size_t at = 0; seen < 8000;) {
		SF_INFO info;
		int16_t *got;
		struct stat st;

		if (at < 16000)
			at = push(r, at, FRAME);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		if (stat(path, &st) || st.st_size < 44)
			continue;
		got = fixture_read(path, &info);
		assert_true(info.frames >= seen);
		seen = info.frames;
		for (sf_count_t i = 0; i < seen; i++)
			assert_int_equal(got[i], far_at((size_t)i));
		free(got);
	}
	recorder_finish(r, MEDIA_HANGUP);
	assert_int_equal(outcome(r).result, MEDIA_HANGUP);
	recorder_free(r);
}

static void what_cannot_be_written_fails_once(void **state)
{
	const char *path = fixture_path("file/below.wav");
	struct recorder *r;
	struct recorder_outcome o;
	(void)state;

	fixture_file("file", "x", 1);
	r = start(&(struct media_record){.path = path, .beep = true});
	recorder_control(r, MEDIA_RECORD_PAUSE);
	for (int16_t beep[FRAME]; recorder_beep(r, beep, FRAME);)
		;
	/* Also one that is paused comes to know. */
	wait_until(recorder_push(r, NULL, NULL, FRAME) == RECORDER_ENDED);
	recorder_finish(r, MEDIA_HANGUP);
	o = outcome(r);
	assert_int_equal(o.result, MEDIA_FAILED);
	assert_non_null(strstr(o.text, path));
	assert_int_equal(o.duration_ms, 0);
	recorder_free(r);
	assert_int_equal(
		recorder_alloc(&r, ft, &(struct media_record){.path = ""}),
		EINVAL);
}

static void a_full_disk_ends_it_with_what_went_in(void **state)
{
	const char *path = fixture_path("full.wav");
	struct rlimit old, limit;
	struct recorder *r;
	struct recorder_outcome o;
	size_t at = 0;
	SF_INFO info;
	int16_t *got;
	(void)state;

	/* SIGXFSZ isn't ignored here: the file thread must not die of it. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 10000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = start(&(struct media_record){.path = path});
	while (recorder_state(r) == RECORDER_RUNNING) {
		at = push(r, at, FRAME);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	o = outcome(r);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(o.result, MEDIA_FAILED);
	assert_non_null(strstr(o.text, path));
	got = fixture_read(path, &info);
	assert_int_equal(info.frames, (10000 - 44) / 2);
	assert_int_equal(o.duration_ms, info.frames / 8);
	for (sf_count_t i = 0; i < info.frames; i++)
		assert_int_equal(got[i], far_at((size_t)i));
	free(got);
	recorder_free(r);
}

static void it_may_be_freed_before_it_begins(void **state)
{
	struct recorder *r;
	(void)state;

	assert_int_equal(
		recorder_alloc(&r, ft, &(struct media_record){.path = "/x"}),
		0);
	recorder_finish(r, MEDIA_STOPPED);
	recorder_free(r);
	recorder_free(NULL);
}

static void the_end_of_the_thread_completes_it(void **state)
{
	const char *path = fixture_path("last.wav");
	struct recorder *r = start(&(struct media_record){.path = path});
	struct recorder_outcome o;
	(void)state;

	push(r, 0, 8000);
	file_thread_free(ft);
	assert_int_equal(atomic_load(&done_count), 1);
	recorder_outcome(r, &o);
	assert_int_equal(o.result, MEDIA_HANGUP);
	assert_int_equal(o.duration_ms, 1000);
	recorder_free(r);
	assert_int_equal(file_thread_alloc(&ft), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_holds_what_it_should),
		cmocka_unit_test(one_side_alone_and_loud_ones_together),
		cmocka_unit_test(the_longest_duration_is_exact),
		cmocka_unit_test(silence_ends_it_and_may_be_left_out),
		cmocka_unit_test(
			silence_from_the_start_ends_it_empty_when_trimmed),
		cmocka_unit_test(a_click_is_no_sound),
		cmocka_unit_test(a_pause_is_no_silence),
		cmocka_unit_test(the_digit_that_stops_it_is_left_out),
		cmocka_unit_test(pause_leaves_out_and_mask_blanks),
		cmocka_unit_test(it_beeps_and_then_begins),
		cmocka_unit_test(a_stall_of_two_seconds_loses_nothing_of_500),
		cmocka_unit_test(
			what_a_longer_one_loses_is_silence_of_that_length),
		cmocka_unit_test(it_can_be_played_while_it_grows),
		cmocka_unit_test(what_cannot_be_written_fails_once),
		cmocka_unit_test(a_full_disk_ends_it_with_what_went_in),
		cmocka_unit_test(it_may_be_freed_before_it_begins),
		cmocka_unit_test(the_end_of_the_thread_completes_it),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
