/* test_prompt_cache.c -- files of all kinds, decoded once, kept within bounds
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include "audio_fixture.h"
#include "media/codec.h"
#include "media/file_thread.h"
#include "media/prompt_cache.h"

static struct file_thread *ft;
static struct prompt_cache *cache;

static void begin(uint64_t max_bytes)
{
	assert_int_equal(file_thread_alloc(&ft), 0);
	assert_int_equal(prompt_cache_alloc(&cache, ft, max_bytes), 0);
}

static void end(void)
{
	file_thread_free(ft);
	prompt_cache_free(cache);
}

static struct prompt *get(const char *path)
{
	struct prompt *p = NULL;

	assert_int_equal(prompt_get(&p, cache, &path, 1), 0);
	return p;
}

static struct prompt *loaded(const char *path)
{
	struct prompt *p = get(path);

	wait_until(prompt_state(p) != PROMPT_LOADING);
	if (prompt_state(p) == PROMPT_FAILED)
		fail_msg("%s", prompt_error(p));
	return p;
}

static void fails(const char *path, const char *words)
{
	struct prompt *p = get(path);

	wait_until(prompt_state(p) != PROMPT_LOADING);
	if (prompt_state(p) != PROMPT_FAILED)
		fail_msg("%s was loaded", path);
	if (!strstr(prompt_error(p), path) || !strstr(prompt_error(p), words))
		fail_msg("says: %s", prompt_error(p));
	assert_null(prompt_path(p));
	prompt_unref(p);
}

static struct prompt_cache_stats stats(void)
{
	struct prompt_cache_stats s;

	prompt_cache_stats(cache, &s);
	return s;
}

static const int wav8 = SF_FORMAT_WAV | SF_FORMAT_PCM_U8;
static const int wav16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

static void a_sine_keeps_frequency_and_level(void **state)
{
	static const struct {
		const char *name;
		int format;
		double tolerance;
	} formats[] = {
		{"u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 0.01},
		{"s16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 0.002},
		{"s24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 0.002},
		{"s32.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 0.002},
		{"float.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0.002},
		{"double.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0.002},
		{"ulaw.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 0.01},
		{"alaw.wav", SF_FORMAT_WAV | SF_FORMAT_ALAW, 0.01},
		{"ima.wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, 0.02},
		{"wavex.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 0.002},
		{"a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 0.002},
		{"a.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 0.002},
		{"a.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 0.002},
	};
	static const int rates[] = {8000,  11025, 12000, 16000,
				    22050, 32000, 44100, 48000};
	static const int channels[] = {1, 2, 6};
	(void)state;

	begin(1 << 30);
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
			int ch = channels[(f + r) % 3];
			char name[64];
			struct prompt *p;
			const int16_t *pcm;
			size_t n;
			double peak;

			/* IMA ADPCM knows one and two channels. */
			if (f == 8 && ch > 2)
				ch = 1;
			snprintf(name, sizeof(name), "%d-%s", rates[r],
				 formats[f].name);
			p = loaded(fixture_sine(name, formats[f].format,
						rates[r], ch, 1000, 0.5, 0.5));
			pcm = prompt_pcm(p, &n);
			/* Whole blocks of ADPCM apart. */
			assert_in_range(n, 3999, f == 8 ? 5000 : 4001);
			peak = goertzel(pcm + 400, 3200, 1, 1000);
			if (fabs(peak - 0.5) > formats[f].tolerance)
				fail_msg("%s, %d channels: %f", name, ch, peak);
			assert_true(goertzel(pcm + 400, 3200, 1, 1100) < 0.02);
			prompt_unref(p);
		}
	}
	end();
}

static void what_8_khz_cannot_hold_is_filtered(void **state)
{
	struct prompt *p;
	const int16_t *pcm;
	size_t n;
	(void)state;

	begin(1 << 20);
	/* 6 kHz would be heard as 2 kHz. */
	p = loaded(fixture_sine("6k.wav", wav16, 48000, 1, 6000, 0.9, 1));
	pcm = prompt_pcm(p, &n);
	assert_true(goertzel(pcm + 400, 7200, 1, 2000) < 0.0005);
	prompt_unref(p);
	end();
}

static void sixteen_bits_at_8_khz_come_out_as_they_are(void **state)
{
	int16_t all[65536];
	struct prompt *p;
	size_t n;
	(void)state;

	for (int i = 0; i < 65536; i++)
		all[i] = (int16_t)(i - 32768);
	begin(1 << 20);
	p = loaded(fixture_pcm("all.wav", all, 65536));
	assert_memory_equal(prompt_pcm(p, &n), all, sizeof(all));
	assert_int_equal(n, 65536);
	prompt_unref(p);
	end();
}

static void too_loud_is_clipped_and_never_wraps(void **state)
{
	float odd[400];
	SF_INFO info = {.samplerate = 8000,
			.channels = 1,
			.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
	const char *path;
	SNDFILE *file;
	struct prompt *p;
	const int16_t *pcm;
	size_t n;
	(void)state;

	begin(1 << 20);
	for (int rate = 8000; rate <= 48000; rate += 40000) {
		path = fixture_sine("loud.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT,
				    rate, 1, 200, 2.5, 0.5);
		p = loaded(path);
		pcm = prompt_pcm(p, &n);
		for (size_t i = 400; i + 400 < n; i++) {
			double want =
				2.5 * sin(2 * M_PI * 200 * (double)i / 8000);

			/* Where it is far beyond, it is at the end. */
			if (want > 1.3)
				assert_int_equal(pcm[i], INT16_MAX);
			if (want < -1.3)
				assert_int_equal(pcm[i], INT16_MIN);
		}
		prompt_unref(p);
		prompt_cache_forget(cache);
	}
	for (int i = 0; i < 400; i++)
		odd[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 0.25F;
	path = fixture_path("nan.wav");
	file = sf_open(path, SFM_WRITE, &info);
	sf_write_float(file, odd, 400);
	sf_close(file);
	p = loaded(path);
	pcm = prompt_pcm(p, &n);
	for (int i = 0; i < 400; i++)
		assert_int_equal(pcm[i], i % 3 == 2 ? 8192 : 0);
	prompt_unref(p);
	end();
}

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void what_cannot_be_played_says_why(void **state)
{
	static const uint8_t no_data[48] =
		"RIFF\x28\0\0\0WAVEfmt \x14\0\0\0\1\0\1\0\x40\x1f\0\0"
		"\x80\x3e\0\0\2\0\x10\0\0\0\0\0LIST";
	static const uint8_t no_channels[46] =
		"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\0\0\x40\x1f\0\0"
		"\x80\x3e\0\0\2\0\x10\0data\2\0\0";
	uint8_t garbage[5000];
	const char *path;
	size_t before;
	(void)state;

	begin(1 << 20);
	before = open_descriptors();
	fails(fixture_path("nowhere.wav"), "no such audio file");
	fails(fixture_file("empty.wav", "", 0), "empty");
	fails(fixture_file("text.wav", "hello, this is no audio", 23),
	      "not a usable audio file");
	srand(7);
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (uint8_t)rand();
	fails(fixture_file("garbage.wav", garbage, sizeof(garbage)),
	      "not a usable audio file");
	fails(fixture_file("nodata.wav", no_data, sizeof(no_data)),
	      "not a usable audio file");
	fails(fixture_file("nochannels.wav", no_channels, sizeof(no_channels)),
	      "usable");
	fails(fixture_sine("nothing.wav", wav16, 8000, 1, 100, 1, 0), "audio");
	path = fixture_sine("cut.wav", wav16, 8000, 1, 440, 0.5, 1);
	assert_int_equal(truncate(path, 44 + 6000), 0);
	fails(path, "its header promises 16000 bytes of audio, 6000 are there");
	assert_int_equal(truncate(path, 20), 0);
	fails(path, "usable");
	/* 8-bit silence of an hour and a second. */
	path = fixture_sine("long.wav", wav8, 1000, 1, 0, 0, 3601);
	fails(path, "too long");
	fails(fixture_dir, "a folder");
	path = fixture_path("fifo.wav");
	assert_int_equal(mkfifo(path, 0600), 0);
	fails(path, "no regular file");
	fails("/dev/zero", "no regular file");
	/* Nothing of a failure stays. */
	wait_until(stats().prompts == 0);
	assert_int_equal(open_descriptors(), before);
	end();
}

/* A program that writes to a pipe doesn't know the length beforehand. */
static void an_unknown_length_in_the_header_is_played(void **state)
{
	const char *path = fixture_sine("pipe.wav", wav16, 8000, 1, 440, 1, 1);
	static const uint8_t unknown[4] = {0xff, 0xff, 0xff, 0xff};
	int fd = open(path, O_WRONLY);
	struct prompt *p;
	size_t n;
	(void)state;

	assert_int_equal(pwrite(fd, unknown, 4, 40), 4);
	assert_int_equal(pwrite(fd, unknown, 4, 4), 4);
	close(fd);
	begin(1 << 20);
	p = loaded(path);
	(void)prompt_pcm(p, &n);
	assert_int_equal(n, 8000);
	prompt_unref(p);
	end();
}

static void the_first_that_exists_is_played(void **state)
{
	const char *paths[3] = {fixture_path("no.wav"), fixture_dir,
				fixture_path("yes.wav")};
	struct prompt *p;
	(void)state;

	begin(1 << 20);
	assert_int_equal(prompt_get(&p, cache, paths, 3), 0);
	wait_until(prompt_state(p) == PROMPT_FAILED);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(prompt_error(p), paths[i]));
	prompt_unref(p);
	/* A failure isn't remembered. */
	fixture_sine("yes.wav", wav16, 8000, 1, 440, 0.5, 0.1);
	assert_int_equal(prompt_get(&p, cache, paths, 3), 0);
	wait_until(prompt_state(p) == PROMPT_READY);
	assert_string_equal(prompt_path(p), paths[2]);
	prompt_unref(p);
	assert_int_equal(prompt_get(&p, cache, paths, 0), EINVAL);
	end();
}

static void payloads_are_made_once_wanted(void **state)
{
	const struct codec *codec;
	struct prompt *p;
	const int16_t *pcm;
	size_t n;
	(void)state;

	begin(1 << 20);
	p = get(fixture_sine("p.wav", wav16, 8000, 1, 440, 0.5, 0.5));
	/* While it loads; and again; and after. */
	prompt_want(p, &codec_pcmu);
	prompt_want(p, &codec_pcmu);
	wait_until(prompt_state(p) == PROMPT_READY);
	assert_null(prompt_payload(p, &codec_pcma));
	prompt_want(p, &codec_pcma);
	pcm = prompt_pcm(p, &n);
	for (unsigned i = 0; (codec = codec_at(i)); i++) {
		uint8_t want[4000];

		wait_until(prompt_payload(p, codec));
		codec->encode(want, pcm, n);
		assert_memory_equal(prompt_payload(p, codec), want, n);
	}
	/* samples, two payloads, and what it costs to know it */
	assert_in_range(stats().bytes, 4 * n, 4 * n + 2000);
	prompt_unref(p);
	end();
}

static void forgetting_reads_the_file_again(void **state)
{
	int16_t one[800], two[400];
	const char *path;
	struct prompt *old, *new;
	size_t n;
	(void)state;

	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	begin(1 << 20);
	path = fixture_pcm("change.wav", one, 800);
	old = loaded(path);
	fixture_pcm("change.wav", two, 400);
	new = loaded(path);
	assert_ptr_equal(new, old);
	prompt_unref(new);
	prompt_cache_forget(cache);
	new = loaded(path);
	assert_memory_equal(prompt_pcm(new, &n), two, sizeof(two));
	assert_int_equal(n, 400);
	/* Who plays the old one goes on. */
	assert_memory_equal(prompt_pcm(old, &n), one, sizeof(one));
	assert_int_equal(n, 800);
	prompt_unref(old);
	prompt_unref(new);
	/* The old one's memory comes back. */
	wait_until(stats().bytes < 800 + 1000);
	end();
}

static void the_least_recently_used_goes_first(void **state)
{
	struct prompt *p[6];
	struct prompt_cache_stats s;
	(void)state;

	/* Room for two of 16,000 bytes and a bit. */
	begin(40000);
	for (int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "lru%d.wav", i);
		fixture_sine(name, wav16, 8000, 1, 440, 0.5, 1);
	}
	for (int i = 0; i < 4; i++)
		p[i] = loaded(fixture_path("lru%d.wav", i));
	/* Referenced ones stay, whatever the limit. */
	assert_int_equal(stats().prompts, 4);
	assert_int_equal(stats().evicted, 0);
	for (int i = 3; i >= 0; i--) {
		/* Used last: 0. */
		prompt_unref(p[i]);
		prompt_unref(get(fixture_path("lru%d.wav", i)));
	}
	wait_until(stats().bytes <= 40000);
	s = stats();
	assert_int_equal(s.prompts, 2);
	assert_int_equal(s.evicted, 2);
	prompt_unref(loaded(fixture_path("lru0.wav")));
	prompt_unref(loaded(fixture_path("lru1.wav")));
	assert_int_equal(stats().loads, s.loads);
	prompt_unref(loaded(fixture_path("lru3.wav")));
	assert_int_equal(stats().loads, s.loads + 1);
	end();
}

enum { THREADS = 8, ROUNDS = 200, FILES = 5 };
static atomic_uint started;

static void *wrong(const char *what)
{
	return (void *)(uintptr_t)what;
}

static void *hammer(void *arg)
{
	const char *const *paths = arg;
	unsigned seed = atomic_fetch_add(&started, 1);

	while (atomic_load(&started) < THREADS)
		;
	for (int i = 0; i < ROUNDS; i++) {
		struct prompt *p = NULL;
		const char *path = paths[rand_r(&seed) % FILES];

		if (prompt_get(&p, cache, &path, 1))
			return wrong("no memory");
		prompt_want(p, codec_at((unsigned)rand_r(&seed) % 2));
		if (rand_r(&seed) % 4 == 0)
			prompt_unref(prompt_ref(p));
		while (prompt_state(p) == PROMPT_LOADING)
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
		if (prompt_state(p) == PROMPT_READY) {
			const uint8_t *bytes = prompt_payload(p, &codec_pcmu);
			size_t n;
			const int16_t *pcm = prompt_pcm(p, &n);
			uint8_t last;

			codec_pcmu.encode(&last, pcm + n - 1, 1);
			if (bytes && bytes[n - 1] != last)
				return wrong("another payload");
		} else if (!strstr(path, "missing")) {
			return wrong("not loaded");
		}
		prompt_unref(p);
		if (i % 50 == 0)
			prompt_cache_forget(cache);
	}
	return NULL;
}

static void many_threads_share_one_load(void **state)
{
	const char *paths[FILES];
	pthread_t threads[THREADS];
	(void)state;

	for (int i = 0; i < FILES - 1; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d.wav", i);
		paths[i] = fixture_sine(name, wav16, 16000, 2, 300, 0.5, 0.2);
	}
	paths[FILES - 1] = fixture_path("missing.wav");
	/* Small enough to evict all the time. */
	begin(12000);
	atomic_store(&started, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hammer, paths), 0);
	for (int i = 0; i < THREADS; i++) {
		void *what;

		assert_int_equal(pthread_join(threads[i], &what), 0);
		if (what)
			fail_msg("%s", (const char *)what);
	}
	wait_until(stats().bytes <= 12000);
	end();
}

static void *ask(void *arg)
{
	atomic_fetch_add(&started, 1);
	while (atomic_load(&started) < THREADS)
		;
	return get(arg);
}

static void one_file_asked_for_at_once_is_read_once(void **state)
{
	const char *path = fixture_sine("once.wav", wav16, 48000, 2, 300, 1, 2);
	pthread_t threads[THREADS];
	void *first = NULL;
	(void)state;

	begin(1 << 20);
	atomic_store(&started, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask, (void *)(uintptr_t)path);
	for (int i = 0; i < THREADS; i++) {
		void *p;

		pthread_join(threads[i], &p);
		if (!first)
			first = p;
		assert_ptr_equal(p, first);
	}
	wait_until(prompt_state(first) == PROMPT_READY);
	assert_int_equal(stats().loads, 1);
	assert_int_equal(stats().hits, THREADS - 1);
	for (int i = 0; i < THREADS; i++)
		prompt_unref(first);
	end();
}

static void stopping_does_not_wait_for_an_hour_of_music(void **state)
{
	const char *path =
		fixture_sine("hour.wav", wav8, 48000, 1, 440, 0.5, 600);
	struct prompt *p;
	struct timespec t0, t1;
	(void)state;

	begin(1 << 20);
	p = get(path);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	file_thread_free(ft);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_int_equal(prompt_state(p), PROMPT_FAILED);
	assert_non_null(strstr(prompt_error(p), "stops"));
	assert_true(t1.tv_sec - t0.tv_sec < 5);
	prompt_unref(p);
	prompt_cache_free(cache);
}

/* Nor does a short one, nor a recording: they take turns. */
static void a_short_prompt_overtakes_a_long_one(void **state)
{
	const char *path =
		fixture_sine("music.wav", wav8, 48000, 1, 440, 0.5, 600);
	struct prompt *music, *word;
	(void)state;

	begin(1 << 20);
	music = get(path);
	word = loaded(fixture_sine("word.wav", wav16, 8000, 1, 440, 0.5, 1));
	assert_int_equal(prompt_state(music), PROMPT_LOADING);
	prompt_unref(music);
	prompt_unref(word);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sine_keeps_frequency_and_level),
		cmocka_unit_test(what_8_khz_cannot_hold_is_filtered),
		cmocka_unit_test(sixteen_bits_at_8_khz_come_out_as_they_are),
		cmocka_unit_test(too_loud_is_clipped_and_never_wraps),
		cmocka_unit_test(what_cannot_be_played_says_why),
		cmocka_unit_test(an_unknown_length_in_the_header_is_played),
		cmocka_unit_test(the_first_that_exists_is_played),
		cmocka_unit_test(payloads_are_made_once_wanted),
		cmocka_unit_test(forgetting_reads_the_file_again),
		cmocka_unit_test(the_least_recently_used_goes_first),
		cmocka_unit_test(many_threads_share_one_load),
		cmocka_unit_test(one_file_asked_for_at_once_is_read_once),
		cmocka_unit_test(a_short_prompt_overtakes_a_long_one),
		cmocka_unit_test(stopping_does_not_wait_for_an_hour_of_music),
	};

	return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
