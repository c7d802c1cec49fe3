/* test_timer.c -- libre's timers on our heap */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <re.h>
#include "base/clock.h"
#include "base/loop.h"

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static char trace[64];

#define CHAR(c) ((void *)(uintptr_t)(c))

static void note(void *arg)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof(trace));
	trace[n] = (char)(uintptr_t)arg;
	trace[n + 1] = '\0';
}

static void run_for(uint64_t ms)
{
	struct tmr end = {0};

	tmr_start(&end, ms, stop, NULL);
	loop_run(loop);
	tmr_cancel(&end);
}

static void timers_fire_by_deadline_then_by_start(void **state)
{
	struct tmr t[6] = {0};
	(void)state;

	*trace = '\0';
	tmr_start(&t[0], 30, note, CHAR('d'));
	tmr_start(&t[1], 10, note, CHAR('b'));
	tmr_start(&t[2], 10, note, CHAR('c'));
	tmr_start(&t[3], 0, note, CHAR('a'));
	tmr_start(&t[4], 30, note, CHAR('e'));
	tmr_start(&t[5], 20, note, CHAR('x'));
	tmr_start(&t[5], 40, note, CHAR('f')); /* started anew */
	run_for(50);
	assert_string_equal(trace, "abcdef");
}

static uint64_t fired_ns;

static void note_time(void *arg)
{
	(void)arg;
	fired_ns = clock_mono_ns();
	loop_stop(loop);
}

static void no_timer_fires_early(void **state)
{
	struct tmr tmr = {0};
	(void)state;

	for (uint64_t ms = 0; ms < 12; ms++) {
		uint64_t start_ns = clock_mono_ns();

		tmr_start(&tmr, ms, note_time, NULL);
		loop_run(loop);
		assert_true(fired_ns - start_ns >= ms * 1000000);
	}
}

static void a_short_timer_does_not_wait_for_a_long_one(void **state)
{
	struct tmr longer = {0}, shorter = {0};
	(void)state;

	tmr_start(&longer, 30000, stop, NULL);
	tmr_start(&shorter, 1, stop, NULL);
	loop_run(loop);
	assert_false(tmr_isrunning(&shorter));
	assert_true(tmr_isrunning(&longer));
	tmr_cancel(&longer);
}

static void expiry_counts_down(void **state)
{
	struct tmr tmr = {0};
	(void)state;

	assert_int_equal(tmr_get_expire(&tmr), 0);
	assert_int_equal(tmr_next_timeout(NULL), 0);
	tmr_start(&tmr, 60000, note, CHAR('x'));
	assert_true(tmr_isrunning(&tmr));
	assert_in_range(tmr_get_expire(&tmr), 50000, 60000);
	assert_in_range(tmr_next_timeout(NULL), 50000, 60000);
	tmr_cancel(&tmr);
	tmr_cancel(&tmr);
	assert_false(tmr_isrunning(&tmr));
	assert_int_equal(tmr_get_expire(&tmr), 0);
	tmr_start(NULL, 1, note, CHAR('x'));
	tmr_cancel(NULL);
	tmr_start(&tmr, UINT64_MAX, note, CHAR('x')); /* never, not at once */
	assert_true(tmr_get_expire(&tmr) > UINT64_C(1) << 40);
	tmr_cancel(&tmr);
}

static struct tmr first, second, third;

static void cancel_second_restart_third(void *arg)
{
	note(arg);
	tmr_cancel(&second);
	tmr_start(&third, 5, note, CHAR('z'));
}

static void a_handler_cancels_and_restarts_others_that_are_due(void **state)
{
	(void)state;

	*trace = '\0';
	tmr_start(&first, 2, cancel_second_restart_third, CHAR('1'));
	tmr_start(&second, 2, note, CHAR('2'));
	tmr_start(&third, 2, note, CHAR('3'));
	run_for(20);
	assert_string_equal(trace, "1z");
	assert_false(tmr_isrunning(&second));
}

struct self {
	struct tmr tmr;
	int left;
};

static void count_down(void *arg)
{
	struct self *self = arg;

	assert_false(tmr_isrunning(&self->tmr));
	if (--self->left) {
		tmr_start(&self->tmr, 1, count_down, self);
	} else {
		free(self);
		loop_stop(loop);
	}
}

static void a_handler_restarts_and_frees_itself(void **state)
{
	struct self *self = calloc(1, sizeof(*self));
	(void)state;

	assert_non_null(self);
	self->left = 5;
	tmr_start(&self->tmr, 1, count_down, self);
	run_for(60000);
	assert_int_equal(tmr_next_timeout(NULL), 0);
}

static struct tmr always;
static int rounds;

static void again_at_once(void *arg)
{
	(void)arg;
	rounds++;
	tmr_start(&always, 0, again_at_once, NULL);
}

static void on_readable(int flags, void *arg)
{
	(void)flags;
	(void)arg;
	loop_stop(loop);
}

static void a_timer_of_0_lets_sockets_in_between(void **state)
{
	int fds[2];
	(void)state;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_listen(fds[0], FD_READ, on_readable, NULL), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	rounds = 0;
	tmr_start(&always, 0, again_at_once, NULL);
	loop_run(loop);
	tmr_cancel(&always);
	assert_true(rounds < 10);
	fd_close(fds[0]);
	close(fds[0]);
	close(fds[1]);
}

enum { MANY = 50000, SPAN_MS = 400 };

struct many {
	struct tmr tmr;
	uint64_t due_ns; /* no earlier than this */
	int fired;
	bool wanted;
};

static struct many *many;
static uint64_t fired, wanted, last_jfs;

static void on_many(void *arg)
{
	struct many *one = arg;

	/* the deadline in ms, which libre's struct keeps, never goes back */
	assert_true(one->tmr.jfs >= last_jfs);
	last_jfs = one->tmr.jfs;
	assert_true(clock_mono_ns() >= one->due_ns);
	one->fired++;
	if (++fired == wanted)
		loop_stop(loop);
}

/* Starts and restarts MANY timers, cancels a third: those that must fire do so
 * once and in order, the others never. */
static void fifty_thousand_timers_at_random(void **state)
{
	uint64_t start_ns, took_ns;
	unsigned seed = 4711;
	(void)state;

	many = calloc(MANY, sizeof(*many));
	assert_non_null(many);
	fired = wanted = last_jfs = 0;

	start_ns = clock_mono_ns();
	for (int i = 0; i < 2 * MANY; i++) {
		struct many *one = &many[rand_r(&seed) % MANY];
		uint64_t delay_ms = (uint64_t)(rand_r(&seed) % SPAN_MS) + 100;

		if (rand_r(&seed) % 3) {
			one->due_ns = clock_mono_ns() + delay_ms * 1000000;
			tmr_start(&one->tmr, delay_ms, on_many, one);
			one->wanted = true;
		} else {
			tmr_cancel(&one->tmr);
			one->wanted = false;
		}
	}
	took_ns = clock_mono_ns() - start_ns;
	for (int i = 0; i < MANY; i++) {
		wanted += many[i].wanted;
		assert_int_equal(tmr_isrunning(&many[i].tmr), many[i].wanted);
	}
	print_message("%d starts and cancels, %.0f ns each\n", 2 * MANY,
		      (double)took_ns / (2.0 * MANY));

	run_for(60000);
	assert_int_equal(tmr_next_timeout(NULL), 0);
	assert_int_equal(fired, wanted);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(many[i].fired, many[i].wanted);
	free(many);
}

static struct tmr *churned;

static void churn(void *arg)
{
	unsigned *seed = arg;

	for (int i = 0; i < 50; i++) {
		struct tmr *tmr = &churned[rand_r(seed) % 1000];

		if (rand_r(seed) % 2)
			tmr_start(tmr, (uint64_t)(rand_r(seed) % 20), churn,
				  seed);
		else
			tmr_cancel(tmr);
	}
}

static void any_timer_may_change_within_any_handler(void **state)
{
	unsigned seed = 42;
	int running = 0;
	(void)state;

	churned = calloc(1000, sizeof(*churned));
	assert_non_null(churned);
	churn(&seed);
	churn(&seed);
	run_for(100);
	for (int i = 0; i < 1000; i++) {
		running += tmr_isrunning(&churned[i]);
		tmr_cancel(&churned[i]);
	}
	assert_true(running > 0);
	assert_int_equal(tmr_next_timeout(NULL), 0);
	free(churned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_fire_by_deadline_then_by_start),
		TEST(no_timer_fires_early),
		TEST(a_short_timer_does_not_wait_for_a_long_one),
		TEST(expiry_counts_down),
		TEST(a_handler_cancels_and_restarts_others_that_are_due),
		TEST(a_handler_restarts_and_frees_itself),
		TEST(a_timer_of_0_lets_sockets_in_between),
		TEST(fifty_thousand_timers_at_random),
		TEST(any_timer_may_change_within_any_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
