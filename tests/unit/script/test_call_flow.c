/* A line that answers, with a caller that presses keys. */
#include "line.h"

static void the_line_answers_plays_and_gathers(void **state)
{
	(void)state;
	write_tone("hello.wav");
	load("local moon = require 'moondial'\n"
	     "moon.on_call(function(call)\n"
	     "  call:answer()\n"
	     "  moon.shared.played = call:play('hello')\n"
	     "  moon.shared.digits = call:gather{prompt = 'hello', "
	     "max_digits = 3, timeout = 5, tries = 2}\n"
	     "  moon.shared.from = call.from\n"
	     "  call.disposition = 'served'\n"
	     "end)\n");
	dial(uri_of(&b, "100"));
	WAIT(saw(&a, "answered"));
	WAIT_EVAL("moon.shared.played", "\"done\"");
	press("123");
	WAIT(saw(&a, "ended"));
	assert_eval("moon.shared.digits", "\"123\"");
	WAIT(b.ended == 1);
	assert_non_null(strstr(b.cdrs[0].end, "in served 200"));
	assert_string_equal(b.cdrs[0].digits, "123");
}

static void a_hangup_while_a_verb_waits_raises_and_leads_are_saved(void **st)
{
	static const char *const verbs[] = {
		"call:gather{timeout = 60}",
		"call:play({tone = 'dial'})",
		"call:wait_digit()",
		"call:wait('hold')",
		"call:sleep(60)",
		"moon.select{d = call:event('dtmf')}",
	};

	(void)st;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		char flow[512];

		(void)snprintf(flow, sizeof(flow),
			       "s.code, s.saved = nil, nil\n"
			       "local c <close> = setmetatable({}, {__close = "
			       "function(_, e) s.code = e.code moon.sleep(0.01)"
			       " s.saved = call.id end})\n"
			       "s.waits = %zu %s",
			       i + 1, verbs[i]);
		a.events[0] = '\0';
		answer_with(flow);
		(void)snprintf(flow, sizeof(flow), "%zu", i + 1);
		WAIT_EVAL("moon.shared.waits", flow);
		the_far_side_hangs_up();
		WAIT_EVAL("moon.shared.saved ~= nil", "true");
		assert_eval("moon.shared.code", "\"hangup\"");
		WAIT(b.ended == i + 1);
		assert_non_null(strstr(b.cdrs[i].end, "remote"));
	}
}

static void after_the_end_fields_are_read_and_waits_raise_at_once(void **st)
{
	(void)st;
	answer_with("s.event = call:wait('hangup', 60)\n"
		    "s.again = call:wait('hangup').type\n"
		    "s.codes = select(2, pcall(call.play, call, 'hello')).code "
		    ".. select(2, pcall(call.wait_digit, call)).code\n"
		    "s.state = call.state .. call.hangup_by");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.state", "\"endedremote\"");
	assert_eval("moon.shared.event.type", "\"hangup\"");
	assert_eval("moon.shared.event.by", "\"remote\"");
	assert_eval("moon.shared.again", "\"hangup\"");
	assert_eval("moon.shared.codes", "\"hanguphangup\"");
}

static void a_script_that_goes_on_too_long_is_closed(void **state)
{
	(void)state;
	answer_with("local c <close> = setmetatable({}, {__close = function() "
		    "s.closed = true end})\ns.began = true\n"
		    "while true do moon.sleep(0.01) end");
	WAIT_EVAL("moon.shared.began", "true");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.closed", "true");
	WAIT(b.ended == 1);
}

static void record_returns_its_file_also_after_a_hangup(void **state)
{
	(void)state;
	answer_with("s.r = call:record{file = 'm-{id}.wav', max = 0.2}\n"
		    "s.r2 = call:record{file = '{from}/x-{id}'}\n");
	WAIT_EVAL("moon.shared.r and moon.shared.r.reason", "\"max\"");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.r2 and moon.shared.r2.reason", "\"hangup\"");
	assert_eval("moon.shared.r.file:match('[^/]*$') == 'm-' .. "
		    "moon.shared.call.id .. '.wav' or moon.shared.r.file",
		    "true");
	assert_eval("moon.shared.r.duration >= 0.1 or moon.shared.r.duration",
		    "true");
	assert_int_equal(access(recordings, F_OK), 0);
}

static void files_and_prompts_stay_in_their_folders(void **state)
{
	(void)state;
	answer_with("local function code(f, ...) return "
		    "select(2, pcall(f, call, ...)).code end\n"
		    "s.codes = table.concat({code(call.play, '/etc/passwd'), "
		    "code(call.play, '../x'), code(call.record, "
		    "{file = '../x.wav'}), code(call.record, {file = "
		    "'/tmp/x.wav'}), code(call.play, 'missing'), "
		    "code(call.record, {file = '{no}'})}, ' ')\n");
	WAIT_EVAL("moon.shared.codes", "\"forbidden forbidden forbidden "
				       "forbidden prompt usage\"");
}

static void digits_go_to_the_oldest_reader_and_are_kept(void **state)
{
	(void)state;
	answer_with("s.ready = true moon.sleep(1.2)\n"
		    "s.kept = call:wait_digit(1) .. call:wait_digit(1)\n"
		    "call:flush() s.none = select(2, call:wait_digit(0.01))\n"
		    "s.what, s.digit = call:play({tone = 'dial'}, "
		    "{stop_on = '#'})\n"
		    "s.gathered = call:gather{max_digits = 2, timeout = 5}\n");
	WAIT_EVAL("moon.shared.ready", "true");
	press("123");
	WAIT_EVAL("moon.shared.none", "\"timeout\"");
	assert_eval("moon.shared.kept", "\"12\"");
	press("4#5");
	WAIT_EVAL("moon.shared.gathered", "\"45\"");
	assert_eval("moon.shared.what .. moon.shared.digit", "\"stopped#\"");
}

static void gather_tries_again_and_tells_why_it_failed(void **state)
{
	(void)state;
	answer_with("s.a = {call:gather{prompt = 'hello', max_digits = 1, "
		    "valid = '[12]', invalid_prompt = 'hello', tries = 2, "
		    "timeout = 10}}\n"
		    "s.b = select(2, call:gather{timeout = 0.05, tries = 2, "
		    "prompt = 'hello'})\n"
		    "s.c = call:gather{timeout = 10}\n"
		    "s.d = select(2, call:gather{max_digits = 1, valid = "
		    "'[12]', timeout = 10})\n"
		    "s.busy = 'x'\n");
	pause_ms(100);
	press("91");
	WAIT_EVAL("moon.shared.b", "\"timeout\"");
	assert_eval("moon.shared.a[1]", "\"1\"");
	press("77#");
	WAIT_EVAL("moon.shared.c", "\"77\"");
	press("8");
	WAIT_EVAL("moon.shared.d", "\"invalid\"");
}

static void a_second_output_raises_busy_and_mix_does_not(void **state)
{
	(void)state;
	answer_with("local music = call:play_async{{tone = 'dial'}, loop = "
		    "true, mix = true}\n"
		    "local p = call:play_async({tone = 'dial'})\n"
		    "s.code = select(2, pcall(call.play, call, 'hello')).code\n"
		    "p:stop() s.stopped = p:wait(5)\n"
		    "s.played = call:play('hello')\n"
		    "music:stop() s.which = moon.select{m = music, timeout = "
		    "5}\n");
	WAIT_EVAL("moon.shared.which", "\"m\"");
	assert_eval("moon.shared.code", "\"busy\"");
	assert_eval("moon.shared.stopped", "\"stopped\"");
	assert_eval("moon.shared.played", "\"done\"");
}

static void handlers_run_beside_the_flow_and_after_the_end(void **state)
{
	(void)state;
	answer_with("s.heard = ''\n"
		    "call:on('dtmf', function(e) moon.sleep(0.01) s.heard = "
		    "s.heard .. e.digit end)\n"
		    "call:on('hangup', function(e) moon.sleep(0.01) s.end_by = "
		    "e.by end)\ns.ready = true call:sleep(60)");
	WAIT_EVAL("moon.shared.ready", "true");
	press("12");
	WAIT_EVAL("moon.shared.heard", "\"12\"");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.end_by", "\"remote\"");
	WAIT(b.ended == 1);
}

static void a_flow_that_returns_unanswered_rejects_with_480(void **state)
{
	(void)state;
	load(MOON "moon.on_call('1..', function(call) end)\n"
		  "moon.on_call('2..', function(call) local x = nil x() end)\n"
		  "moon.on_call('3..', function(call) call:reject(486) end)\n");
	dial(uri_of(&b, "100"));
	WAIT(a.ended == 1);
	assert_non_null(strstr(a.cdrs[0].end, " 480 "));
	dial(uri_of(&b, "200"));
	WAIT(a.ended == 2);
	assert_non_null(strstr(a.cdrs[1].end, " 500 "));
	dial(uri_of(&b, "300"));
	WAIT(a.ended == 3);
	assert_non_null(strstr(a.cdrs[2].end, "busy 486"));
	dial(uri_of(&b, "999"));
	WAIT(a.ended == 4);
	assert_non_null(strstr(a.cdrs[3].end, " 404 "));
}

/* ---- calls out ---------------------------------------------------------- */

static void dial_returns_the_call_which_ends_with_its_script(void **state)
{
	(void)state;
	a.incoming = far_answers;
	load_out("local call = moon.dial(target, {timeout = 5, lead = {id = "
		 "'L1'}, user = {x = 1}})\n"
		 "s.state, s.lead = call.state, call.lead.id\n"
		 "call.disposition = 'reached'");
	WAIT(b.ended == 1);
	assert_eval("moon.shared.state", "\"answered\"");
	assert_eval("moon.shared.lead", "\"L1\"");
	assert_non_null(strstr(b.cdrs[0].end, "out reached 200"));
	assert_non_null(strstr(b.cdrs[0].end, "local"));
}

static void dial_tells_why_there_is_no_answer(void **state)
{
	(void)state;
	a.incoming = far_is_busy;
	load_out("local call, why, gone = moon.dial(target)\n"
		 "s.why, s.code = why, gone.sip_code");
	WAIT_EVAL("moon.shared.why", "\"busy\"");
	assert_eval("moon.shared.code", "486");
	a.incoming = far_rings;
	load_out("s.why = select(2, moon.dial(target, {timeout = 0.3}))");
	WAIT_EVAL("moon.shared.why", "\"no_answer\"");
	WAIT(b.ended == 2);
}

static void a_cancelled_dial_cancels_its_call(void **state)
{
	(void)state;
	a.incoming = far_rings;
	load_out("moon.dial(target)");
	WAIT(saw(&a, "ringing"));
	(void)eval("moon.shared.task:cancel()");
	WAIT(b.ended == 1 && a.ended == 1);
	assert_eval("moon.shared.task.status", "\"cancelled\"");
	assert_true(idle_but_for(0));
}

static void originate_runs_its_flow_on_the_answer(void **state)
{
	(void)state;
	a.incoming = far_answers;
	load(MOON);
	(void)eval("1");
	load_out("s.t = moon.originate(target, {timeout = 5}, function(call) "
		 "s.id = call.id return 'ok', call.direction end)\n"
		 "s.res = table.concat({s.t:wait(10)}, ',')");
	WAIT_EVAL("moon.shared.res", "\"ok,out\"");
	WAIT(b.ended == 1);
}

static void a_list_rings_in_turn_or_in_parallel(void **state)
{
	(void)state;
	a.incoming = far_is_busy;
	load_out("local c, why = moon.dial({target, target}, {in_turn = true})"
		 " s.one = why");
	WAIT_EVAL("moon.shared.one", "\"busy\"");
	WAIT(b.ended == 2);
	load_out("local c, why = moon.dial({target, target}) s.two = why");
	WAIT_EVAL("moon.shared.two", "\"busy\"");
	WAIT(b.ended == 4);
}

static void a_detached_call_goes_on_without_its_script(void **state)
{
	(void)state;
	a.incoming = far_answers;
	load_out("local call = moon.dial(target) call:detach() s.id = call.id");
	WAIT_EVAL("moon.shared.task.status", "\"done\"");
	assert_eval("moon.call(moon.shared.id).state", "\"answered\"");
	(void)eval("moon.call(moon.shared.id):hangup()");
	WAIT(b.ended == 1);
}

static void a_reload_keeps_the_call_and_its_functions(void **state)
{
	char err[256];

	(void)state;
	answer_with("s.version = 'old' call:wait_digit()\n"
		    "s.version = 'old still' call:wait('hangup')");
	WAIT_EVAL("moon.shared.version", "\"old\"");
	write_file("flow.lua", MOON "moon.on_call(function(call) s.new = true "
				    "call:reject(486) end)");
	assert_true(scripts_reload(scripts, err, sizeof(err)));
	press("1");
	WAIT_EVAL("moon.shared.version", "\"old still\"");
	the_far_side_hangs_up();
	WAIT(b.ended == 1);
	dial(uri_of(&b, "100"));
	WAIT(a.ended == 2);
	assert_eval("moon.shared.new", "true");
}

static void a_loop_that_dials_ends_with_its_generation(void **state)
{
	char err[256];

	(void)state;
	a.incoming = far_answers;
	load_out("while true do local call = moon.dial(target)\n"
		 "s.rounds = (s.rounds or 0) + 1 call:wait('hangup') end");
	WAIT_EVAL("moon.shared.rounds", "1");
	write_file("flow.lua", MOON "s = moon.shared");
	assert_true(scripts_reload(scripts, err, sizeof(err)));
	assert_eval("moon.shared.task.status", "\"waiting\"");
	(void)eval("moon.calls()[1]:hangup()");
	WAIT_EVAL("moon.shared.task.status", "\"done\"");
	WAIT(b.ended == 1);
	assert_eval("moon.shared.rounds", "1");
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_calls, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_line_answers_plays_and_gathers),
		T(a_hangup_while_a_verb_waits_raises_and_leads_are_saved),
		T(after_the_end_fields_are_read_and_waits_raise_at_once),
		T(a_script_that_goes_on_too_long_is_closed),
		T(record_returns_its_file_also_after_a_hangup),
		T(files_and_prompts_stay_in_their_folders),
		T(digits_go_to_the_oldest_reader_and_are_kept),
		T(gather_tries_again_and_tells_why_it_failed),
		T(a_second_output_raises_busy_and_mix_does_not),
		T(handlers_run_beside_the_flow_and_after_the_end),
		T(a_flow_that_returns_unanswered_rejects_with_480),
		T(dial_returns_the_call_which_ends_with_its_script),
		T(dial_tells_why_there_is_no_answer),
		T(a_cancelled_dial_cancels_its_call),
		T(originate_runs_its_flow_on_the_answer),
		T(a_list_rings_in_turn_or_in_parallel),
		T(a_detached_call_goes_on_without_its_script),
		T(a_reload_keeps_the_call_and_its_functions),
		T(a_loop_that_dials_ends_with_its_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
