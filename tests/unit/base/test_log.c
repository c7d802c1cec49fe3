/* test_log.c -- lines as they stand in the file */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <re.h>
#define DEBUG_MODULE "test"
#define DEBUG_LEVEL  7
#include <re_dbg.h>
#include "base/clock.h"
#include "base/log.h"

static FILE *file;
static char text[400000];

static int setup(void **state)
{
	(void)state;
	file = tmpfile();
	if (!file)
		return -1;
	log_set_fd(fileno(file));
	log_set_level(LOG_INFO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_set_fd(STDERR_FILENO);
	fclose(file);
	return 0;
}

/* All that was written so far. */
static const char *written(void)
{
	ssize_t n = pread(fileno(file), text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static int count_lines(void)
{
	int n = 0;

	for (const char *p = written(); *p; p++)
		n += *p == '\n';
	return n;
}

/* A line's message: what follows date, time, level and id. */
static const char *message(void)
{
	const char *p = written();

	assert_int_equal(strspn(p, "0123456789-"), 10);
	assert_int_equal(strspn(p + 11, "0123456789:."), 12);
	return p + 24;
}

static void a_line_has_time_level_id_message(void **state)
{
	(void)state;
	log_info("01JD", "answered after %.1f s", 2.1);
	assert_string_equal(message(), "info  01JD answered after 2.1 s\n");
}

static void without_a_call_the_id_is_a_dash(void **state)
{
	(void)state;
	log_error(NULL, "no");
	assert_string_equal(message(), "error - no\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
	(void)state;
	log_debug(NULL, "hidden");
	assert_int_equal(count_lines(), 0);
	log_set_level(LOG_DEBUG);
	log_debug(NULL, "shown");
	log_set_level(LOG_ERROR);
	log_warn(NULL, "hidden");
	assert_string_equal(message(), "debug - shown\n");
}

static void control_characters_cannot_forge_a_line(void **state)
{
	(void)state;
	log_info(NULL, "a\r\n2026 error - b\x1b[31m\x7f\tc");
	assert_string_equal(
		message(),
		"info  - a\\x0d\\x0a2026 error - b\\x1b[31m\\x7f\\x09c\n");
}

static void utf8_stands_as_it_is_and_what_is_not_is_escaped(void **state)
{
	(void)state;
	log_info(NULL, "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_string_equal(message(), "info  - Zo\xc3\xab \xe2\x82\xac "
				       "\xf0\x9f\x98\x80\n");
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	lseek(fileno(file), 0, SEEK_SET);
	/* C1 control, overlong, surrogate, cut short */
	log_info(NULL, "\xc2\x9b \xc0\xaf \xed\xa0\x80 \xe2\x82");
	assert_string_equal(message(), "info  - \\xc2\\x9b \\xc0\\xaf "
				       "\\xed\\xa0\\x80 \\xe2\\x82\n");
}

static void long_messages_are_whole_up_to_64_kB(void **state)
{
	char *big = malloc(100001);
	(void)state;

	assert_non_null(big);
	memset(big, 'x', 100000);
	big[100000] = '\0';
	big[5000] = '\0';
	log_info(NULL, "%s.", big);
	assert_int_equal(strlen(message()), strlen("info  - .\n") + 5000);
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	lseek(fileno(file), 0, SEEK_SET);
	big[5000] = 'x';
	log_info(NULL, "%s", big);
	assert_int_equal(strlen(message()), strlen("info  - \n") + 65536);
	/* the worst: each character becomes four */
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	lseek(fileno(file), 0, SEEK_SET);
	memset(big, '\a', 2000);
	big[2000] = '\0';
	log_info(NULL, "%s", big);
	assert_int_equal(strlen(message()), strlen("info  - \n") + 8000);
	free(big);
}

static void a_log_that_cannot_be_written_does_no_harm(void **state)
{
	(void)state;
	log_set_fd(-1);
	errno = ENOENT;
	log_info(NULL, "lost");
	assert_int_equal(errno, ENOENT);
}

static void errno_can_be_printed(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info(NULL, "%m");
	assert_string_equal(message(), "info  - No such file or directory\n");
}

static void levels_have_names(void **state)
{
	enum log_level level;
	(void)state;

	assert_true(log_level_parse(&level, "warn"));
	assert_int_equal(level, LOG_WARN);
	assert_true(log_level_parse(&level, "DEBUG"));
	assert_int_equal(level, LOG_DEBUG);
	assert_false(log_level_parse(&level, "loud"));
	assert_false(log_level_parse(&level, ""));
}

static void the_limit_lets_some_through_and_counts_the_rest(void **state)
{
	struct log_limit limit = LOG_LIMIT(3, 50);
	uint64_t end_ms;
	(void)state;

	for (int i = 0; i < 10; i++)
		log_limited(&limit, LOG_WARN, NULL, "flood %d", i);
	assert_int_equal(count_lines(), 3);
	assert_non_null(strstr(written(), "flood 2\n"));
	assert_null(strstr(written(), "flood 3\n"));

	end_ms = clock_mono_ms() + 51;
	while (clock_mono_ms() < end_ms)
		usleep(1000);
	log_limited(&limit, LOG_WARN, NULL, "flood again");
	assert_int_equal(count_lines(), 5);
	assert_non_null(strstr(written(), "warn  - (7 like the next left "
					  "out)\n"));
	assert_non_null(strstr(written(), "warn  - flood again\n"));
}

static void what_libre_prints_becomes_lines(void **state)
{
	(void)state;
	log_capture_stderr();
	log_capture_stderr(); /* once is enough */

	(void)re_fprintf(stderr, "sip: msg decode err: %m\n", EBADMSG);
	assert_string_equal(message(),
			    "warn  - sip: msg decode err: Bad message\n");
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	lseek(fileno(file), 0, SEEK_SET);

	/* libre's own: coloured, in pieces */
	dbg_init(DBG_DEBUG, DBG_ANSI);
	dbg_warning("red %d\n", 1);
	dbg_notice("yellow\n");
	log_set_level(LOG_DEBUG);
	dbg_info("green\n");
	fprintf(stderr, "no end of line yet");
	fflush(stderr);
	assert_int_equal(count_lines(), 3);
	assert_non_null(strstr(written(), "warn  - red 1\n"));
	assert_non_null(strstr(written(), "info  - yellow\n"));
	assert_non_null(strstr(written(), "debug - green\n"));
	fprintf(stderr, "\n");
	assert_int_equal(count_lines(), 4);
}

static void a_flood_on_stderr_is_limited(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)re_fprintf(stderr, "sip: msg decode err\n");
	assert_in_range(count_lines(), 1, 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_time_level_id_message),
		TEST(without_a_call_the_id_is_a_dash),
		TEST(what_is_below_the_level_is_not_written),
		TEST(control_characters_cannot_forge_a_line),
		TEST(utf8_stands_as_it_is_and_what_is_not_is_escaped),
		TEST(long_messages_are_whole_up_to_64_kB),
		TEST(a_log_that_cannot_be_written_does_no_harm),
		TEST(errno_can_be_printed),
		TEST(levels_have_names),
		TEST(the_limit_lets_some_through_and_counts_the_rest),
		/* from here on stderr is the log: these come last */
		TEST(what_libre_prints_becomes_lines),
		TEST(a_flood_on_stderr_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
