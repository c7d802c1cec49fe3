/* Calls between two engines: outcomes, and the records that both keep. */
#include "call_fixture.h"

static void an_answered_call_is_recorded_on_both_sides(void **state)
{
	(void)state;
	b.incoming = rings;
	dial_b();
	WAIT(saw(&a, "ringing"));
	assert_int_equal(call_state(a.call), CALL_EARLY);
	assert_int_equal(call_state(b.call), CALL_EARLY);
	assert_string_equal(call_dialed_user(b.call), "bob");
	assert_int_equal(call_answer(b.call), 0);
	WAIT(saw(&a, "answered"));
	assert_true(call_has_media(a.call));
	assert_true(call_has_media(b.call));
	call_hangup(a.call, CALL_LOCAL, NULL);
	both_complete(1);

	assert_string_equal(a.events, "ringing answered ended closed");
	assert_string_equal(b.events, "ringing answered ended closed");
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
	assert_string_equal(b.cdrs[0].end,
			    "in answered 200 OK 16 remote normal");
	assert_true(a.cdrs[0].rang && b.cdrs[0].rang);
	assert_true(a.cdrs[0].answered && b.cdrs[0].answered);
	assert_string_equal(a.cdrs[0].codec, "PCMU");
	assert_string_equal(a.cdrs[0].from, "sip:moondial@127.0.0.1");
	assert_string_equal(b.cdrs[0].from, "sip:moondial@127.0.0.1");
	assert_string_equal(a.cdrs[0].to, uri_of(&b, "bob"));
	assert_string_equal(a.cdrs[0].peer, peer_of(&b));
	assert_string_equal(b.cdrs[0].peer, peer_of(&a));
	assert_string_equal(a.cdrs[0].to_user, "bob");
}

static void the_callee_hangs_up(void **state)
{
	(void)state;
	talk();
	call_set_disposition(a.call, "confirmed");
	call_hangup(b.call, CALL_LOCAL, "script_end");
	both_complete(1);

	assert_string_equal(a.cdrs[0].end,
			    "out confirmed 200 OK 16 remote normal");
	assert_string_equal(b.cdrs[0].end,
			    "in answered 200 OK 16 local script_end");
}

struct rejection {
	uint16_t scode;
	const char *reason, *out, *in;
};
static const struct rejection *rejection;

static bool rejects(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_reject(call, rejection->scode, rejection->reason),
			 0);
	return true;
}

static void a_rejection_gets_the_disposition_of_its_status(void **state)
{
	static const struct rejection table[] = {
		{486, NULL, "out busy 486 Busy Here 17 remote rejected",
		 "in rejected 486 Busy Here 17 local rejected"},
		{600, "Go Away", "out busy 600 Go Away 17 remote rejected",
		 "in rejected 600 Go Away 17 local rejected"},
		{480, NULL,
		 "out no_answer 480 Temporarily Unavailable 18 remote "
		 "rejected",
		 "in rejected 480 Temporarily Unavailable 18 local rejected"},
		{404, NULL, "out invalid 404 Not Found 1 remote rejected",
		 "in rejected 404 Not Found 1 local rejected"},
		{603, NULL, "out declined 603 Decline 21 remote rejected",
		 "in rejected 603 Decline 21 local rejected"},
		{603, "Network Blocked",
		 "out blocked 603 Network Blocked 21 remote rejected",
		 "in rejected 603 Network Blocked 21 local rejected"},
		{500, NULL,
		 "out congestion 500 Server Internal Error 41 remote "
		 "rejected",
		 "in rejected 500 Server Internal Error 41 local rejected"},
		{403, NULL, "out failed 403 Forbidden 21 remote rejected",
		 "in rejected 403 Forbidden 21 local rejected"},
	};

	(void)state;
	b.incoming = rejects;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		rejection = &table[i];
		dial_b();
		both_complete((unsigned)i + 1);
		assert_string_equal(a.cdrs[i].end, table[i].out);
		assert_string_equal(b.cdrs[i].end, table[i].in);
		assert_false(a.cdrs[i].answered || b.cdrs[i].answered);
	}
}

static void a_disposition_of_the_script_needs_an_answer(void **state)
{
	static const struct rejection busy = {.scode = 486};

	(void)state;
	rejection = &busy;
	b.incoming = rejects;
	dial_b();
	call_set_disposition(a.call, "confirmed");
	both_complete(1);
	assert_string_equal(a.cdrs[0].end,
			    "out busy 486 Busy Here 17 remote rejected");
}

static void nobody_answers_in_time(void **state)
{
	const struct call_dial d = {.target = uri_of(&b, "bob"),
				    .timeout_ms = 300};
	const char *reason;
	char err[128];

	(void)state;
	b.incoming = rings;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	both_complete(1);
	assert_string_equal(a.events, "ringing ended closed");
	assert_string_equal(a.cdrs[0].end,
			    "out no_answer 487 No Answer 19 engine no_answer");
	assert_string_equal(
		b.cdrs[0].end,
		"in cancelled 487 Request Terminated 16 remote cancelled");
}

static void the_caller_gives_up(void **state)
{
	(void)state;
	b.incoming = rings;
	dial_b();
	WAIT(saw(&a, "ringing"));
	call_hangup(a.call, CALL_LOCAL, NULL);
	assert_int_equal(call_state(a.call), CALL_ENDED);
	both_complete(1);
	assert_string_equal(
		a.cdrs[0].end,
		"out cancelled 487 Request Terminated 16 local normal");
	assert_string_equal(
		b.cdrs[0].end,
		"in cancelled 487 Request Terminated 16 remote cancelled");
	assert_int_equal(call_answer(b.call), EPROTO);
}

static void a_caller_that_no_script_answers_hears_480(void **state)
{
	(void)state;
	b.config.ring_timeout_ms = 200;
	assert_int_equal(calls_configure(b.calls, &b.config), 0);
	b.incoming = waits;
	dial_b();
	both_complete(1);
	assert_string_equal(
		a.cdrs[0].end,
		"out no_answer 480 Temporarily Unavailable 19 remote rejected");
	assert_string_equal(b.cdrs[0].end,
			    "in no_answer 480 Temporarily Unavailable 19 "
			    "engine no_answer");
}

static void a_call_ends_at_its_longest_duration(void **state)
{
	const struct call_dial d = {.target = uri_of(&b, "bob"),
				    .max_duration_ms = 200};
	const char *reason;
	char err[128];

	(void)state;
	b.incoming = answers;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	both_complete(1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 engine max_duration");
	assert_string_equal(b.cdrs[0].end,
			    "in answered 200 OK 16 remote normal");
	assert_in_range(a.cdrs[0].talk_ms, 190, 5000);
}

static bool redirects(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_redirect(call, "sip:x@h\r\nVia: y"), EINVAL);
	assert_int_equal(call_redirect(call, "12345"), EINVAL);
	assert_int_equal(call_redirect(call, "sip:carol@203.0.113.7"), 0);
	return true;
}

static void a_redirection_is_told_and_not_followed(void **state)
{
	(void)state;
	b.incoming = redirects;
	dial_b();
	both_complete(1);
	assert_string_equal(a.events, "ended closed");
	assert_int_equal(a.scode, 302);
	assert_string_equal(a.text, "sip:carol@203.0.113.7");
	assert_string_equal(
		a.cdrs[0].end,
		"out redirected 302 Moved Temporarily 23 remote redirected");
	assert_string_equal(
		b.cdrs[0].end,
		"in redirected 302 Moved Temporarily 23 local redirected");
	assert_int_equal(a.begun, 1);
}

static bool early(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_progress(call), 0);
	return true;
}

static void early_media_is_open_before_the_answer(void **state)
{
	(void)state;
	b.incoming = early;
	dial_b();
	WAIT(saw(&a, "progress"));
	assert_true(call_has_media(a.call));
	assert_int_equal(call_state(a.call), CALL_EARLY);
	assert_int_equal(call_answer(b.call), 0);
	WAIT(saw(&a, "answered"));
	call_hangup(b.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_string_equal(a.events, "progress answered ended closed");
	assert_string_equal(b.events, "progress answered ended closed");
	assert_true(a.cdrs[0].rang && b.cdrs[0].rang);
}

static void headers_are_set_and_read(void **state)
{
	const struct call_dial d = {
		.target = uri_of(&b, "bob"),
		.from = "+15550100",
		.display_name = "A \"quoted\" name",
		.headers = "X-Lead: 42\r\nSubject: hi\r\n",
		.campaign = "spring",
		.lead_id = "7",
		.attempt = 2,
	};
	const char *reason;
	char err[128], value[64];

	(void)state;
	b.incoming = waits;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	assert_string_equal(call_cdr(a.call)->campaign, "spring");
	assert_string_equal(call_cdr(a.call)->lead_id, "7");
	assert_int_equal(call_cdr(a.call)->attempt, 2);
	WAIT(b.call);
	assert_int_equal(call_header(b.call, "x-lead", value, sizeof(value)),
			 0);
	assert_string_equal(value, "42");
	assert_int_equal(call_header(b.call, "Subject", value, sizeof(value)),
			 0);
	assert_string_equal(value, "hi");
	assert_int_equal(call_header(b.call, "X-Lead", value, 2), EOVERFLOW);
	assert_int_equal(call_header(b.call, "X-None", value, sizeof(value)),
			 ENOENT);
	assert_string_equal(call_cdr(b.call)->from_user, "+15550100");
	assert_int_equal(call_set_header(b.call, "X-Greeting", "hello"), 0);
	assert_int_equal(call_set_header(b.call, "Via", "x"), EINVAL);
	assert_int_equal(call_set_header(b.call, "X", "a\r\nVia: b"), EINVAL);
	assert_int_equal(call_answer(b.call), 0);
	WAIT(saw(&a, "answered"));
	assert_int_equal(
		call_header(a.call, "X-Greeting", value, sizeof(value)), 0);
	assert_string_equal(value, "hello");
	assert_int_equal(call_set_header(b.call, "X-Late", "1"), EPROTO);
	call_hangup(a.call, CALL_LOCAL, NULL);
	both_complete(1);
	/* a call can be read after its end */
	assert_int_equal(
		call_header(a.call, "X-Greeting", value, sizeof(value)), 0);
}

static void the_record_waits_for_the_script(void **state)
{
	(void)state;
	talk();
	call_script_begin(a.call);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(saw(&a, "closed") && b.ended == 1);
	assert_int_equal(a.ended, 0);
	call_set_disposition(a.call, "sold");
	call_set_user_json(a.call, "{\"x\":1}");
	call_set_hangup_line(a.call, "flow.lua:3");
	call_set_hangup_line(a.call, "flow.lua:9");
	assert_string_equal(call_cdr(a.call)->hangup_line, "flow.lua:3");
	call_script_end(a.call);
	assert_int_equal(a.ended, 1);
	assert_string_equal(a.cdrs[0].end, "out sold 200 OK 16 local normal");
}

static void an_unanswered_call_of_a_broken_script_has_failed(void **state)
{
	(void)state;
	b.incoming = waits;
	dial_b();
	WAIT(b.call);
	call_script_begin(b.call);
	call_set_script_error(b.call, "flow.lua:1: boom", "traceback");
	assert_int_equal(call_reject(b.call, 500, NULL), 0);
	call_script_end(b.call);
	both_complete(1);
	assert_string_equal(
		b.cdrs[0].end,
		"in failed 500 Server Internal Error 41 local rejected");
}

static void nothing_answers_at_the_address(void **state)
{
	struct udp_sock *silent = NULL;
	struct sa sa;
	char uri[80];

	(void)state;
	/* bound, and then closed: the kernel refuses what is sent there */
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&silent, &sa, NULL, NULL), 0);
	assert_int_equal(udp_local_get(silent, &sa), 0);
	(void)re_snprintf(uri, sizeof(uri), "sip:bob@%J;transport=tcp", &sa);
	mem_deref(silent);
	{
		const struct call_dial d = {.target = uri, .timeout_ms = 400};
		const char *reason;
		char err[128];

		assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	}
	assert_string_equal(a.events, "");
	WAIT(a.ended == 1);
	assert_string_equal(a.events, "ended closed");
	assert_non_null(strstr(a.cdrs[0].end, "engine network"));
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 0"));
}

static void verbs_in_a_wrong_state_are_refused(void **state)
{
	const struct media_play play = {.source_count = 0};

	(void)state;
	b.incoming = waits;
	dial_b();
	assert_int_equal(call_answer(a.call), EPROTO);
	assert_int_equal(call_ring(a.call), EPROTO);
	assert_int_equal(call_reject(a.call, 486, NULL), EPROTO);
	assert_int_equal(call_redirect(a.call, "sip:a@b"), EPROTO);
	assert_int_equal(call_hold(a.call), EPROTO);
	assert_int_equal(call_play(a.call, &play, NULL), EPROTO);
	assert_int_equal(call_set_header(a.call, "X", "1"), EPROTO);
	WAIT(b.call);
	assert_int_equal(call_reject(b.call, 200, NULL), EINVAL);
	assert_int_equal(call_reject(b.call, 700, NULL), EINVAL);
	assert_int_equal(call_reject(b.call, 486, "a\r\nb"), EINVAL);
	assert_int_equal(
		call_send_digits(b.call, "1", CALL_DTMF_INFO, 0, 0, NULL),
		EPROTO);
	call_hangup(b.call, CALL_LOCAL, NULL);
	both_complete(1);
	assert_int_equal(call_hold(b.call), EPROTO);
	call_hangup(b.call, CALL_LOCAL, NULL);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_answered_call_is_recorded_on_both_sides),
		TEST(the_callee_hangs_up),
		TEST(a_rejection_gets_the_disposition_of_its_status),
		TEST(a_disposition_of_the_script_needs_an_answer),
		TEST(nobody_answers_in_time),
		TEST(the_caller_gives_up),
		TEST(a_caller_that_no_script_answers_hears_480),
		TEST(a_call_ends_at_its_longest_duration),
		TEST(a_redirection_is_told_and_not_followed),
		TEST(early_media_is_open_before_the_answer),
		TEST(headers_are_set_and_read),
		TEST(the_record_waits_for_the_script),
		TEST(an_unanswered_call_of_a_broken_script_has_failed),
		TEST(nothing_answers_at_the_address),
		TEST(verbs_in_a_wrong_state_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
