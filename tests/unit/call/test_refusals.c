/* Who is refused hears why, and leaves a record that says so by code, cause
 * and reason; attempts = answered + failed + refused. */
#include "call_fixture.h"

static void configure(struct engine *e)
{
	assert_int_equal(calls_configure(e->calls, &e->config), 0);
}

static void refused_dial(const char *target, int err, const char *cause,
			 const char *sentence)
{
	const struct call_dial d = {.target = target};
	const char *reason = NULL;
	char text[256] = "";

	a.events[0] = '\0';
	assert_int_equal(dial_with(&d, &reason, text, sizeof(text)), err);
	assert_string_equal(reason, cause);
	if (!strstr(text, sentence))
		fail_msg("'%s' does not say '%s'", text, sentence);
	assert_non_null(a.call);
	assert_int_equal(call_state(a.call), CALL_ENDED);
	assert_string_equal(a.events, "");
}

static void nobody_wants_the_call(void **state)
{
	(void)state;
	dial_b();
	both_complete(1);
	assert_string_equal(a.cdrs[0].end,
			    "out invalid 404 Not Found 1 remote rejected");
	assert_string_equal(b.cdrs[0].end,
			    "in refused 404 Not Found 1 engine no_route");
}

static void calls_beyond_the_limit_get_503(void **state)
{
	struct calls_count count;

	(void)state;
	b.config.max_calls = 2;
	configure(&b);
	b.incoming = waits;
	for (unsigned i = 0; i < 5; i++)
		dial_b();
	WAIT(b.ended == 3 && a.ended == 3);
	calls_count(b.calls, &count);
	assert_int_equal(count.active, 2);
	assert_int_equal(count.peak, 2);
	assert_int_equal(count.total, 5);
	assert_int_equal(count.total_refused, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(b.cdrs[i].end,
				    "in refused 503 the engine's limit of "
				    "calls is reached 42 engine limit");
		assert_string_equal(a.cdrs[i].end,
				    "out congestion 503 Call Limit Reached 42 "
				    "remote rejected");
	}
	/* the next one that ends makes room */
	call_hangup(b.call, CALL_LOCAL, NULL);
	WAIT(b.ended == 4 && a.ended == 4);
	dial_b();
	WAIT(b.begun == 6);
	calls_count(b.calls, &count);
	assert_int_equal(count.active, 2);
}

static void calls_a_second_are_limited(void **state)
{
	(void)state;
	b.config.max_cps = 3;
	configure(&b);
	b.incoming = waits;
	for (unsigned i = 0; i < 5; i++)
		dial_b();
	WAIT(b.begun == 5 && b.ended == 2);
	assert_string_equal(b.cdrs[1].end,
			    "in refused 503 the engine's calls a second are "
			    "used up 42 engine limit");
}

static void an_overloaded_engine_refuses_until_it_recovers(void **state)
{
	(void)state;
	b.incoming = answers;
	calls_refuse(b.calls, "memory is short");
	dial_b();
	both_complete(1);
	assert_string_equal(b.cdrs[0].end,
			    "in refused 503 memory is short 41 engine "
			    "overload");
	assert_string_equal(a.cdrs[0].end,
			    "out congestion 503 Overload 41 remote rejected");
	calls_refuse(b.calls, NULL);
	dial_b();
	WAIT(saw(&a, "answered"));
}

static void while_records_cannot_be_kept_no_call_begins(void **state)
{
	(void)state;
	b.incoming = answers;
	b.trouble = "the disk is full";
	dial_b();
	both_complete(1);
	assert_string_equal(b.cdrs[0].end,
			    "in refused 503 the disk is full 41 engine "
			    "overload");
	b.trouble = NULL;
	dial_b();
	WAIT(saw(&a, "answered"));
}

static void a_draining_engine_takes_no_calls_and_ends_the_old_ones(void **state)
{
	(void)state;
	talk();
	calls_drain(b.calls, 400);
	dial_b();
	WAIT(b.ended == 1);
	assert_string_equal(b.cdrs[0].end,
			    "in refused 503 the engine is draining 38 engine "
			    "draining");
	assert_int_equal(b.drained, 0);
	WAIT(b.drained);
	assert_int_equal(b.ended, 2);
	assert_string_equal(b.cdrs[1].end,
			    "in answered 200 OK 16 engine drain");
	WAIT(a.ended == 2);
	calls_drain(a.calls, 1000);
	refused_dial("sip:x@127.0.0.1", ESHUTDOWN, "draining", "draining");
	WAIT(a.drained);
	assert_int_equal(b.drained, 1);
}

static void a_caller_whose_offer_cannot_be_used_is_told(void **state)
{
	static const char *const names[] = {"PCMU", NULL};
	static const char *const other[] = {"PCMA", NULL};

	(void)state;
	a.config.codecs = names;
	b.config.codecs = other;
	configure(&a);
	configure(&b);
	b.incoming = answers;
	dial_b();
	both_complete(1);
	assert_string_equal(b.cdrs[0].end,
			    "in refused 488 Not Acceptable Here 88 engine "
			    "no_codec");
	assert_string_equal(
		a.cdrs[0].end,
		"out failed 488 Not Acceptable Here 88 remote rejected");
	assert_null(b.call);
}

static void an_unknown_codec_is_no_configuration(void **state)
{
	static const char *const names[] = {"PCMU", "MP3", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	b.config.codecs = names;
	assert_int_equal(calls_configure(b.calls, &b.config), EINVAL);
	b.config.codecs = none;
	assert_int_equal(calls_configure(b.calls, &b.config), EINVAL);
	/* what was in force still is */
	talk();
}

static void an_accounts_limit_counts_calls_that_come_in(void **state)
{
	const struct account_params account = {
		.name = "line", .uri = uri_of(&b, "bob"), .max_calls = 1};
	const char *const hosts[] = {"127.0.0.1", NULL};
	const struct trunk_params trunk = {.name = "peer", .hosts = hosts};
	struct sa loopback;
	char err[200];

	(void)state;
	assert_int_equal(sa_set_str(&loopback, "127.0.0.1", 0), 0);
	assert_int_equal(account_set(b.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(b.trunks, &trunk, err, sizeof(err)), 0);
	assert_true(stack_trusted(b.stack, &loopback));
	b.incoming = waits;
	dial_b();
	dial_b();
	WAIT(b.ended == 1);
	assert_string_equal(b.cdrs[0].end,
			    "in refused 503 the account's limit of calls is "
			    "reached 42 engine limit");
	assert_string_equal(b.cdrs[0].account, "line");
	assert_string_equal(b.cdrs[0].trunk, "peer");
	/* others are not limited by it */
	dial(uri_of(&b, "carol"));
	WAIT(b.begun == 3);
	assert_int_equal(b.ended, 1);
}

static void a_target_that_is_none_is_invalid(void **state)
{
	(void)state;
	refused_dial("sip:a@h\r\nVia: x", EINVAL, "invalid", "target:");
	refused_dial("12x4", EINVAL, "invalid", "number");
	assert_int_equal(a.ended, 2);
	assert_int_equal(a.begun, 2);
	assert_non_null(strstr(a.cdrs[0].end, "out invalid 484 target: "));
	assert_non_null(strstr(a.cdrs[0].end, " 28 engine invalid"));
}

static void headers_and_names_are_checked_before_they_leave(void **state)
{
	const struct call_dial bad[] = {
		{.target = "sip:a@127.0.0.1", .headers = "Via: x\r\n"},
		{.target = "sip:a@127.0.0.1", .headers = "X: 1"},
		{.target = "sip:a@127.0.0.1", .from = "a@b@c"},
		{.target = "sip:a@127.0.0.1", .from = "1\r\nX: y"},
		{.target = "sip:a@127.0.0.1", .display_name = "a\r\nb"},
	};
	const char *reason;
	char err[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(dial_with(&bad[i], &reason, err, sizeof(err)),
				 EINVAL);
		assert_string_equal(reason, "invalid");
	}
	assert_int_equal(a.ended, ARRAY_SIZE(bad));
}

static void ways_that_do_not_exist_are_named(void **state)
{
	(void)state;
	refused_dial("endpoint:alice", ENOENT, "no_route",
		     "no endpoint 'alice' is configured");
	refused_dial("trunk:carrier/123", ENOENT, "no_route",
		     "no trunk 'carrier' is configured");
	refused_dial("account:pbx/123", ENOENT, "no_route",
		     "no account 'pbx' is configured");
	refused_dial("+15550100", ENOENT, "no_route", "no default");
	refused_dial("sips:a@127.0.0.1", ENOENT, "no_route", "TLS");
	refused_dial("sip:a@[::1]", ENOENT, "no_route", "family");
	assert_int_equal(a.ended, 6);
	assert_string_equal(a.cdrs[0].end,
			    "out refused 404 no endpoint 'alice' is "
			    "configured 1 engine no_route");
}

static void strangers_hosts_are_not_called(void **state)
{
	static const char *const evil[] = {
		"sip:1900@203.0.113.5",
		"sip:1900@example.org",
		"sip:1900@127.0.0.1.example.org",
		"sip:1900@localhost.example.org",
		"sip:127.0.0.1@example.org",
		"sip:1900@[2001:db8::1]",
	};
	static const char *const allow[] = {"*.example.org", NULL};
	static const char *const deny[] = {"bad.example.org", "1900*", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(evil); i++)
		refused_dial(evil[i], EPERM, "forbidden", "not allowed");
	a.config.outbound_allow = allow;
	a.config.outbound_deny = deny;
	configure(&a);
	refused_dial("sip:1@bad.example.org", EPERM, "forbidden", "denied");
	refused_dial("sip:1900555@127.0.0.1", EPERM, "forbidden", "denied");
	refused_dial("sip:1@example.com", EPERM, "forbidden", "not allowed");
	assert_int_equal(a.ended, ARRAY_SIZE(evil) + 3);
	assert_non_null(strstr(a.cdrs[0].end, "out refused 403 calls to"));
	/* the loopback stays allowed */
	b.incoming = answers;
	dial_b();
	WAIT(saw(&a, "answered"));
}

/* The short form of toll fraud: whatever a lead or a caller writes, a leg
 * leaves only to where libre too reads an allowed host. */
static void no_target_reaches_a_stranger(void **state)
{
	static const char *const pieces[] = {
		"sip:",	       "sips:", "tel:",	     "trunk:", "account:",
		"a",	       "1900",	"+",	     "@",      "127.0.0.1",
		"[::1]",       ":",	":5060",     ";",      "maddr=",
		"203.0.113.9", "?",	"<",	     ">",      "\r\n",
		" ",	       "%40",	"localhost", ".",      "evil.example",
		"/",	       "\"",	",",	     "lr",     ";transport=udp",
		"=",
	};
	unsigned seed = 4711, left = 0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct call_dial d = {.target = NULL};
		char text[128] = "", err[256];
		unsigned parts = 1 + i % 7;
		const char *reason;
		struct uri uri;
		struct pl pl, host;

		if (i % 3)
			(void)snprintf(text, sizeof(text), "sip:1900@");
		for (unsigned n = 0; n < parts; n++) {
			size_t used = strlen(text);

			seed = seed * 1103515245 + 12345;
			(void)snprintf(
				text + used, sizeof(text) - used, "%s",
				pieces[(seed >> 16) % ARRAY_SIZE(pieces)]);
		}
		d.target = text;
		if (dial_with(&d, &reason, err, sizeof(err)))
			continue;
		left++;
		pl_set_str(&pl, call_cdr(a.call)->to_uri);
		assert_int_equal(uri_decode(&uri, &pl), 0);
		pl_set_str(&host, "127.0.0.1");
		if (pl_cmp(&uri.host, &host)) {
			pl_set_str(&host, "localhost");
			if (pl_cmp(&uri.host, &host))
				fail_msg("'%s' has left to %s", text,
					 call_cdr(a.call)->to_uri);
		}
		assert_null(strstr(call_cdr(a.call)->to_uri, "maddr"));
		call_hangup(a.call, CALL_LOCAL, NULL);
		WAIT(a.begun - a.ended < 20);
	}
	assert_in_range(left, 1, 500); /* the pieces do make good ones too */
	WAIT(a.begun == 3000 && a.ended == 3000);
}

static void outgoing_calls_have_limits_of_their_own(void **state)
{
	(void)state;
	b.incoming = waits;
	a.config.outbound_concurrent = 1;
	configure(&a);
	dial_b();
	refused_dial("sip:x@127.0.0.1", EAGAIN, "limit", "outgoing calls");
	a.config.outbound_concurrent = 0;
	a.config.outbound_rate = 2;
	configure(&a);
	dial_b();
	dial_b();
	refused_dial("sip:x@127.0.0.1", EAGAIN, "limit", "second");
	/* b's own calls to a are not theirs */
	assert_int_equal(a.begun, 5);
	assert_int_equal(a.ended, 2);
}

static bool some(struct engine *e, struct call *call)
{
	switch (e->begun % 4) {
	case 0:
		assert_int_equal(call_answer(call), 0);
		return true;
	case 1:
		assert_int_equal(call_reject(call, 486, NULL), 0);
		return true;
	case 2:
		return false;
	default:
		return true;
	}
}

static void every_attempt_is_accounted_for(void **state)
{
	unsigned answered = 0, failed = 0, refused = 0, open = 0;
	struct calls_count count;

	(void)state;
	b.config.max_calls = 6;
	b.config.ring_timeout_ms = 150;
	configure(&b);
	b.incoming = some;
	for (unsigned i = 0; i < 40; i++)
		dial_b();
	WAIT(b.begun == 40);
	calls_drain(b.calls, 500);
	WAIT(b.drained && a.ended == 40);
	assert_int_equal(b.ended, 40);
	calls_count(b.calls, &count);
	for (unsigned i = 0; i < 40; i++) {
		if (strstr(b.cdrs[i].end, "in refused"))
			refused++;
		else if (b.cdrs[i].answered)
			answered++;
		else if (b.cdrs[i].end[0])
			failed++;
		else
			open++;
	}
	assert_int_equal(open, 0);
	assert_int_equal(answered + failed + refused, 40);
	assert_int_equal(answered, count.total_answered);
	assert_int_equal(refused, count.total_refused);
	assert_true(answered > 0 && failed > 0 && refused > 0);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nobody_wants_the_call),
		TEST(calls_beyond_the_limit_get_503),
		TEST(calls_a_second_are_limited),
		TEST(an_overloaded_engine_refuses_until_it_recovers),
		TEST(while_records_cannot_be_kept_no_call_begins),
		TEST(a_draining_engine_takes_no_calls_and_ends_the_old_ones),
		TEST(a_caller_whose_offer_cannot_be_used_is_told),
		TEST(an_unknown_codec_is_no_configuration),
		TEST(an_accounts_limit_counts_calls_that_come_in),
		TEST(a_target_that_is_none_is_invalid),
		TEST(headers_and_names_are_checked_before_they_leave),
		TEST(ways_that_do_not_exist_are_named),
		TEST(strangers_hosts_are_not_called),
		TEST(no_target_reaches_a_stranger),
		TEST(outgoing_calls_have_limits_of_their_own),
		TEST(every_attempt_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
