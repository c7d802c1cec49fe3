/* The parts of a call that are pure: INFO digits, doubles, headers, buckets,
 * dispositions, trunks. */
#include <re.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "call/bucket.h"
#include "call/cdr.h"
#include "call/digit_filter.h"
#include "call/header.h"
#include "call/info_dtmf.h"
#include "call/trunk.h"

/* ---- INFO ------------------------------------------------------------- */

static int parse(const char *subtype, const char *body, char *digit,
		 uint32_t *ms)
{
	struct pl type = PL("application"), sub, pl;

	pl_set_str(&sub, subtype);
	pl_set_str(&pl, body);
	return info_dtmf_parse(&type, &sub, &pl, digit, ms);
}

static void info_digits_are_read_as_phones_write_them(void **state)
{
	static const struct {
		const char *subtype, *body;
		char digit;
		uint32_t ms;
	} good[] = {
		{"dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160},
		{"dtmf-relay", "Signal= #\nDuration= 250", '#', 250},
		{"DTMF-Relay", "duration=90\r\nsignal=*", '*', 90},
		{"dtmf-relay", "Signal=11", '#', 160},
		{"dtmf-relay", "Signal=a\r\n", 'A', 160},
		{"dtmf-relay", "Signal=1\r\nDuration=0\r\n", '1', 160},
		{"dtmf-relay", "Signal=1\r\nDuration=999999\r\n", '1', 10000},
		{"dtmf-relay", "Signal=1\r\nDuration=99999999999\r\n", '1',
		 160},
		{"dtmf", "7", '7', 160},
		{"dtmf", " 10\r\n", '*', 160},
		{"dtmf", "Signal=8\r\nDuration=100\r\n", '8', 100},
	};
	static const struct {
		const char *subtype, *body;
		int err;
	} bad[] = {
		{"dtmf-relay", "", EBADMSG},
		{"dtmf-relay", "Signal=", EBADMSG},
		{"dtmf-relay", "Signal=16", EBADMSG},
		{"dtmf-relay", "Signal=E", EBADMSG},
		{"dtmf-relay", "Signal=55", EBADMSG},
		{"dtmf-relay", "=5", EBADMSG},
		{"dtmf", "", EBADMSG},
		{"dtmf", "99", EBADMSG},
		{"sdp", "5", ENOTSUP},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char digit = 0;
		uint32_t ms = 0;

		assert_int_equal(
			parse(good[i].subtype, good[i].body, &digit, &ms), 0);
		assert_int_equal(digit, good[i].digit);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char digit = 0;
		uint32_t ms = 0;

		assert_int_equal(
			parse(bad[i].subtype, bad[i].body, &digit, &ms),
			bad[i].err);
	}
}

static void a_printed_info_digit_is_read_back(void **state)
{
	char body[INFO_DTMF_SIZE], digit;
	uint32_t ms;

	(void)state;
	for (const char *d = "0123456789*#ABCD"; *d; d++) {
		info_dtmf_print(body, *d, 120);
		assert_int_equal(parse("dtmf-relay", body, &digit, &ms), 0);
		assert_int_equal(digit, *d);
		assert_int_equal(ms, 120);
	}
}

/* ---- doubles ---------------------------------------------------------- */

static void a_key_sent_by_both_means_counts_once(void **state)
{
	struct digit_filter f = {.next = 0};

	(void)state;
	assert_true(digit_filter_pass(&f, DIGIT_INFO, '5', 100, 1000));
	assert_false(digit_filter_pass(&f, DIGIT_RFC4733, '5', 100, 1150));
	/* the second press of the same key, by both again */
	assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '5', 100, 1250));
	assert_false(digit_filter_pass(&f, DIGIT_INFO, '5', 100, 1300));
	/* in a burst, one means after the other */
	assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '1', 40, 2000));
	assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '1', 40, 2080));
	assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '2', 40, 2160));
	assert_false(digit_filter_pass(&f, DIGIT_INFO, '1', 40, 2170));
	assert_false(digit_filter_pass(&f, DIGIT_INFO, '1', 40, 2180));
	assert_false(digit_filter_pass(&f, DIGIT_INFO, '2', 40, 2190));
}

static void one_means_alone_is_never_filtered(void **state)
{
	struct digit_filter f = {.next = 0};

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '7', 40,
					      1000 + i * 10));
	assert_true(digit_filter_pass(&f, DIGIT_INFO, '7', 100, 5000));
	assert_true(digit_filter_pass(&f, DIGIT_RFC4733, '8', 100, 5010));
}

static void a_long_press_reported_at_both_ends_counts_once(void **state)
{
	struct digit_filter f = {.next = 0};

	(void)state;
	assert_true(digit_filter_pass(&f, DIGIT_INFO, '9', 160, 1000));
	assert_false(digit_filter_pass(&f, DIGIT_RFC4733, '9', 2000, 3100));
}

/* ---- headers ---------------------------------------------------------- */

static void a_header_replaces_its_namesake(void **state)
{
	char *headers = NULL;

	(void)state;
	assert_int_equal(headers_set(&headers, "X-A", "1"), 0);
	assert_int_equal(headers_set(&headers, "X-B", "2"), 0);
	assert_int_equal(headers_set(&headers, "x-a", "3: 4"), 0);
	assert_string_equal(headers, "X-B: 2\r\nx-a: 3: 4\r\n");
	mem_deref(headers);
}

static void a_header_that_would_break_the_message_is_refused(void **state)
{
	static const char *const evil[][2] = {
		{"Via", "x"},
		{"v", "x"},
		{"Content-Length", "0"},
		{"Contact", "<sip:x>"},
		{"X", "a\r\nVia: b"},
		{"X", "a\nb"},
		{"X", "a\rb"},
		{"X", "\x01"},
		{"X Y", "1"},
		{"X:", "1"},
		{"", "1"},
		{"X\r\nVia", "1"},
	};
	char *headers = NULL, *big;

	(void)state;
	assert_int_equal(headers_set(&headers, "X-A", "1"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(evil); i++)
		assert_int_equal(headers_set(&headers, evil[i][0], evil[i][1]),
				 EINVAL);
	big = mem_zalloc(HEADERS_MAX + 1, NULL);
	memset(big, 'x', HEADERS_MAX);
	assert_int_equal(headers_set(&headers, "X-Big", big), EOVERFLOW);
	assert_string_equal(headers, "X-A: 1\r\n");
	mem_deref(big);
	mem_deref(headers);
}

/* ---- buckets ---------------------------------------------------------- */

static void a_bucket_gives_its_rate_and_no_more(void **state)
{
	struct bucket b = {.rate = 0};
	unsigned given = 0;

	(void)state;
	for (uint64_t ms = 5000; ms < 15000; ms++) {
		if (bucket_has(&b, 7, ms)) {
			bucket_take(&b, 7);
			given++;
		}
	}
	/* ten seconds' worth and the second that it began with */
	assert_in_range(given, 76, 77);
	assert_true(bucket_has(&b, 0, 15000));
}

/* ---- dispositions ----------------------------------------------------- */

static void outcomes_become_dispositions_as_the_table_says(void **state)
{
	static const struct {
		const char *reason, *disposition;
		uint16_t scode;
		bool reroutes;
	} table[] = {
		{"Busy Here", "busy", 486, false},
		{"Busy Everywhere", "busy", 600, false},
		{NULL, "no_answer", 480, false},
		{NULL, "no_answer", 408, false},
		{NULL, "invalid", 404, false},
		{NULL, "invalid", 410, false},
		{NULL, "invalid", 484, false},
		{NULL, "invalid", 604, false},
		{"Decline", "declined", 603, false},
		{NULL, "declined", 603, false},
		{NULL, "declined", 607, false},
		{"Network Blocked", "blocked", 603, false},
		{NULL, "blocked", 608, false},
		{NULL, "congestion", 500, true},
		{NULL, "congestion", 502, true},
		{NULL, "congestion", 503, true},
		{NULL, "congestion", 504, true},
		{NULL, "congestion", 0, true},
		{NULL, "redirected", 302, false},
		{NULL, "failed", 403, false},
		{NULL, "failed", 401, false},
		{NULL, "failed", 488, false},
		{NULL, "failed", 501, false},
		{NULL, "failed", 606, false},
		{NULL, "cancelled", 487, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_string_equal(
			cdr_disposition(table[i].scode, table[i].reason),
			table[i].disposition);
		assert_int_equal(cdr_reroutes(table[i].scode),
				 table[i].reroutes);
	}
}

/* ---- trunks ----------------------------------------------------------- */

static void a_trunk_set_again_keeps_its_calls(void **state)
{
	const char *const one[] = {"10.0.0.1:5080;transport=tcp", NULL};
	const char *const two[] = {"b.example", "[::1]", NULL};
	struct trunk_params p = {
		.name = "carrier", .hosts = one, .max_calls = 2};
	struct trunks *trunks;
	struct trunk *t;
	struct sa sa;
	char err[200];

	(void)state;
	assert_int_equal(trunks_alloc(&trunks), 0);
	assert_null(trunk_only(trunks));
	assert_int_equal(trunk_set(trunks, &p, err, sizeof(err)), 0);
	t = trunk_find(trunks, "carrier");
	assert_ptr_equal(trunk_only(trunks), t);
	trunk_begin(t);
	assert_true(trunk_admits(t, 1000));
	trunk_begin(t);
	assert_false(trunk_admits(t, 1000));

	p.hosts = two;
	p.max_calls = 3;
	assert_int_equal(trunk_set(trunks, &p, err, sizeof(err)), 0);
	assert_ptr_equal(trunk_find(trunks, "carrier"), t);
	assert_int_equal(trunk_active(t), 2);
	assert_true(trunk_admits(t, 1000));
	assert_null(trunk_of_host(trunks, "10.0.0.1"));
	assert_ptr_equal(trunk_of_host(trunks, "B.example"), t);
	assert_int_equal(sa_set_str(&sa, "::1", 9), 0);
	assert_ptr_equal(trunk_of_addr(trunks, &sa), t);

	p.name = "other";
	assert_int_equal(trunk_set(trunks, &p, err, sizeof(err)), 0);
	assert_null(trunk_only(trunks));
	trunk_end(t, NULL);
	trunk_end(t, NULL);
	trunks_free(trunks);
}

static void a_bad_trunk_is_refused_by_name(void **state)
{
	const char *const none[] = {NULL};
	const char *const evil[] = {"10.0.0.1", "h\r\nVia: x", NULL};
	const char *const fine[] = {"10.0.0.1", NULL};
	const struct trunk_params bad[] = {
		{.name = NULL, .hosts = fine},
		{.name = "a/b", .hosts = fine},
		{.name = "carrier"},
		{.name = "carrier", .hosts = none},
		{.name = "carrier", .hosts = evil},
		{.name = "carrier", .hosts = fine, .prefix = "9@"},
	};
	struct trunks *trunks;
	char err[200];

	(void)state;
	assert_int_equal(trunks_alloc(&trunks), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err[0] = '\0';
		assert_int_equal(trunk_set(trunks, &bad[i], err, sizeof(err)),
				 EINVAL);
		assert_non_null(strstr(err, "trunk"));
	}
	assert_null(trunk_find(trunks, "carrier"));
	trunks_free(trunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_digits_are_read_as_phones_write_them),
		cmocka_unit_test(a_printed_info_digit_is_read_back),
		cmocka_unit_test(a_key_sent_by_both_means_counts_once),
		cmocka_unit_test(one_means_alone_is_never_filtered),
		cmocka_unit_test(
			a_long_press_reported_at_both_ends_counts_once),
		cmocka_unit_test(a_header_replaces_its_namesake),
		cmocka_unit_test(
			a_header_that_would_break_the_message_is_refused),
		cmocka_unit_test(a_bucket_gives_its_rate_and_no_more),
		cmocka_unit_test(
			outcomes_become_dispositions_as_the_table_says),
		cmocka_unit_test(a_trunk_set_again_keeps_its_calls),
		cmocka_unit_test(a_bad_trunk_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
