/* test_regex.c -- libre's expressions, read by ours: the same, and in bounded
 * time; and random numbers */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <re.h>
#include "base/clock.h"

enum { DATAGRAM = 65000 };

/* libre's, out of its archive under another name. */
int libre_regex(const char *ptr, size_t len, const char *expr, ...);

enum { MATCHES = 12, ROUNDS = 400 };

#define ALL(m)                                                         \
	&(m)[0], &(m)[1], &(m)[2], &(m)[3], &(m)[4], &(m)[5], &(m)[6], \
		&(m)[7], &(m)[8], &(m)[9], &(m)[10], &(m)[11]

/* Those of libre's parsers, and some for the corners. */
static const char *const exprs[] = {
	"[~ \t\r\n<]*[ \t\r\n]*<[^>]+>[^]*",
	"[^;]+[^]*",
	"[0-9]+[ \t\r\n]+[^ \t\r\n]+",
	"[^ \t\r\n]+ [^ \t\r\n]+ [^\r\n]*[\r]*[\n]1",
	"\\[[0-9a-f:]+\\][:]*[0-9]*",
	"[^:]+[:]*[0-9]*",
	("SIP[  \t\r\n]*/[ \t\r\n]*2.0[ \t\r\n]*/[ \t\r\n]*"
	 "[A-Z]+[ \t\r\n]*[^; \t\r\n]+[ \t\r\n]*[^]*"),
	"[^:]+:[^@:]*[:]*[^@]*@[^/;? ]+[^;? ]*[^?]*[^]*",
	"[^:]+:[^/;? ]+[^;? ]*[^?]*[^]*",
	";[^;=]+[=]*[^;]*",
	";[ \t\r\n]*tag[ \t\r\n]*=[ \t\r\n]*[~ \t\r\n;]+",
	"[?&]1[^=]+=[^&]+",
	"[ \t\r\n]*[^ \t\r\n;/]+[ \t\r\n]*/[ \t\r\n]*[^ \t\r\n;]+[^]*",
	"[;]*[ \t\r\n]*branch[ \t\r\n]*=[ \t\r\n]*[~ \t\r\n;]+",
	"[;]*[ \t\r\n]*rport[^;]*",
	"[ \t\r\n]*[a-z]+[ \t\r\n]+[~]*",
	"[,]*[ \t\r\n]*[^ \t\r\n=,]+[ \t\r\n]*[=]*[ \t\r\n]*[~ \t\r\n,]*",
	"[A-Z]+",
	"[^A-Z]+[x]2",
	"[a-]+[-a]+[\\]]*[\\\\]*",
	"[^\\^]+",
	"[a^~]+[0-9]3",
	"abc",
	"",
	"[a]",
	"[a",
	"[a]?",
	"\\[x\\]",
	"[\x80-\xff]+[@-[]*",
};

static const char *const texts[] = {
	"INVITE sip:alice@atlanta.example.com SIP/2.0\r\nVia: x\r\n",
	"SIP/2.0 / UDP 192.0.2.1:5060;branch=z9hG4bK77;rport;received=1.2.3.4",
	"SIP/2.0/TCP [2001:db8::9:1]:5060;Branch = \"z;9\\\"hG\" ;rport=5",
	"\"A. <G.> Bell\" <sip:agb@bell.example.com;lr?x=y&z=q>;tag=a48s",
	"Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
	"sip:+12125551212:secret@[::1]:5070;user=phone?subject=a&b=c",
	"314159 INVITE",
	"application/sdp ; charset = \"utf;8\"",
	"Digest realm=\"a, b\", nonce=abc,qop=\"auth,auth-int\"",
	"aaa---]]]\\\\xX123abc[x]",
	"\x81\xfe@Z[\xc3\xa4",
	"\"\"",
	"",
};

static void compare(const char *expr, const char *text, size_t len)
{
	struct pl ours[MATCHES], theirs[MATCHES];
	int a, b;

	memset(ours, 0, sizeof(ours));
	memset(theirs, 0, sizeof(theirs));
	a = re_regex(text, len, expr, ALL(ours));
	b = libre_regex(text, len, expr, ALL(theirs));
	/* an expression that can't be read is named as such at once */
	if (a == EINVAL)
		assert_true(b);
	else
		assert_int_equal(a, b);
	for (size_t i = 0; !a && i < MATCHES; i++) {
		assert_ptr_equal(ours[i].p, theirs[i].p);
		assert_int_equal(ours[i].l, theirs[i].l);
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void every_expression_matches_as_libres_does(void **state)
{
	char text[256];
	(void)state;

	srand(20260311);
	for (size_t e = 0; e < COUNT(exprs); e++) {
		for (size_t t = 0; t < COUNT(texts); t++) {
			const size_t len = strlen(texts[t]);

			for (size_t cut = 0; cut <= len; cut++)
				compare(exprs[e], texts[t], cut);
			for (int i = 0; len && i < ROUNDS; i++) {
				static const char spice[] =
					"\"\\<>;:=@[]?& \r\n9aZ~^-";

				memcpy(text, texts[t], len);
				for (int n = rand() % 4; n >= 0; n--)
					text[rand() % (int)len] =
						rand() % 4
							? spice[rand() %
								(int)(sizeof(spice) -
								      1)]
							: (char)rand();
				compare(exprs[e], text, len);
			}
		}
	}
}

static void an_expression_may_be_made_anew_in_the_same_place(void **state)
{
	static const char text[] = ";one=1;two=2;three=3";
	const char *const names[] = {"one", "two", "three", "one", "four"};
	char expr[160];
	(void)state;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct pl value = PL_INIT;
		/* longer than what is kept, too */
		const char *blank = i % 2 ? ""
					  : "[ \t]*[ \t]*[ \t]*[ \t]*"
					    "[ \t]*[ \t]*[ \t]*[ \t]*"
					    "[ \t]*[ \t]*[ \t]*[ \t]*";
		int err;

		(void)snprintf(expr, sizeof(expr), ";%s=[0-9]+%s", names[i],
			       blank);
		err = re_regex(text, sizeof(text) - 1, expr, &value, NULL, NULL,
			       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
			       NULL, NULL);
		if (i == 4) {
			assert_int_equal(err, ENOENT);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(value.l, 1);
		assert_int_equal(*value.p, i == 3 ? '1' : '1' + (int)i);
	}
}

static void random_numbers_are_spread_and_do_not_repeat(void **state)
{
	static uint64_t seen[4096];
	unsigned bits = 0;
	char text[9];
	(void)state;

	for (size_t i = 0; i < COUNT(seen); i++) {
		seen[i] = rand_u64();
		bits += (unsigned)__builtin_popcountll(seen[i]);
		for (size_t k = i > 200 ? i - 200 : 0; k < i; k++)
			assert_true(seen[i] != seen[k]);
	}
	/* half of the bits, within six standard deviations (256) */
	assert_in_range(bits, 32 * COUNT(seen) - 6 * 256,
			32 * COUNT(seen) + 6 * 256);
	rand_str(text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	for (size_t i = 0; text[i]; i++)
		assert_true((text[i] >= '0' && text[i] <= '9') ||
			    (text[i] >= 'A' && text[i] <= 'Z') ||
			    (text[i] >= 'a' && text[i] <= 'z'));
}

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
	static const char *const fillers[] = {"a",   " ",      ";",    "\"",
					      "\\a", ":",      "@:",   "1",
					      "SIP", "; tag ", "\"a ", "a ",
					      "1 ",  "a;"};
	static char text[DATAGRAM];
	struct pl out[MATCHES];
	(void)state;

	for (size_t f = 0; f < COUNT(fillers); f++) {
		const size_t len = strlen(fillers[f]);
		const uint64_t begun_ms = clock_mono_ms();

		for (size_t i = 0; i < DATAGRAM; i++)
			text[i] = fillers[f][i % len];
		text[DATAGRAM - 1] = '\n';
		for (size_t e = 0; e < COUNT(exprs); e++)
			(void)re_regex(text, DATAGRAM, exprs[e], ALL(out));
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
		cmocka_unit_test(every_expression_matches_as_libres_does),
		cmocka_unit_test(
			an_expression_may_be_made_anew_in_the_same_place),
		cmocka_unit_test(random_numbers_are_spread_and_do_not_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
