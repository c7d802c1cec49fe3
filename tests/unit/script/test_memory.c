/* Lua's allocator fails at the n-th request, and for a while after it, for
 * every n: the engine lives, the call ends, nothing stays behind. */
#include "line.h"

/* The fixture has a host_of() of its own. */
#define host_of host_of_state
#include "script/host.h"
#undef host_of

enum { STEP_DEFAULT = 3 };

static unsigned long requests, fail_at, fail_for;

static void *failing_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
	/* Lua relies on that what shrinks does not fail; there is a reserve for
	 * what finalizers need. */
	if (fail_for && nsize > (ptr ? osize : 0) &&
	    !memory_is_reserved(ptr, osize, nsize)) {
		requests++;
		if (requests >= fail_at && requests < fail_at + fail_for)
			return NULL;
	}
	return memory_alloc(ud, ptr, osize, nsize);
}

static void deny(unsigned long at, unsigned long for_)
{
	requests = 0;
	fail_at = at;
	fail_for = for_;
}

/* MOONDIAL_EVERY=1 tries each n; the default is quick. */
static unsigned long step(void)
{
	const char *every = getenv("MOONDIAL_EVERY");

	return every ? strtoul(every, NULL, 10) : STEP_DEFAULT;
}

static int setup_memory(void **state)
{
	(void)script_setup_calls(state);
	lua_setallocf(scripts->L, failing_alloc, scripts);
	return 0;
}

static const char flow[] = MOON
	"moon.on('hangup', function(call, e) s.hangups = (s.hangups or 0) + 1 "
	"end)\n"
	"moon.on_call(function(call)\n"
	"  call.user.name, call.disposition = 'x', 'served'\n"
	"  call:on('hangup', function(e) moon.sleep(0.001) end)\n"
	"  call:on('beep', function(e) moon.sleep(0.001) end)\n"
	"  call:answer()\n"
	"  call:wait('speech', 0.002)\n"
	"  local timer <close> = moon.every(0.005, function() end)\n"
	"  moon.after(0.001, function() end)\n"
	"  local t = moon.spawn(function() call:sleep(0.01) return {1, 2} "
	"end)\n"
	"  call:play({{tone = 'beep', duration = 0.02}, {silence = 0.02}})\n"
	"  call:gather{prompt = {{tone = 'beep', duration = 0.02}}, timeout = "
	"0.01, valid = '[12]'}\n"
	"  local wrapped = coroutine.wrap(function() call:sleep(0.001) end)\n"
	"  wrapped()\n"
	"  pcall(function() local r <close> = call:record_call{file = 'x{id}'} "
	"call:wait_digit(0.01) end)\n"
	"  moon.select{t = t, d = call:event('dtmf'), timeout = 0.05}\n"
	"  call:record{file = 'm{id}', max = 0.02}\n"
	"  s.all = (s.all or 0) + 1\n"
	"end)\n";

static void nothing_stays(unsigned long n)
{
	WAIT(list_isempty(&scripts->legs) && list_isempty(&scripts->jobs) &&
	     idle_but_for(0));
	if (!list_isempty(&scripts->timers))
		WAIT(list_isempty(&scripts->timers));
	if (list_count(&scripts->subscriptions) != 1)
		fail_msg("%lu: %u subscriptions", n,
			 list_count(&scripts->subscriptions));
	(void)lua_gc(scripts->L, LUA_GCCOLLECT);
}

/* One call while requests fail from N on, for LONG of them. False: it is
 * through before N. */
static bool one_call(unsigned long n, unsigned long how_long)
{
	const unsigned ended = a.ended;

	a.events[0] = b.events[0] = '\0';
	deny(n, how_long);
	dial(uri_of(&b, "100"));
	WAIT(a.ended == ended + 1 && b.ended == ended + 1);
	deny(n, requests < n ? how_long : 0);
	nothing_stays(n);
	fail_for = 0;
	return true;
}

static void a_call_survives_each_allocation_that_fails(void **state)
{
	/* Lua collects and tries once more: one failure is none. */
	static const unsigned long lengths[] = {1, 2, 40, 100000};
	unsigned long total, bytes = 0;

	(void)state;
	load(flow);
	(void)one_call(1000000, 1);
	assert_eval("moon.shared.all", "1");
	deny(1000000, 1);
	{
		const unsigned ended = a.ended;

		dial(uri_of(&b, "100"));
		WAIT(a.ended == ended + 1 && b.ended == ended + 1);
		WAIT(idle_but_for(0));
		total = requests;
		fail_for = 0;
	}
	assert_true(total > 50);
	for (size_t i = 0; i < 4; i++) {
		const unsigned long by = i == 0 ? 8 * step() : step();

		for (unsigned long n = 1 + i; n <= total; n += by)
			(void)one_call(n, lengths[i]);
		/* A later call is served as the first one was. */
		(void)eval("(function() moon.shared.all = 0 end)()");
		(void)one_call(1000000, 1);
		assert_eval("moon.shared.all", "1");
		(void)lua_gc(scripts->L, LUA_GCCOLLECT);
		if (!bytes)
			bytes = scripts->bytes;
		if (scripts->bytes > bytes + 16384)
			fail_msg("%lu bytes, then %lu", bytes,
				 (unsigned long)scripts->bytes);
	}
	print_message("%lu requests a call, %u calls\n", total, a.ended);
}

static void a_reload_survives_each_allocation_that_fails(void **state)
{
	char err[256];
	unsigned long n = 1;
	unsigned refused = 0;

	(void)state;
	load(flow);
	for (bool ok = false; !ok; n += step()) {
		deny(n, 2);
		ok = scripts_reload(scripts, err, sizeof(err)) && requests < n;
		fail_for = 0;
		refused += !ok;
		(void)lua_gc(scripts->L, LUA_GCCOLLECT);
		assert_int_equal(list_count(&scripts->generations), 1);
	}
	assert_true(refused > 10);
	(void)one_call(1000000, 1);
	assert_eval("moon.shared.all", "1");
	print_message("%u reloads refused\n", refused);
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, setup_memory, script_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call_survives_each_allocation_that_fails),
		T(a_reload_survives_each_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
