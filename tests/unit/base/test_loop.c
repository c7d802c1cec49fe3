/* test_loop.c -- turns, soon, signals, descriptors */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <event2/event.h>
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
	return loop_current() ? -1 : 0;
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop_current());
}

/* What happened, in order. */
static char trace[64];

static void note(char c)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof(trace));
	trace[n] = c;
	trace[n + 1] = '\0';
}

#define CHAR(c) ((void *)(uintptr_t)(c))

static void note_char(void *arg)
{
	note((char)(uintptr_t)arg);
}

static void soon_runs_in_order_and_once(void **state)
{
	struct soon a = {0}, b = {0}, end = {0};
	(void)state;

	*trace = '\0';
	soon_queue(&a, note_char, CHAR('a'));
	soon_queue(&b, note_char, CHAR('b'));
	soon_queue(&a, note_char, CHAR('a'));
	soon_queue(&end, stop, NULL);
	assert_string_equal(trace, "");
	assert_true(soon_pending(&a));
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trace, "ab");
	assert_false(soon_pending(&a));
}

static void cancelled_soon_does_not_run(void **state)
{
	struct soon a = {0}, b = {0}, c = {0}, end = {0};
	(void)state;

	*trace = '\0';
	soon_queue(&a, note_char, CHAR('a'));
	soon_queue(&b, note_char, CHAR('b'));
	soon_queue(&c, note_char, CHAR('c'));
	soon_cancel(&c); /* the last */
	soon_cancel(&a); /* the first */
	soon_cancel(&a);
	soon_queue(&end, stop, NULL);
	loop_run(loop);
	assert_string_equal(trace, "b");
}

static struct soon victim, next_one;

static void cancel_the_others(void *arg)
{
	(void)arg;
	note('x');
	soon_cancel(&victim);
	soon_cancel(&next_one);
}

static void soon_can_cancel_others_of_its_batch(void **state)
{
	struct soon a = {0}, end = {0};
	(void)state;

	*trace = '\0';
	soon_queue(&a, cancel_the_others, NULL);
	soon_queue(&victim, note_char, CHAR('v'));
	soon_queue(&end, stop, NULL);
	soon_queue(&next_one, note_char, CHAR('n'));
	loop_run(loop);
	assert_string_equal(trace, "x");
}

static struct soon spinning;
static int spins;

static void spin(void *arg)
{
	spins++;
	soon_queue(&spinning, spin, arg);
}

static void stop_on_read(int flags, void *arg)
{
	(void)flags;
	(void)arg;
	loop_stop(loop);
}

static void work_that_requeues_itself_does_not_starve_sockets(void **state)
{
	int fds[2];
	(void)state;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_listen(fds[0], FD_READ, stop_on_read, NULL), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	spins = 0;
	spin(NULL);
	loop_run(loop);
	soon_cancel(&spinning);
	assert_true(spins < 10);
	fd_close(fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void a_stop_asked_for_before_the_run_is_not_lost(void **state)
{
	(void)state;
	loop_stop(loop);
	assert_int_equal(loop_run(loop), 0);
}

static void what_is_pending_outlives_the_loop(void **state)
{
	struct loop *other;
	struct soon soon = {0};
	struct tmr tmr = {0};
	int fds[2];
	(void)state;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_alloc(&other), 0);
	loop_enter(other);
	soon_queue(&soon, stop, NULL);
	tmr_start(&tmr, 1000, stop, NULL);
	assert_int_equal(fd_listen(fds[0], FD_READ, stop_on_read, NULL), 0);
	loop_free(other);
	assert_null(loop_current());

	assert_false(soon_pending(&soon));
	assert_false(tmr_isrunning(&tmr));
	soon_cancel(&soon);
	tmr_cancel(&tmr);
	fd_close(fds[0]);
	assert_int_equal(fd_listen(fds[0], FD_READ, stop_on_read, NULL),
			 EBADFD);
	loop_enter(loop);
	close(fds[0]);
	close(fds[1]);
}

static void on_signal(int sig, void *arg)
{
	*(int *)arg = sig;
	loop_stop(loop);
}

static void signals_arrive_on_the_loop(void **state)
{
	int got = 0;
	(void)state;

	assert_int_equal(loop_signal(loop, SIGHUP, on_signal, &got), 0);
	kill(getpid(), SIGHUP);
	loop_run(loop);
	assert_int_equal(got, SIGHUP);

	assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, &got), 0);
	kill(getpid(), SIGUSR1);
	loop_run(loop);
	assert_int_equal(got, SIGUSR1);

	assert_int_equal(loop_signal(loop, SIGHUP, NULL, NULL), 0);
	assert_int_equal(loop_signal(loop, SIGUSR1, NULL, NULL), 0);
	assert_int_equal(loop_signal(loop, 0, on_signal, NULL), EINVAL);
	assert_int_equal(loop_signal(loop, SIGKILL, on_signal, NULL), EINVAL);
}

struct end {
	int fd;
	struct end *other;
	int reads;
};

static void close_both(int flags, void *arg)
{
	struct end *end = arg;

	assert_int_equal(flags, FD_READ);
	end->reads++;
	fd_close(end->fd);
	close(end->fd);
	fd_close(end->other->fd);
	close(end->other->fd);
	loop_stop(loop);
}

static void closing_another_ready_descriptor_silences_it(void **state)
{
	struct end a = {0}, b = {0};
	int pa[2], pb[2];
	(void)state;

	assert_int_equal(pipe(pa), 0);
	assert_int_equal(pipe(pb), 0);
	a = (struct end){pa[0], &b, 0};
	b = (struct end){pb[0], &a, 0};
	assert_int_equal(fd_listen(a.fd, FD_READ, close_both, &a), 0);
	assert_int_equal(fd_listen(b.fd, FD_READ, close_both, &b), 0);
	assert_int_equal(write(pa[1], "x", 1), 1);
	assert_int_equal(write(pb[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(a.reads + b.reads, 1);
	close(pa[1]);
	close(pb[1]);
}

static int fresh_reads, silent[2];

static void on_fresh(int flags, void *arg)
{
	(void)flags;
	(void)arg;
	fresh_reads++;
}

/* Both are ready; whichever comes first puts a silent pipe in the other's
 * place, under the same number. */
static void replace_other(int flags, void *arg)
{
	struct end *end = arg;
	static struct soon again, end_soon;
	(void)flags;

	end->reads++;
	fd_close(end->fd);
	fd_close(end->other->fd);
	assert_int_equal(dup2(silent[0], end->other->fd), end->other->fd);
	assert_int_equal(fd_listen(end->other->fd, FD_READ, on_fresh, NULL), 0);
	soon_queue(&again, note_char, CHAR('t'));
	soon_queue(&end_soon, stop, NULL);
}

static void a_reopened_descriptor_gets_no_stale_event(void **state)
{
	struct end a = {0}, b = {0};
	int pa[2], pb[2];
	(void)state;

	*trace = '\0';
	assert_int_equal(pipe(silent), 0);
	assert_int_equal(pipe(pa), 0);
	assert_int_equal(pipe(pb), 0);
	a = (struct end){pa[0], &b, 0};
	b = (struct end){pb[0], &a, 0};
	assert_int_equal(fd_listen(a.fd, FD_READ, replace_other, &a), 0);
	assert_int_equal(fd_listen(b.fd, FD_READ, replace_other, &b), 0);
	assert_int_equal(write(pa[1], "x", 1), 1);
	assert_int_equal(write(pb[1], "x", 1), 1);
	fresh_reads = 0;
	loop_run(loop);
	assert_int_equal(a.reads + b.reads, 1);
	assert_int_equal(fresh_reads, 0);
	assert_string_equal(trace, "t");
	fd_setsize(0);
	for (int i = 0; i < 2; i++) {
		close(pa[i]);
		close(pb[i]);
		close(silent[i]);
	}
}

static void count_flags(int flags, void *arg)
{
	int *seen = arg;

	*seen |= flags;
	loop_stop(loop);
}

static void flags_can_be_changed_while_listening(void **state)
{
	int fds[2], seen = 0;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(
		fd_listen(fds[0], FD_READ | FD_WRITE, count_flags, &seen), 0);
	loop_run(loop);
	assert_int_equal(seen, FD_WRITE);

	seen = 0;
	assert_int_equal(fd_listen(fds[0], FD_READ, count_flags, &seen), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(seen, FD_READ);

	fd_close(fds[0]);
	fd_close(fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void descriptors_far_above_the_first_table_work(void **state)
{
	int fds[2], high, seen = 0;
	(void)state;

	assert_int_equal(pipe(fds), 0);
	high = dup2(fds[0], 700);
	assert_int_equal(high, 700);
	assert_int_equal(fd_listen(high, FD_READ, count_flags, &seen), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(seen, FD_READ);
	fd_close(high);
	close(high);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fd_listen(-1, FD_READ, count_flags, NULL), EBADF);
}

static void a_descriptor_replaced_behind_our_back_is_heard_again(void **state)
{
	int old[2], new[2], seen = 0;
	(void)state;

	assert_int_equal(pipe(old), 0);
	assert_int_equal(pipe(new), 0);
	assert_int_equal(fd_listen(old[0], FD_READ, count_flags, &seen), 0);
	assert_int_equal(dup2(new[0], old[0]), old[0]);
	assert_int_equal(fd_listen(old[0], FD_READ, count_flags, &seen), 0);
	assert_int_equal(write(new[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(seen, FD_READ);
	fd_close(old[0]);
	for (int i = 0; i < 2; i++) {
		close(old[i]);
		close(new[i]);
	}
}

static void listening_to_a_closed_descriptor_fails(void **state)
{
	int fds[2];
	(void)state;

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fd_listen(fds[0], FD_READ, count_flags, NULL), EBADF);
	fd_close(fds[0]);
}

static void cancel_main(void *arg)
{
	*(int *)arg += 1;
	re_cancel();
}

static void re_main_runs_until_re_cancel(void **state)
{
	struct tmr tmr = {0};
	int fired = 0;
	(void)state;

	tmr_start(&tmr, 1, cancel_main, &fired);
	assert_int_equal(re_main(NULL), 0);
	assert_int_equal(fired, 1);
}

struct ticker {
	struct tmr tmr;
	int left;
};

static void tick_again(void *arg)
{
	struct ticker *ticker = arg;

	if (--ticker->left)
		tmr_start(&ticker->tmr, 0, tick_again, ticker);
	else
		loop_stop(loop_current());
}

static void a_paced_loop_leaves_time_between_its_turns(void **state)
{
	struct ticker ticker = {.left = 11};
	uint64_t start_ms;
	(void)state;

	loop_set_pace(loop);
	tmr_start(&ticker.tmr, 0, tick_again, &ticker);
	start_ms = clock_mono_ms();
	assert_int_equal(loop_run(loop), 0);
	assert_true(clock_mono_ms() - start_ms >= 2 * 9);
}

static int turns_left;

static void queue_again(void *arg)
{
	if (--turns_left)
		soon_queue(arg, queue_again, arg);
	else
		loop_stop(loop_current());
}

/* What has been left for the next turn has no time to lose. */
static void a_paced_loop_goes_on_with_what_is_left(void **state)
{
	struct soon soon = {0};
	uint64_t start_ms;
	(void)state;

	loop_set_pace(loop);
	turns_left = 2000;
	soon_queue(&soon, queue_again, &soon);
	start_ms = clock_mono_ms();
	assert_int_equal(loop_run(loop), 0);
	assert_true(clock_mono_ms() - start_ms < 2000);
}

static int allocations_left = -1; /* -1: any number */

static void *failing_malloc(size_t size)
{
	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size);
}

static void *failing_realloc(void *old, size_t size)
{
	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return realloc(old, size);
}

/* Fails libevent's first allocation, then its second, … until all succeed. */
static void making_a_loop_survives_lack_of_memory(void **state)
{
	struct loop *other = NULL;
	int err = ENOMEM, n;
	(void)state;

	for (n = 0; err; n++) {
		assert_null(other);
		allocations_left = n;
		err = loop_alloc(&other);
		assert_true(!err || err == ENOMEM);
	}
	allocations_left = -1;
	assert_true(n > 3);
	loop_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(soon_runs_in_order_and_once),
		TEST(cancelled_soon_does_not_run),
		TEST(soon_can_cancel_others_of_its_batch),
		TEST(work_that_requeues_itself_does_not_starve_sockets),
		TEST(a_stop_asked_for_before_the_run_is_not_lost),
		TEST(what_is_pending_outlives_the_loop),
		TEST(signals_arrive_on_the_loop),
		TEST(closing_another_ready_descriptor_silences_it),
		TEST(a_reopened_descriptor_gets_no_stale_event),
		TEST(flags_can_be_changed_while_listening),
		TEST(descriptors_far_above_the_first_table_work),
		TEST(a_descriptor_replaced_behind_our_back_is_heard_again),
		TEST(listening_to_a_closed_descriptor_fails),
		TEST(re_main_runs_until_re_cancel),
		TEST(a_paced_loop_leaves_time_between_its_turns),
		TEST(a_paced_loop_goes_on_with_what_is_left),
		TEST(making_a_loop_survives_lack_of_memory),
	};

	event_set_mem_functions(failing_malloc, failing_realloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
