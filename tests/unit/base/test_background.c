/* test_background.c -- work on the thread, its end on the loop */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include "base/background.h"
#include "base/loop.h"

enum { JOBS = 100 };

static struct loop *loop;
static struct background *bg;
static int worked, finished;

struct job {
	pthread_t worked_on;
	int worked_as, finished_as;
};

static struct job jobs[JOBS];

static int setup(void **state)
{
	(void)state;
	worked = finished = 0;
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	return background_alloc(&bg, loop);
}

static int teardown(void **state)
{
	(void)state;
	background_free(bg);
	loop_free(loop);
	return 0;
}

static void work(void *arg)
{
	struct job *job = arg;

	job->worked_on = pthread_self();
	job->worked_as = worked++;
}

static void done(void *arg)
{
	struct job *job = arg;

	assert_true(loop_is_mine(loop));
	assert_false(pthread_equal(job->worked_on, pthread_self()));
	job->finished_as = finished++;
	if (finished == JOBS)
		loop_stop(loop);
}

static void jobs_run_on_the_thread_and_end_on_the_loop_in_order(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(background_run(bg, work, done, &jobs[i]), 0);
	loop_run(loop);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(jobs[i].worked_as, i);
		assert_int_equal(jobs[i].finished_as, i);
	}
}

static void done_while_closing(void *arg)
{
	finished++;
	assert_int_equal(background_run(bg, work, done_while_closing, arg),
			 ESHUTDOWN);
}

static void freeing_runs_what_is_queued(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++)
		background_run(bg, work, done_while_closing, &jobs[i]);
	background_run(bg, work, NULL, &jobs[0]);
	background_free(bg);
	bg = NULL;
	assert_int_equal(worked, JOBS + 1);
	assert_int_equal(finished, JOBS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			jobs_run_on_the_thread_and_end_on_the_loop_in_order,
			setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_runs_what_is_queued,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
