/* test_regex.c -- libre's patterns, read by ours: the same, and in bounded time
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "base/clock.h"

enum { DATAGRAM = 65000 };

static int match(const char *text, const char *expr, struct pl out[4])
{
	return re_regex(text, strlen(text), expr, &out[0], &out[1], &out[2],
			&out[3]);
}

static void assert_found(const char *text, const char *expr, const char *a,
			 const char *b)
{
	struct pl out[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};

	assert_int_equal(match(text, expr, out), 0);
	assert_int_equal(pl_strcmp(&out[0], a), 0);
	if (b)
		assert_int_equal(pl_strcmp(&out[1], b), 0);
}

static void assert_not_found(const char *text, const char *expr)
{
	struct pl out[4];

	assert_int_equal(match(text, expr, out), ENOENT);
}

static void classes_literals_and_times(void **state)
{
	(void)state;
	assert_found("foo 42 bar", "[0-9]+", "42", NULL);
	assert_found("application/sdp;x=y", "[^ \t\r\n;/]+/[^;]+",
		     "application", "sdp");
	assert_found("xx IP6 ::1", "IP[46]1 [^ ]+", "6", "::1");
	assert_found("SeQ: 9", "seq:[ ]*[0-9]+", " ", "9");
	assert_found("all of it", "[^]*", "all of it", NULL);
	assert_found("ABC", "[a-c]+", "ABC", NULL);
	assert_found("a-b", "[\\-]1[b]1", "-", "b");
	assert_found("x[1]", "\\[[0-9]+\\]", "1", NULL);
	assert_found("a", "a[b]*", "", NULL);
	assert_not_found("abc", "[0-9]+");
	assert_not_found("abc", "d");
	assert_not_found("", "a");
	assert_int_equal(re_regex("", 0, ""), 0);
	assert_int_equal(re_regex(NULL, 0, "a"), EINVAL);
	assert_int_equal(re_regex("a", 1, "[a"), EINVAL);
	assert_int_equal(re_regex("a", 1, "[a]", NULL), EINVAL);
}

static void quotes_belong_to_a_word_and_are_stripped(void **state)
{
	(void)state;
	assert_found("a=\"x; \\\" y\";b=1", "a=[~ ;]+;b=[0-9]+", "x; \\\" y",
		     "1");
	assert_found("a=x;b=1", "a=[~ ;]+;b=[0-9]+", "x", "1");
	assert_not_found("a=\"\"", "a=[~ ;]+");
}

/* Whatever a datagram is full of: as long as its parsing takes, nobody else is
 * served. Sanitizers and a busy machine are slow; the old way took a minute. */
static void the_longest_line_does_not_take_long(void **state)
{
	static const char *const exprs[] = {
		"[^ \t\r\n;/]+[ \t\r\n]*/[ \t\r\n]*[^ \t\r\n;]+[^]*",
		"[~ \t\r\n<]*[ \t\r\n]*<[^>]+>[^]*",
		"SIP[  \t\r\n]*/[ \t\r\n]*2.0[ \t\r\n]*/[ \t\r\n]*[A-Z]+",
		"[^:]+:[^@:]*[:]*[^@]*@[^/;?]+[^]*",
		";[ \t\r\n]*tag[ \t\r\n]*=[ \t\r\n]*[~ \t\r\n;]+",
		"[0-9]+[ \t\r\n]+[^ \t\r\n]+",
	};
	static const char *const fillers[] = {"a",   " ",      ";",    "\"",
					      "\\a", ":",      "@:",   "1",
					      "SIP", "; tag ", "\"a ", "a ",
					      "1 ",  "a;"};
	static char text[DATAGRAM];
	struct pl out;
	(void)state;

	for (size_t f = 0; f < ARRAY_SIZE(fillers); f++) {
		const size_t len = strlen(fillers[f]);
		const uint64_t begun_ms = clock_mono_ms();

		for (size_t i = 0; i < DATAGRAM; i++)
			text[i] = fillers[f][i % len];
		text[DATAGRAM - 1] = '\n';
		for (size_t e = 0; e < ARRAY_SIZE(exprs); e++)
			(void)re_regex(text, DATAGRAM, exprs[e], &out, &out,
				       &out, &out, &out, &out, &out, &out);
		if (clock_mono_ms() - begun_ms > 1500)
			fail_msg("'%s' took %llu ms", fillers[f],
				 (unsigned long long)(clock_mono_ms() -
						      begun_ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_literals_and_times),
		cmocka_unit_test(quotes_belong_to_a_word_and_are_stripped),
		cmocka_unit_test(the_longest_line_does_not_take_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
