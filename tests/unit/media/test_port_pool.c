/* test_port_pool.c -- pairs of ports: taken, skipped, exhausted, reused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>
#include "media/port_pool.h"

static struct sa loopback(uint16_t port)
{
	struct sa sa;

	assert_int_equal(sa_set_str(&sa, "127.0.0.1", port), 0);
	return sa;
}

static void pairs_are_even_and_in_the_range(void **state)
{
	struct port_pool *pool;
	struct sa sa;
	int fds[2];
	(void)state;

	assert_int_equal(port_pool_alloc(&pool, 22001, 22006), 0);
	assert_int_equal(port_pool_free_pairs(pool), 2); /* 22002, 22004 */
	for (int i = 0; i < 20; i++) {
		sa = loopback(0);
		assert_int_equal(port_pool_bind(pool, &sa, fds), 0);
		assert_true(sa_port(&sa) == 22002 || sa_port(&sa) == 22004);
		close(fds[0]);
		close(fds[1]);
		port_pool_release(pool, sa_port(&sa));
	}
	port_pool_free(pool);
}

static void a_range_without_a_pair_is_refused(void **state)
{
	struct port_pool *pool;
	(void)state;

	assert_int_equal(port_pool_alloc(&pool, 22001, 22002), EINVAL);
	assert_int_equal(port_pool_alloc(&pool, 22000, 22000), EINVAL);
	assert_int_equal(port_pool_alloc(&pool, 22010, 22000), EINVAL);
	assert_int_equal(port_pool_alloc(&pool, 0, 0), EINVAL);
	assert_int_equal(port_pool_alloc(&pool, 65535, 65535), EINVAL);
	assert_int_equal(port_pool_alloc(&pool, 65534, 65535), 0);
	port_pool_free(pool);
}

static void what_others_hold_is_passed_over_until_it_is_free(void **state)
{
	struct port_pool *pool;
	struct sa sa, taken = loopback(22103); /* an RTCP port */
	int other = socket(AF_INET, SOCK_DGRAM, 0), fds[4][2];
	(void)state;

	assert_int_equal(bind(other, &taken.u.sa, taken.len), 0);
	assert_int_equal(port_pool_alloc(&pool, 22100, 22105), 0);
	for (int i = 0; i < 2; i++) {
		sa = loopback(0);
		assert_int_equal(port_pool_bind(pool, &sa, fds[i]), 0);
		assert_int_not_equal(sa_port(&sa), 22102);
	}
	sa = loopback(0);
	assert_int_equal(port_pool_bind(pool, &sa, fds[2]), EADDRINUSE);
	assert_int_equal(sa_port(&sa), 0);
	close(other);
	assert_int_equal(port_pool_bind(pool, &sa, fds[2]), 0);
	assert_int_equal(sa_port(&sa), 22102);
	assert_int_equal(port_pool_free_pairs(pool), 0);
	assert_int_equal(port_pool_bind(pool, &sa, fds[3]), EADDRINUSE);
	for (int i = 0; i < 3; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	port_pool_free(pool);
}

static void
an_address_that_is_not_ours_is_an_error_and_costs_no_port(void **state)
{
	struct port_pool *pool;
	struct sa sa;
	int fds[2];
	(void)state;

	assert_int_equal(port_pool_alloc(&pool, 22200, 22209), 0);
	assert_int_equal(sa_set_str(&sa, "192.0.2.1", 0), 0);
	assert_int_equal(port_pool_bind(pool, &sa, fds), EADDRNOTAVAIL);
	assert_int_equal(port_pool_free_pairs(pool), 5);
	port_pool_free(pool);
}

/* The last descriptor goes to RTP, none is left for RTCP: nothing stays open,
 * and nobody closes the descriptor twice. */
static void without_descriptors_nothing_is_left_half_done(void **state)
{
	struct rlimit before, tight;
	struct port_pool *pool;
	struct sa sa = loopback(0);
	int fds[2] = {-1, -1};
	int next = dup(0);
	(void)state;

	close(next);
	assert_int_equal(port_pool_alloc(&pool, 22300, 22309), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	for (unsigned room = 0; room < 2; room++) {
		tight.rlim_cur = (rlim_t)next + room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		assert_int_equal(port_pool_bind(pool, &sa, fds), EMFILE);
		assert_int_equal(fds[0], -1);
		assert_int_equal(fds[1], -1);
		assert_int_equal(port_pool_free_pairs(pool), 5);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(port_pool_bind(pool, &sa, fds), 0);
	close(fds[0]);
	close(fds[1]);
	port_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_even_and_in_the_range),
		cmocka_unit_test(a_range_without_a_pair_is_refused),
		cmocka_unit_test(
			what_others_hold_is_passed_over_until_it_is_free),
		cmocka_unit_test(
			an_address_that_is_not_ours_is_an_error_and_costs_no_port),
		cmocka_unit_test(without_descriptors_nothing_is_left_half_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
