/* Two hundred calls that play and gather, beside scripts that go wrong. */
#include "line.h"

enum { CALLS = 200 };

struct caller {
	struct call *call;
	bool answered, ended;
};

static struct caller callers[CALLS];
static unsigned talking, over;

static void on_caller(struct call *call, const struct call_event *event,
		      void *arg)
{
	struct caller *c = arg;

	(void)call;
	if (event->type == CALL_EV_ANSWERED && !c->answered) {
		c->answered = true;
		talking++;
	} else if (event->type == CALL_EV_ENDED && !c->ended) {
		c->ended = true;
		over++;
	}
}

static int setup_crowd(void **state)
{
	fixture_streams = CALLS + 20;
	(void)script_setup_calls(state);
	fixture_streams = 0;
	scripts_free(scripts);
	script_config.slice_ms = 20;
	script_config.pattern_steps = 100000;
	script_config.memory_soft = 96 << 20;
	script_config.memory_hard = 128 << 20;
	scripts_open();
	return 0;
}

/* Each turn is a prompt of 0.2 s and a gather that times out after 0.1 s; what
 * it took beyond that is what others cost. */
static const char flow[] =
	MOON "s.late, s.turns, s.done, s.failed = {}, 0, 0, 0\n"
	     "moon.on_call('2..', function(call)\n"
	     "  call:answer()\n"
	     "  while not s.go do call:sleep(0.02) end\n"
	     "  for i = 1, s.wanted do\n"
	     "    local at = moon.now()\n"
	     "    assert(call:play('hello') == 'done')\n"
	     "    assert(select(2, call:gather{timeout = 0.1}) == 'timeout')\n"
	     "    s.late[#s.late + 1] = moon.now() - at - 0.3\n"
	     "  end\n"
	     "  s.done = s.done + 1\n"
	     "end)\n"
	     "function worst()\n"
	     "  table.sort(s.late)\n"
	     "  return s.late[#s.late]\n"
	     "end\n"
	     "function median() return s.late[#s.late // 2] end\n"
	     "function misbehave()\n"
	     "  local bad = {\n"
	     "    function() while true do end end,\n"
	     "    function() while true do pcall(function() while true do "
	     "end end) end end,\n"
	     "    function() coroutine.wrap(function() while true do "
	     "pcall(error) end end)() end,\n"
	     "    function() return ('a'):rep(300):find(('.-'):rep(20) .. "
	     "'b') end,\n"
	     "    function() local t = {} while true do t[#t + 1] = "
	     "('x'):rep(1e6) .. #t moon.sleep(0) end end,\n"
	     "    function() local x = ('x'):rep(1e6) while true do x = x .. "
	     "x end end,\n"
	     "  }\n"
	     "  s.ends = {}\n"
	     "  for i, f in ipairs(bad) do\n"
	     "    local ok, why, message = moon.spawn(f):wait(60)\n"
	     "    s.ends[i] = tostring(message)\n"
	     "  end\n"
	     "  return #s.ends\n"
	     "end\n";

static void dial_all(void)
{
	char target[128];

	(void)snprintf(target, sizeof(target), "%s", uri_of(&b, "200"));
	for (unsigned i = 0; i < CALLS; i++) {
		const struct call_dial d = {.target = target};
		const char *reason;
		char err[256];

		if (call_dial(&callers[i].call, a.calls, &d, on_caller,
			      &callers[i], &reason, err, sizeof(err)))
			fail_msg("%u: %s: %s", i, reason, err);
		WAIT(talking + 20 > i);
	}
	WAIT(talking == CALLS);
}

static void two_hundred_calls_notice_nothing_of_scripts_that_go_wrong(void **st)
{
	char text[64];
	double worst;

	(void)st;
	memset(callers, 0, sizeof(callers));
	talking = over = 0;
	write_tone("hello.wav");
	load(flow);
	dial_all();
	(void)eval("(function() moon.shared.wanted = 4 moon.shared.go = true "
		   "end)()");
	assert_eval("misbehave()", "6");
	/* The last one meets the one limit or the other first. */
	assert_eval(
		"moon.shared.ends[6]:find('not enough memory') ~= nil or "
		"moon.shared.ends[6]:find('ran for more than 20 ms') ~= nil",
		"true");
	for (int i = 1; i <= 5; i++) {
		(void)snprintf(text, sizeof(text), "moon.shared.ends[%d]", i);
		assert_eval_has(text, i <= 3   ? "ran for more than 20 ms"
				      : i == 4 ? "pattern match takes too long"
					       : "not enough memory");
		/* … and its line. */
		assert_eval_has(text, "flow.lua:");
	}
	WAIT(over == CALLS);
	WAIT(b.ended == CALLS && a.ended == CALLS);
	assert_eval("moon.shared.done", "200");
	assert_eval("#moon.shared.late", "800");
	worst = strtod(eval("worst()"), NULL);
	/* Each misbehaves for 20 ms, and garbage is collected: far from it,
	 * also on a busy machine with sanitizers. */
	print_message("worst turn: %.0f ms late, median %.0f ms\n",
		      worst * 1000, strtod(eval("median()"), NULL) * 1000);
	assert_true(worst < 1.0);
	for (unsigned i = 0; i < CALLS; i++)
		callers[i].call = mem_deref(callers[i].call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			two_hundred_calls_notice_nothing_of_scripts_that_go_wrong,
			setup_crowd, script_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
