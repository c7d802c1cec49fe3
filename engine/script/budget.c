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
 * slice counts: a script that is slow by itself is looked at often.
 *
 * Lua asks for its hook at each instruction, which makes it slower by half. So
 * there is none until a slice has lasted for a tick of the thread's own CPU
 * time: a signal of a timer sets it, as lua_sethook() may be called from one.
 */
#include "script/host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* ThreadSanitizer puts signals off until the next call of the C library, which
 * a script that goes round in circles never makes. */
#if defined(__SANITIZE_THREAD__)
enum { TICKS = 0 };
#else
enum { TICKS = 1 };
#endif

enum { TICK_NS = 2000000 };

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
	/* Most slices are over before anybody looks: this is a system call. */
	if (!host->slice_end_cpu_ns)
		host->slice_end_cpu_ns =
			clock_thread_cpu_ns() + host->slice_ns - host->spent_ns;
	return host->spent_ns >= host->slice_ns &&
	       clock_thread_cpu_ns() >= host->slice_end_cpu_ns;
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct scripts *host = host_of(L);

	if (!is_over(host)) {
		if (host->ticking && host->slice != host->slice_ticked)
			lua_sethook(L, NULL, 0, 0); /* an earlier slice's */
		else if (lua_gethookcount(L) != HOOK_COUNT)
			lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_COUNT);
		return;
	}
	host->exceeded = true;
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	(void)overrun(L, ar);
}

/* On the loop thread, between any two of its instructions. */
static void on_tick(int number, siginfo_t *info, void *context)
{
	struct scripts *host = info->si_value.sival_ptr;
	lua_State *L = host->innermost;

	(void)number;
	(void)context;
	if (L && host->slice == host->slice_ticked)
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	host->slice_ticked = host->slice;
}

void budget_open(struct scripts *host)
{
	struct itimerspec every = {.it_interval.tv_nsec = TICK_NS,
				   .it_value.tv_nsec = TICK_NS};
	struct sigaction action = {.sa_sigaction = on_tick,
				   .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
				 .sigev_signo = SIGVTALRM,
				 .sigev_value.sival_ptr = host};

	if (!TICKS)
		return;
	event._sigev_un._tid = gettid();
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGVTALRM, &action, NULL) ||
	    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &host->ticks))
		return;
	host->ticking = !timer_settime(host->ticks, 0, &every, NULL);
	if (!host->ticking)
		(void)timer_delete(host->ticks);
}

void budget_close(struct scripts *host)
{
	if (host->ticking)
		(void)timer_delete(host->ticks);
	host->ticking = false;
}

void budget_begin(struct scripts *host, uint64_t slice_ns)
{
	host->slice++;
	host->slice_ns = slice_ns;
	host->spent_ns = 0;
	host->looked_ns = clock_mono_ns();
	host->slice_end_cpu_ns = 0;
	host->exceeded = false;
}

void budget_spare(struct scripts *host, uint64_t ns)
{
	host->looked_ns += ns;
	if (host->slice_end_cpu_ns)
		host->slice_end_cpu_ns += ns;
}

void budget_arm(lua_State *co)
{
	if (!host_of(co)->ticking)
		lua_sethook(co, hook, LUA_MASKCOUNT, HOOK_COUNT);
	else if (lua_gethookmask(co))
		lua_sethook(co, NULL, 0, 0);
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
