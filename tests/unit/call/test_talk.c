/* What happens in an answered call: digits both ways, hold, audio. */
#include <unistd.h>

#include "call_fixture.h"

static void digits_arrive_by_rfc4733(void **state)
{
	uint32_t op = 0;

	(void)state;
	talk();
	assert_int_equal(
		call_send_digits(a.call, "19*#", CALL_DTMF_AUTO, 60, 60, &op),
		0);
	assert_true(op > 0);
	WAIT(saw(&a, "sent") && saw(&b, "digit:#"));
	assert_int_equal(a.result, MEDIA_DONE);
	assert_int_equal(
		call_send_digits(b.call, "AA", CALL_DTMF_RFC4733, 60, 60, &op),
		0);
	WAIT(saw(&a, "digit:A digit:A"));
	call_hangup(a.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(b.cdrs[0].digits, "19*#");
	assert_string_equal(a.cdrs[0].digits, "AA");
	assert_true(a.cdrs[0].stats.tx_packets > 0);
	assert_true(b.cdrs[0].stats.rx_packets > 0);
}

static void digits_arrive_by_info(void **state)
{
	uint32_t op;

	(void)state;
	talk();
	assert_int_equal(
		call_send_digits(a.call, "5w5d", CALL_DTMF_INFO, 40, 40, &op),
		0);
	WAIT(saw(&a, "sent"));
	assert_int_equal(a.result, MEDIA_DONE);
	assert_string_equal(b.events, "answered digit:5 digit:5 digit:D");
	/* one after the other, although asked for at once */
	assert_int_equal(
		call_send_digits(b.call, "12", CALL_DTMF_INFO, 40, 40, &op), 0);
	assert_int_equal(
		call_send_digits(b.call, "34", CALL_DTMF_INFO, 40, 40, &op), 0);
	WAIT(saw(&a, "digit:4"));
	assert_true(saw(&a, "digit:1 digit:2 digit:3 digit:4"));
}

static void sending_digits_can_be_stopped(void **state)
{
	uint32_t op;

	(void)state;
	talk();
	assert_int_equal(call_send_digits(a.call, "WWWWWWWWWW1", CALL_DTMF_INFO,
					  40, 40, &op),
			 0);
	call_op_stop(a.call, op);
	assert_true(saw(&a, "sent"));
	assert_int_equal(a.result, MEDIA_STOPPED);
	assert_int_equal(
		call_send_digits(a.call, "12x", CALL_DTMF_INFO, 0, 0, &op),
		EINVAL);
	assert_int_equal(
		call_send_digits(a.call, "", CALL_DTMF_AUTO, 0, 0, &op),
		EINVAL);
	/* the call ends while it sends: nothing is told after its end */
	assert_int_equal(
		call_send_digits(a.call, "111", CALL_DTMF_INFO, 40, 40, &op),
		0);
	WAIT(saw(&b, "digit:1"));
	call_hangup(b.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(a.events, "answered sent ended closed");
}

static void a_key_by_both_means_is_one_digit(void **state)
{
	uint32_t op;

	(void)state;
	talk();
	assert_int_equal(
		call_send_digits(a.call, "7", CALL_DTMF_RFC4733, 60, 60, &op),
		0);
	assert_int_equal(
		call_send_digits(a.call, "7", CALL_DTMF_INFO, 60, 60, &op), 0);
	WAIT(strstr(a.events, "sent sent"));
	/* whatever comes after them has overtaken neither */
	assert_int_equal(
		call_send_digits(a.call, "8", CALL_DTMF_RFC4733, 60, 60, &op),
		0);
	WAIT(saw(&b, "digit:8"));
	assert_string_equal(b.events, "answered digit:7 digit:8");
}

static void hold_and_resume_are_seen_by_the_other_side(void **state)
{
	(void)state;
	talk();
	assert_int_equal(call_hold(a.call), 0);
	assert_int_equal(call_hold(a.call), EALREADY);
	WAIT(saw(&a, "offered"));
	assert_int_equal(a.scode, 200);
	assert_true(call_on_hold(a.call));
	assert_false(call_held(a.call));
	assert_string_equal(b.events, "answered hold");
	assert_true(call_held(b.call));
	a.events[0] = '\0';
	assert_int_equal(call_unhold(a.call), 0);
	WAIT(saw(&a, "offered"));
	assert_string_equal(b.events, "answered hold resume");
	assert_false(call_on_hold(a.call));
	assert_false(call_held(b.call));
	call_hangup(a.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
}

static void both_may_hold_at_once(void **state)
{
	(void)state;
	talk();
	assert_int_equal(call_hold(a.call), 0);
	WAIT(saw(&a, "offered"));
	assert_int_equal(call_hold(b.call), 0);
	WAIT(saw(&b, "offered"));
	assert_true(call_on_hold(a.call));
	assert_true(call_on_hold(b.call));
	a.events[0] = b.events[0] = '\0';
	assert_int_equal(call_unhold(a.call), 0);
	WAIT(saw(&a, "offered"));
	assert_int_equal(call_unhold(b.call), 0);
	WAIT(saw(&b, "offered"));
	assert_false(call_held(a.call));
	assert_false(call_held(b.call));
}

static void what_is_played_is_recorded_on_the_other_side(void **state)
{
	const struct media_source tone = {.type = MEDIA_TONE,
					  .hz = {440},
					  .level_db = -10,
					  .duration_ms = 600};
	const struct media_play play = {.sources = &tone, .source_count = 1};
	char path[] = "/tmp/moondial-call-XXXXXX";
	const struct media_record record = {.path = path};
	uint32_t op_play, op_record;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	talk();
	assert_int_equal(call_record(b.call, &record, &op_record), 0);
	assert_int_equal(call_play(a.call, &play, &op_play), 0);
	WAIT(saw(&a, "played"));
	assert_int_equal(a.result, MEDIA_DONE);
	/* an end by hang-up still makes a whole file, told after the end */
	call_hangup(b.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(b.events, "answered ended recorded closed");
	assert_string_equal(a.events, "answered played ended closed");
	assert_true(b.cdrs[0].stats.rx_packets >= 25);
	(void)unlink(path);
}

static void the_audio_of_a_call_that_ends_is_not_told_of(void **state)
{
	const struct media_source quiet = {.type = MEDIA_QUIET,
					   .duration_ms = 60000};
	const struct media_play play = {.sources = &quiet, .source_count = 1};
	uint32_t op;

	(void)state;
	talk();
	assert_int_equal(call_play(a.call, &play, &op), 0);
	call_hangup(a.call, CALL_LOCAL, NULL);
	assert_int_equal(call_play(a.call, &play, &op), EPROTO);
	both_complete(1);
	assert_string_equal(a.events, "answered ended closed");
}

static bool end_it(struct call *call, void *arg)
{
	unsigned *n = arg;

	(*n)++;
	call_hangup(call, CALL_ENGINE, "test");
	return false;
}

static void calls_are_found_and_may_end_while_iterated(void **state)
{
	struct calls_count count;
	unsigned n = 0;

	(void)state;
	b.incoming = waits;
	for (unsigned i = 0; i < 5; i++)
		dial_b();
	assert_ptr_equal(call_find(a.calls, call_id(a.call)), a.call);
	assert_null(call_find(a.calls, "01JDXXXXXXXXXXXXXXXXXXXXXX"));
	WAIT(b.begun == 5);
	calls_count(a.calls, &count);
	assert_int_equal(count.out, 5);
	assert_int_equal(count.in, 0);
	assert_true(count.rate > 0.4);
	call_each(a.calls, end_it, &n);
	assert_int_equal(n, 5);
	n = 0;
	call_each(a.calls, end_it, &n);
	assert_int_equal(n, 0);
	both_complete(5);
	assert_null(call_find(a.calls, a.cdrs[0].id));
}

static int setup_tcp6(void **state)
{
	(void)state;
	return setup_on("tcp:[::1]:0");
}

static void a_call_works_over_tcp_and_ipv6(void **state)
{
	char uri[160];

	(void)state;
	b.incoming = answers;
	(void)snprintf(uri, sizeof(uri), "%s;transport=tcp", uri_of(&b, "bob"));
	dial(uri);
	WAIT(saw(&a, "answered"));
	assert_int_equal(
		call_send_digits(a.call, "3", CALL_DTMF_RFC4733, 60, 60, NULL),
		0);
	WAIT(saw(&b, "digit:3"));
	call_hangup(a.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(a.cdrs[0].from, "sip:moondial@[::1]");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(digits_arrive_by_rfc4733),
		TEST(digits_arrive_by_info),
		TEST(sending_digits_can_be_stopped),
		TEST(a_key_by_both_means_is_one_digit),
		TEST(hold_and_resume_are_seen_by_the_other_side),
		TEST(both_may_hold_at_once),
		TEST(what_is_played_is_recorded_on_the_other_side),
		TEST(the_audio_of_a_call_that_ends_is_not_told_of),
		TEST(calls_are_found_and_may_end_while_iterated),
		cmocka_unit_test_setup_teardown(a_call_works_over_tcp_and_ipv6,
						setup_tcp6, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
