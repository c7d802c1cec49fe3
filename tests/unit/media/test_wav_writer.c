/* test_wav_writer.c -- a file that can be played whenever one looks at it */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "audio_fixture.h"
#include "media/wav_writer.h"

static char err[512];

static void ramp(int16_t *pcm, size_t count, size_t from)
{
	for (size_t i = 0; i < count; i++)
		pcm[i] = (int16_t)((from + i) * 7);
}

static struct wav_writer *begin(const char *path, unsigned channels)
{
	struct wav_writer *w = NULL;

	err[0] = '\0';
	if (wav_writer_open(&w, path, channels, err, sizeof(err)))
		fail_msg("%s", err);
	return w;
}

/* The sizes in the header against the file. */
static void assert_honest(const char *path)
{
	uint8_t h[44];
	struct stat st;
	uint32_t riff, data;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, h, 44), 44);
	memcpy(&riff, h + 4, 4);
	memcpy(&data, h + 40, 4);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_memory_equal(h + 36, "data", 4);
	assert_int_equal(riff, data + 36);
	assert_true(44 + (off_t)data <= st.st_size);
}

static void it_can_be_read_after_every_append(void **state)
{
	(void)state;
	for (unsigned channels = 1; channels <= 2; channels++) {
		const char *path = fixture_path("a%u.wav", channels);
		struct wav_writer *w = begin(path, channels);
		size_t frames = 0;

		for (size_t n = 0; n < 50; n++) {
			int16_t pcm[2 * 50], *got;
			SF_INFO info;

			ramp(pcm, n * channels, frames * channels);
			assert_int_equal(wav_writer_append(w, pcm, n), 0);
			frames += n;
			assert_honest(path);
			got = fixture_read(path, &info);
			assert_int_equal(info.frames, frames);
			assert_int_equal(info.channels, channels);
			assert_int_equal(info.samplerate, 8000);
			assert_int_equal(info.format,
					 SF_FORMAT_WAV | SF_FORMAT_PCM_16);
			for (size_t i = 0; i < frames * channels; i++)
				assert_int_equal(got[i], (int16_t)(i * 7));
			free(got);
		}
		assert_int_equal(wav_writer_close(w), 0);
		assert_honest(path);
	}
}

static void silence_and_truncation(void **state)
{
	const char *path = fixture_path("s.wav");
	struct wav_writer *w = begin(path, 2);
	int16_t pcm[200], *got;
	SF_INFO info;
	struct stat st;
	(void)state;

	ramp(pcm, 200, 1);
	assert_int_equal(wav_writer_append(w, pcm, 100), 0);
	assert_int_equal(wav_writer_silence(w, 20000), 0);
	assert_int_equal(wav_writer_append(w, pcm, 100), 0);
	assert_int_equal(wav_writer_frames(w), 20200);
	assert_int_equal(wav_writer_truncate(w, 20150), 0);
	assert_int_equal(wav_writer_truncate(w, 30000), 0);
	assert_honest(path);
	/* And on behind it. */
	assert_int_equal(wav_writer_append(w, pcm, 1), 0);
	assert_int_equal(wav_writer_close(w), 0);
	got = fixture_read(path, &info);
	assert_int_equal(info.frames, 20151);
	for (int i = 200; i < 40200; i++)
		assert_int_equal(got[i], 0);
	assert_memory_equal(got + 40200, pcm, 200);
	assert_memory_equal(got + 40300, pcm, 4);
	free(got);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 44 + 20151 * 4);
}

static void folders_are_made_and_files_are_not_for_everybody(void **state)
{
	const char *path = fixture_path("2026/11/21/x.wav");
	struct stat st;
	(void)state;

	wav_writer_close(begin(path, 1));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
	assert_int_equal(st.st_size, 44);
}

static void an_old_file_is_replaced_and_its_readers_keep_it(void **state)
{
	const char *path = fixture_file("old.wav", "what was there", 14);
	int fd = open(path, O_RDONLY);
	char buf[32];
	(void)state;

	wav_writer_close(begin(path, 1));
	assert_int_equal(read(fd, buf, sizeof(buf)), 14);
	close(fd);
	assert_honest(path);
}

static void refuses(const char *path, int expected, const char *words)
{
	struct wav_writer *w = NULL;

	assert_int_equal(wav_writer_open(&w, path, 1, err, sizeof(err)),
			 expected);
	assert_null(w);
	if (!strstr(err, words) || !strstr(err, path))
		fail_msg("says: %s", err);
}

static void what_is_no_file_is_not_written_to(void **state)
{
	const char *victim = fixture_file("victim", "precious", 8);
	const char *link = fixture_path("link.wav");
	const char *fifo = fixture_path("fifo.wav");
	const char *busy = fixture_path("busy.wav");
	struct wav_writer *w;
	char buf[16];
	int fd;
	(void)state;

	assert_int_equal(symlink(victim, link), 0);
	refuses(link, ELOOP, "symbolic link");
	fd = open(victim, O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf)), 8);
	close(fd);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refuses(fifo, EINVAL, "regular");
	refuses(fixture_dir, EISDIR, "folder");
	refuses("/dev/full", EINVAL, "regular");
	assert_int_equal(wav_writer_open(&w, fixture_path("victim/x.wav"), 1,
					 err, sizeof(err)),
			 ENOTDIR);
	assert_non_null(strstr(err, "victim"));
	w = begin(busy, 1);
	refuses(busy, EBUSY, "another recording");
	wav_writer_close(w);
	wav_writer_close(begin(busy, 1));
}

/* In a child, so that the limit is its own. */
static void a_full_disk_leaves_what_went_in(void **state)
{
	const char *path = fixture_path("full.wav");
	int16_t pcm[1000], *got;
	SF_INFO info;
	int status;
	pid_t pid;
	(void)state;

	ramp(pcm, 1000, 0);
	pid = fork();
	if (!pid) {
		/* Not a multiple of a frame: a half-written one is left out. */
		struct rlimit limit = {44 + 3001, 44 + 3001};
		struct wav_writer *w;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		if (wav_writer_open(&w, path, 2, err, sizeof(err)) ||
		    wav_writer_append(w, pcm, 500))
			_exit(1);
		if (wav_writer_append(w, pcm, 500) != EFBIG)
			_exit(2);
		if (wav_writer_frames(w) != 750)
			_exit(3);
		_exit(wav_writer_close(w) ? 4 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_honest(path);
	got = fixture_read(path, &info);
	assert_int_equal(info.frames, 750);
	assert_memory_equal(got, pcm, 2000);
	assert_memory_equal(got + 1000, pcm, 1000);
	free(got);
}

static void killed_at_any_moment_it_can_be_played(void **state)
{
	(void)state;
	for (int turn = 0; turn < 20; turn++) {
		const char *path = fixture_path("killed%d.wav", turn);
		int ready[2], status;
		int16_t *got;
		SF_INFO info;
		pid_t pid;
		char c;

		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			struct wav_writer *w;
			int16_t pcm[160];
			size_t at = 0;

			if (wav_writer_open(&w, path, 1, err, sizeof(err)))
				_exit(1);
			for (int i = 0; i < 20000; i++) {
				ramp(pcm, 160, at);
				at += 160;
				if (wav_writer_append(w, pcm, 160))
					_exit(2);
				if (i == turn * 3 &&
				    write(ready[1], "x", 1) < 0)
					_exit(3);
			}
			pause();
		}
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_honest(path);
		got = fixture_read(path, &info);
		assert_true(info.frames >= (sf_count_t)(turn * 3 + 1) * 160);
		assert_int_equal(info.frames % 160, 0);
		for (sf_count_t i = 0; i < info.frames; i++)
			assert_int_equal(got[i], (int16_t)(i * 7));
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_can_be_read_after_every_append),
		cmocka_unit_test(silence_and_truncation),
		cmocka_unit_test(
			folders_are_made_and_files_are_not_for_everybody),
		cmocka_unit_test(
			an_old_file_is_replaced_and_its_readers_keep_it),
		cmocka_unit_test(what_is_no_file_is_not_written_to),
		cmocka_unit_test(a_full_disk_leaves_what_went_in),
		cmocka_unit_test(killed_at_any_moment_it_can_be_played),
	};

	return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
