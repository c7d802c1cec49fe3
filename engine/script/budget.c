/* A slice of time for each run of a coroutine. Nothing switches in the middle:
 * who runs past its slice gets an error at each instruction from then on, so
 * that no pcall keeps it alive.
 *
 * What counts is the CPU time: on a machine that has more to do than it can,
 * the wall clock goes on while the thread waits for its core, and no script is
 * at fault for that. The wall clock, which costs no system call, is asked
 * first.
 *
 * In a virtual machine the CPU time goes on too while the host runs somebody
 * else. So from one look at the clock to the next no more than a part of the
 * slice counts: a script that is slow by itself is looked at often. */
#include "script/host.h"

#include <stdio.h>

#include "base/clock.h"

static int overrun(lua_State *L, lua_Debug *ar)
{
	struct scripts *host = host_of(L);

	if (!ar) {
		char where[WHERE_SIZE];

		budget_here(L, where);
		lua_pushfstring(L, "%s%s", where, where[0] ? ": " : "");
	} else {
		(void)lua_getinfo(L, "Sl", ar);
		lua_pushfstring(L, "%s:%d: ", ar->short_src, ar->currentline);
	}
	lua_pushfstring(L, "ran for more than %d ms without a wait",
			(int)(host->slice_ns / 1000000));
	lua_concat(L, 2);
	return lua_error(L);
}

enum { LOOKS_MIN = 4 };

static bool is_over(struct scripts *host)
{
	const uint64_t now_ns = clock_mono_ns();
	const uint64_t most_ns = host->slice_ns / LOOKS_MIN;
	const uint64_t since_ns = now_ns - host->looked_ns;

	host->looked_ns = now_ns;
	host->spent_ns += since_ns < most_ns ? since_ns : most_ns;
	return host->spent_ns >= host->slice_ns &&
	       clock_thread_cpu_ns() >= host->slice_end_cpu_ns;
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct scripts *host = host_of(L);

	if (!is_over(host)) {
		if (lua_gethookcount(L) != HOOK_COUNT)
			budget_arm(L);
		return;
	}
	host->exceeded = true;
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	(void)overrun(L, ar);
}

void budget_begin(struct scripts *host, uint64_t slice_ns)
{
	host->slice_ns = slice_ns;
	host->spent_ns = 0;
	host->looked_ns = clock_mono_ns();
	host->slice_end_cpu_ns = clock_thread_cpu_ns() + slice_ns;
	host->exceeded = false;
}

void budget_arm(lua_State *co)
{
	lua_sethook(co, hook, LUA_MASKCOUNT, HOOK_COUNT);
}

void budget_check(lua_State *L)
{
	struct scripts *host = host_of(L);

	if (!host->running || !is_over(host))
		return;
	host->exceeded = true;
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	(void)overrun(L, NULL);
}

/* Allocates nothing: it is called when no memory is left. */
void budget_here(lua_State *L, char where[WHERE_SIZE])
{
	lua_Debug ar;

	where[0] = '\0';
	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		if (!lua_getinfo(L, "Sl", &ar) || ar.currentline <= 0)
			continue;
		(void)snprintf(where, WHERE_SIZE, "%s:%d", ar.short_src,
			       ar.currentline);
		return;
	}
}
