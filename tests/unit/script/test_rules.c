/* The rules of a call: who owns it, who gets a digit, what runs beside what,
 * and the verbs that don't wait. */
#include "line.h"

#include <sys/stat.h>

static off_t size_of(const char *name)
{
	struct stat st;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", recordings, name);
	return stat(path, &st) ? -1 : st.st_size;
}

static void a_recording_of_the_call_pauses_and_ends_with_its_variable(void **st)
{
	(void)st;
	answer_with("do local r <close> = call:record_call{file = 'whole'}\n"
		    "  s.file = r.file:match('[^/]*$')\n"
		    "  s.on = r:pause() and r:resume() and r:mask() and "
		    "r:unmask()\n"
		    "  call:sleep(0.2)\nend\n"
		    "call:sleep(0.1)\n"
		    "local again = call:record_call{file = 'again', channels "
		    "= 'mixed'}\n"
		    "call:sleep(0.1) again:stop() again:stop()\n"
		    "s.off = again:pause()\n"
		    "s.last = call:record_call{file = 'last'}\n"
		    "s.ready = true call:wait('hangup')\n"
		    "s.over = s.last:pause()");
	WAIT_EVAL("moon.shared.ready", "true");
	assert_eval("moon.shared.file", "\"whole.wav\"");
	assert_eval("moon.shared.on", "true");
	assert_eval("moon.shared.off", "false");
	/* 0.1 s at least of stereo, and complete. */
	assert_true(size_of("whole.wav") > 3200);
	assert_true(size_of("again.wav") > 44);
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.over", "false");
	WAIT(b.ended == 1);
	assert_true(size_of("last.wav") >= 44);
}

static void a_paused_recording_does_not_grow(void **state)
{
	off_t size;

	(void)state;
	answer_with("s.r = call:record_call{file = 'p'} call:sleep(0.2) "
		    "s.r:pause() call:sleep(0.8) s.paused = true "
		    "call:wait('hangup')");
	WAIT_EVAL("moon.shared.paused", "true");
	size = size_of("p.wav");
	assert_true(size > 44);
	(void)eval("moon.sleep(0.5)");
	assert_int_equal(size_of("p.wav"), size);
	(void)eval("moon.shared.r:resume()");
	for (int i = 0; i < 200 && size_of("p.wav") == size; i++)
		pause_ms(20);
	assert_true(size_of("p.wav") > size);
}

static void mute_and_unmute_check_their_direction(void **state)
{
	(void)state;
	answer_with("s.done = call:mute() and call:unmute{direction = 'in'} "
		    "and call:unmute{direction = 'out'} and "
		    "call:mute{direction = 'both'}\n"
		    "s.code = select(2, pcall(call.mute, call, {direction = "
		    "'up'})).code");
	WAIT_EVAL("moon.shared.code", "\"usage\"");
	assert_eval("moon.shared.done", "true");
}

static void progress_plays_before_the_answer(void **state)
{
	(void)state;
	write_tone("hello.wav");
	load(MOON
	     "moon.on_call(function(call)\n"
	     "  s.none = select(2, pcall(call.play, call, 'hello')).code\n"
	     "  call:ring()\n"
	     "  s.early = call:progress{prompt = 'hello'}:wait(10)\n"
	     "  s.state = call.state\n"
	     "  call:answer() s.answered = call.state call:wait('hangup')\n"
	     "end)\n");
	dial(uri_of(&b, "100"));
	WAIT(saw(&a, "progress"));
	WAIT(saw(&a, "answered"));
	assert_eval("moon.shared.none", "\"state\"");
	assert_eval("moon.shared.early", "\"done\"");
	assert_eval("moon.shared.state", "\"early\"");
	assert_eval("moon.shared.answered", "\"answered\"");
}

static void redirect_sends_the_caller_elsewhere(void **state)
{
	(void)state;
	load(MOON "moon.on_call(function(call)\n"
		  "  s.code = select(2, pcall(call.redirect, call, 'sip:x\\r\\n"
		  "Evil: 1@h')).code\n"
		  "  call:redirect('sip:other@127.0.0.1:1')\n"
		  "  s.wait = select(2, pcall(call.wait_digit, call)).code\n"
		  "end)\n");
	dial(uri_of(&b, "100"));
	WAIT(b.ended == 1);
	assert_non_null(strstr(b.cdrs[0].end, " 302 "));
	assert_eval("moon.shared.code", "\"usage\"");
	assert_eval("moon.shared.wait", "\"hangup\"");
	WAIT(a.ended == 1);
}

static void a_digit_goes_to_the_reader_that_waits_longest(void **state)
{
	(void)state;
	answer_with("s.got = {}\n"
		    "for i = 1, 3 do moon.spawn(function()\n"
		    "  s.got[i] = call:wait_digit() end) moon.sleep(0) end\n"
		    "s.star = moon.spawn(function() return call:play({tone = "
		    "'dial'}, {stop_on = '*'}) end)\n"
		    "s.ready = true call:wait('hangup')");
	WAIT_EVAL("moon.shared.ready", "true");
	/* Those who accept any come first; "*" has but one taker left. */
	press("123*");
	WAIT_EVAL("moon.shared.star.status", "\"done\"");
	assert_eval("table.concat(moon.shared.got)", "\"123\"");
	assert_eval("select(2, moon.shared.star:wait())", "\"*\"");
}

static void unread_digits_are_kept_until_they_are_flushed(void **state)
{
	(void)state;
	answer_with("local n = 0 call:on('dtmf', function() n = n + 1 end)\n"
		    "while n < 12 do moon.sleep(0.01) end\n"
		    "s.first = call:gather{max_digits = 3}\n"
		    "s.peeked = call:wait_digit(0)\n"
		    "call:flush() s.none = select(2, call:wait_digit(0))\n"
		    "s.ready = true");
	press("123456789012");
	WAIT_EVAL("moon.shared.ready", "true");
	assert_eval("moon.shared.first .. moon.shared.peeked", "\"1234\"");
	assert_eval("moon.shared.none", "\"timeout\"");
}

static void where_a_closing_script_stands_nothing_waits(void **state)
{
	(void)state;
	answer_with("local c <close> = setmetatable({}, {__close = function()\n"
		    "  s.code = select(2, pcall(moon.sleep, 0)).code\n"
		    "  s.inner = select(2, coroutine.resume(coroutine.create("
		    "function() moon.sleep(0) end))).code\n"
		    "  s.id = call.id end})\n"
		    "local w = coroutine.wrap(function() local d <close> = "
		    "setmetatable({}, {__close = function() s.order = "
		    "'inner' end}) while true do moon.sleep(0.01) end end)\n"
		    "s.began = true w()");
	WAIT_EVAL("moon.shared.began", "true");
	the_far_side_hangs_up();
	WAIT_EVAL("moon.shared.id ~= nil", "true");
	assert_eval("moon.shared.code", "\"cannot_wait\"");
	assert_eval("moon.shared.inner", "\"cannot_wait\"");
	assert_eval("moon.shared.order", "\"inner\"");
	WAIT(b.ended == 1);
}

static void what_a_script_dialled_ends_with_it_also_by_error(void **state)
{
	(void)state;
	a.incoming = far_answers;
	load_out("local call = moon.dial(target)\nlocal x = nil x()");
	WAIT(b.ended == 1);
	assert_non_null(strstr(b.cdrs[0].end, "script_error"));
	load_out("local call = moon.dial(target) s.up = true "
		 "moon.sleep(60)");
	WAIT_EVAL("moon.shared.up", "true");
	(void)eval("moon.shared.task:cancel()");
	WAIT(b.ended == 2);
}

static void timers_and_listeners_of_a_call_end_with_it(void **state)
{
	(void)state;
	answer_with("s.ticks = 0\n"
		    "moon.every(0.01, function() s.ticks = s.ticks + 1 end)\n"
		    "moon.on('news', function() s.heard = true end)\n"
		    "moon.after(0.3, function() s.after = true end)\n"
		    "s.found = moon.call(call.id) == call and #moon.calls()\n"
		    "s.nobody = moon.call('nobody')\n"
		    "s.ready = true call:wait('hangup')");
	WAIT_EVAL("moon.shared.ticks > 2", "true");
	assert_eval("moon.shared.found", "1");
	assert_eval("moon.shared.nobody", "null");
	the_far_side_hangs_up();
	WAIT(b.ended == 1);
	(void)eval("(function() local s = moon.shared s.at_end = s.ticks "
		   "moon.emit('news') end)()");
	/* `after` was to come, and comes. */
	WAIT_EVAL("moon.shared.after", "true");
	assert_eval("moon.shared.ticks - moon.shared.at_end <= 1", "true");
	assert_eval("moon.shared.heard", "null");
	assert_eval("#moon.calls()", "0");
}

static void a_reload_gets_a_few_slices_and_says_how_long_it_ran(void **state)
{
	char err[256];

	(void)state;
	answer_with("s.version = 1 call:wait_digit() s.version = 'old'");
	WAIT_EVAL("moon.shared.version", "1");
	write_file("flow.lua", "while true do end");
	assert_false(scripts_reload(scripts, err, sizeof(err)));
	/* The slice here is 200 ms. */
	assert_non_null(strstr(err, "flow.lua:1: ran for more than 1000 ms"));
	press("1");
	WAIT_EVAL("moon.shared.version", "\"old\"");
}

#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, script_setup_calls, \
					script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_recording_of_the_call_pauses_and_ends_with_its_variable),
		T(a_paused_recording_does_not_grow),
		T(mute_and_unmute_check_their_direction),
		T(progress_plays_before_the_answer),
		T(redirect_sends_the_caller_elsewhere),
		T(a_digit_goes_to_the_reader_that_waits_longest),
		T(unread_digits_are_kept_until_they_are_flushed),
		T(where_a_closing_script_stands_nothing_waits),
		T(what_a_script_dialled_ends_with_it_also_by_error),
		T(timers_and_listeners_of_a_call_end_with_it),
		T(a_reload_gets_a_few_slices_and_says_how_long_it_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
