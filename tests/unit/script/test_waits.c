/* Verbs that wait on a call: each completes, times out where it can, ends with
 * the call, and is not disturbed by what comes after it was cancelled. */
#include "line.h"

/* What a verb gave, as a line: "ok 12", "ok nil timeout", "raised hangup". */
#define SHOW                                                             \
	MOON "local function text(v) if type(v) == 'table' then return " \
	     "tostring(v.type or v.code or v.reason or v) end "          \
	     "return tostring(v) end\n"                                  \
	     "local function show(ok, ...) local t = {ok and 'ok' or "   \
	     "'raised'} for i = 1, select('#', ...) do t[i + 1] = "      \
	     "text((select(i, ...))) end return table.concat(t, ' ') end\n"

struct wait_case {
	const char *verb;
	const char *keys; /* pressed while it waits; NULL: none */
	const char *gives;
	const char *again; /* after the cancel */
};

static unsigned calls_made;

static void begin(const char *body)
{
	char text[4096], waits[16];

	write_tone("hello.wav");
	(void)snprintf(text, sizeof(text),
		       SHOW "moon.on_call(function(call)\n"
			    "  call:answer() s.call, s.out = call, nil\n"
			    "  s.waits = %u\n%s\n"
			    "  pcall(call.wait, call, 'hangup')\nend)\n",
		       ++calls_made, body);
	load(text);
	a.events[0] = '\0';
	dial(uri_of(&b, "100"));
	WAIT(saw(&a, "answered"));
	(void)snprintf(waits, sizeof(waits), "%u", calls_made);
	WAIT_EVAL("moon.shared.waits", waits);
}

static void end(void)
{
	const unsigned ended = b.ended;

	if (call_state(a.call) != CALL_ENDED)
		the_far_side_hangs_up();
	if (calls_made > ended)
		WAIT(b.ended == calls_made && a.ended == calls_made);
	WAIT(idle_but_for(0));
}

static void expect(const struct wait_case *c)
{
	char want[128];

	WAIT_EVAL("moon.shared.out ~= nil", "true");
	(void)snprintf(want, sizeof(want), "\"%s\"", c->gives);
	if (strcmp(eval("moon.shared.out"), want) != 0)
		fail_msg("%s: %s, not %s", c->verb, answer, want);
}

static void each(const struct wait_case *c, size_t count, const char *body,
		 bool hangs_up)
{
	calls_made = 0;
	for (; count > 0; count--, c++) {
		char text[2048];

		(void)snprintf(text, sizeof(text), body, c->verb,
			       c->again ? c->again : "");
		begin(text);
		if (c->keys)
			press(c->keys);
		if (hangs_up)
			the_far_side_hangs_up();
		expect(c);
		end();
	}
}

#define EACH(cases_, body_, hangs_up_) \
	each(cases_, sizeof(cases_) / sizeof(*(cases_)), body_, hangs_up_)

static void each_verb_completes(void **state)
{
	static const struct wait_case cases[] = {
		{"call:play('hello')", NULL, "ok done", NULL},
		{"call:play({tone = 'dial'}, {stop_on = '#'})", "#",
		 "ok stopped #", NULL},
		{"call:play_async('hello'):wait()", NULL, "ok done", NULL},
		{"call:gather{max_digits = 2, timeout = 20}", "12", "ok 12",
		 NULL},
		{"call:wait_digit()", "5", "ok 5", NULL},
		{"call:wait('dtmf', 20)", "5", "ok dtmf", NULL},
		{"call:sleep(0.01)", NULL, "ok true", NULL},
		{"moon.sleep(0.01)", NULL, "ok true", NULL},
		{"call:dtmf('12', {duration = 0.06, gap = 0.04})", NULL,
		 "ok true", NULL},
		{"call:record{max = 0.1}", NULL, "ok max", NULL},
		{"call:record{}", "#", "ok terminator", NULL},
		{"call:hold()", NULL, "ok true", NULL},
		{"call:hold() and call:unhold()", NULL, "ok true", NULL},
		{"moon.spawn(function() moon.sleep(0.01) return 7 end):wait()",
		 NULL, "ok 7", NULL},
		{"moon.select{d = call:event('dtmf'), timeout = 20}", "5",
		 "ok d dtmf", NULL},
		{"moon.select{p = call:play_async('hello'), timeout = 20}",
		 NULL, "ok p done", NULL},
	};

	(void)state;
	EACH(cases, "s.out = show(pcall(function() return %s end))%s", false);
}

static void each_verb_that_can_times_out(void **state)
{
	static const struct wait_case cases[] = {
		{"call:play_async{tone = 'dial'}:wait(0.02)", NULL,
		 "ok nil timeout", NULL},
		{"call:gather{timeout = 0.02}", NULL, "ok nil timeout", NULL},
		{"call:gather{prompt = 'hello', timeout = 0.02, tries = 2}",
		 NULL, "ok nil timeout", NULL},
		{"call:gather{max_digits = 4, min_digits = 1, timeout = 20, "
		 "inter_digit_timeout = 0.02}",
		 "7", "ok 7", NULL},
		{"call:wait_digit(0.02)", NULL, "ok nil timeout", NULL},
		{"call:wait('hold', 0.02)", NULL, "ok nil timeout", NULL},
		{"call:wait('hangup', 0.02)", NULL, "ok nil timeout", NULL},
		{"moon.spawn(moon.sleep, 0.5):wait(0.02)", NULL,
		 "ok nil timeout", NULL},
		{"moon.select{h = call:event('hangup'), timeout = 0.02}", NULL,
		 "ok timeout", NULL},
	};

	(void)state;
	EACH(cases, "s.out = show(pcall(function() return %s end))%s", false);
}

static void a_hangup_raises_in_each_verb_that_waits_on_the_call(void **state)
{
	static const struct wait_case cases[] = {
		{"call:play({tone = 'dial'})", NULL, "raised hangup", NULL},
		{"call:play_async{tone = 'dial'}:wait()", NULL, "raised hangup",
		 NULL},
		{"call:gather{timeout = 60}", NULL, "raised hangup", NULL},
		{"call:gather{prompt = {tone = 'dial'}}", NULL, "raised hangup",
		 NULL},
		{"call:wait_digit()", NULL, "raised hangup", NULL},
		{"call:wait('hold')", NULL, "raised hangup", NULL},
		{"call:sleep(60)", NULL, "raised hangup", NULL},
		{"call:dtmf('wwwwwwwwwwwwwwwwwwww1')", NULL, "raised hangup",
		 NULL},
		{"moon.select{d = call:event('dtmf')}", NULL, "raised hangup",
		 NULL},
		/* The re-INVITE is under way: the far side is slower. */
		{"moon.spawn(call.hangup, call) and call:hold()", NULL,
		 "raised hangup", NULL},
		{"call:hold() and moon.spawn(call.hangup, call) and "
		 "call:unhold()",
		 NULL, "raised hangup", NULL},
	};

	(void)state;
	EACH(cases, "s.out = show(pcall(function() return %s end))%s", true);
}

static void the_exceptions_return_when_the_call_ends(void **state)
{
	static const struct wait_case cases[] = {
		{"call:record{}", NULL, "ok hangup", NULL},
		{"call:wait('hangup')", NULL, "ok hangup", NULL},
		{"moon.select{h = call:event('hangup'), d = "
		 "call:event('dtmf')}",
		 NULL, "ok h hangup", NULL},
		/* Not on the call: they go on for the time of grace. */
		{"moon.sleep(0.1)", NULL, "ok true", NULL},
		{"moon.spawn(function() moon.sleep(0.1) return 7 end):wait()",
		 NULL, "ok 7", NULL},
	};

	(void)state;
	EACH(cases, "s.out = show(pcall(function() return %s end))%s", true);
}

static void what_comes_after_a_cancel_is_for_the_next(void **state)
{
	static const struct wait_case cases[] = {
		{"call:play({tone = 'dial'}, {stop_on = '#'})", "#", "ok #",
		 "call:wait_digit(20)"},
		{"call:play({tone = 'dial'})", NULL, "ok done",
		 "call:play('hello')"},
		{"call:play_async{{tone = 'dial'}, mix = true}:wait()", NULL,
		 "ok done", "call:play('hello')"},
		{"call:gather{timeout = 20}", "5", "ok 5",
		 "call:wait_digit(20)"},
		{"call:gather{prompt = {tone = 'dial'}}", "5", "ok 5",
		 "call:gather{max_digits = 1, timeout = 20}"},
		{"call:wait_digit()", "5", "ok 5", "call:wait_digit(20)"},
		{"call:wait('dtmf')", "5", "ok dtmf", "call:wait('dtmf', 20)"},
		{"call:sleep(0.05)", NULL, "ok true", "call:sleep(0.1)"},
		{"moon.sleep(0.05)", NULL, "ok true", "moon.sleep(0.1)"},
		{"call:dtmf('123')", NULL, "ok true", "call:dtmf('4')"},
		{"call:record{}", "#", "ok #", "call:wait_digit(20)"},
		{"call:record{file = '1', max = 0.05}", NULL, "ok max",
		 "call:record{file = '2', max = 0.1}"},
		{"s.slow:wait()", NULL, "ok 7", "s.slow:wait()"},
		{"moon.select{d = call:event('dtmf')}", "5", "ok d dtmf",
		 "moon.select{d = call:event('dtmf'), timeout = 20}"},
		/* The answer to the re-INVITE comes to nobody. */
		{"call:hold()", NULL, "ok true",
		 "moon.sleep(0.2) and call:unhold()"},
	};

	(void)state;
	EACH(cases,
	     "s.slow = moon.spawn(function() moon.sleep(0.1) return 7 end)\n"
	     "local t = moon.spawn(function() return %s end)\n"
	     "moon.sleep(0) assert(t.status == 'waiting')\nt:cancel()\n"
	     "assert(select(2, t:wait()) == 'cancelled')\n"
	     "s.out = show(pcall(function() return %s end))",
	     false);
}

/* ---- moon.dial -------------------------------------------------------- */

static void dial_goes_on_when_the_call_of_its_script_ends(void **state)
{
	char body[512];

	(void)state;
	calls_made = 0;
	a.incoming = far_rings;
	(void)snprintf(body, sizeof(body),
		       "s.out = show(pcall(function() return "
		       "(select(2, moon.dial('%s', {timeout = 0.2}))) end))",
		       uri_of(&a, "5"));
	begin(body);
	WAIT(saw(&a, "ringing"));
	(void)eval("moon.shared.call:hangup()");
	WAIT_EVAL("moon.shared.out", "\"ok no_answer\"");
	WAIT(b.ended == 2 && a.ended == 2);
}

static void dial_is_closed_when_the_time_of_grace_is_over(void **state)
{
	char body[512];

	(void)state;
	calls_made = 0;
	a.incoming = far_rings;
	(void)snprintf(body, sizeof(body),
		       "local c <close> = setmetatable({}, {__close = "
		       "function() s.closed = true end})\n"
		       "moon.dial('%s', {timeout = 60})",
		       uri_of(&a, "5"));
	begin(body);
	WAIT(saw(&a, "ringing"));
	(void)eval("moon.shared.call:hangup()");
	WAIT_EVAL("moon.shared.closed", "true");
	WAIT(b.ended == 2 && a.ended == 2);
	assert_true(idle_but_for(0));
}

static void an_answer_that_crosses_the_cancel_is_hung_up(void **state)
{
	(void)state;
	a.incoming = far_rings;
	load_out("moon.dial(target)");
	WAIT(a.call != NULL);
	WAIT_EVAL("moon.shared.task.status", "\"waiting\"");
	/* The 200 leaves before the CANCEL can come. */
	answered = false;
	assert_int_equal(scripts_eval(scripts, "moon.shared.task:cancel()",
				      on_answer, NULL),
			 0);
	assert_int_equal(call_answer(a.call), 0);
	WAIT(answered);
	WAIT(a.ended == 1 && b.ended == 1);
	assert_eval("moon.shared.task.status", "\"cancelled\"");
	assert_true(idle_but_for(0));
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_calls, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_verb_completes),
		T(each_verb_that_can_times_out),
		T(a_hangup_raises_in_each_verb_that_waits_on_the_call),
		T(the_exceptions_return_when_the_call_ends),
		T(what_comes_after_a_cancel_is_for_the_next),
		T(dial_goes_on_when_the_call_of_its_script_ends),
		T(dial_is_closed_when_the_time_of_grace_is_over),
		T(an_answer_that_crosses_the_cancel_is_hung_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
