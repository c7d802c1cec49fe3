/* Nonces: ours only, for their time only, and each answer once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "sip/registrar/nonce.h"

enum { LIFE_MS = 1000, NOW_MS = 5000 };

static struct nonces nonces;
static char nonce[NONCE_SIZE];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(nonces_init(&nonces, LIFE_MS), 0);
	nonce_make(&nonces, nonce, NOW_MS);
	return 0;
}

static enum nonce_verdict check(const char *text, uint64_t now_ms)
{
	uint64_t number = 0;
	struct pl pl;

	pl_set_str(&pl, text);
	return nonce_check(&nonces, &pl, now_ms, &number);
}

static void is_good_for_its_time_only(void **state)
{
	(void)state;
	assert_int_equal(check(nonce, NOW_MS), NONCE_GOOD);
	assert_int_equal(check(nonce, NOW_MS + LIFE_MS - 1), NONCE_GOOD);
	assert_int_equal(check(nonce, NOW_MS + LIFE_MS), NONCE_STALE);
	assert_int_equal(check(nonce, NOW_MS + 100 * LIFE_MS), NONCE_STALE);
}

static void one_that_was_changed_anywhere_is_foreign(void **state)
{
	char changed[NONCE_SIZE];
	(void)state;

	for (size_t i = 0; i < NONCE_SIZE - 1; i++) {
		memcpy(changed, nonce, sizeof(changed));
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_int_equal(check(changed, NOW_MS), NONCE_FOREIGN);
		changed[i] = 'x';
		assert_int_equal(check(changed, NOW_MS), NONCE_FOREIGN);
	}
	assert_int_equal(check("", NOW_MS), NONCE_FOREIGN);
	memcpy(changed, nonce, sizeof(changed));
	changed[NONCE_SIZE - 2] = '\0';
	assert_int_equal(check(changed, NOW_MS), NONCE_FOREIGN);
}

static void one_of_another_run_is_foreign(void **state)
{
	(void)state;
	assert_int_equal(nonces_init(&nonces, LIFE_MS), 0);
	assert_int_equal(check(nonce, NOW_MS), NONCE_FOREIGN);
}

static void no_two_are_the_same(void **state)
{
	char other[NONCE_SIZE];
	(void)state;

	nonce_make(&nonces, other, NOW_MS);
	assert_string_not_equal(other, nonce);
	assert_int_equal(check(other, NOW_MS), NONCE_GOOD);
}

static void nc_must_grow(void **state)
{
	struct nonce_uses uses = {.forgotten = 0};
	(void)state;

	assert_false(nonce_use(&uses, 1, 0));
	assert_true(nonce_use(&uses, 1, 1));
	assert_false(nonce_use(&uses, 1, 1));
	assert_true(nonce_use(&uses, 1, 7));
	assert_false(nonce_use(&uses, 1, 2));
	assert_true(nonce_use(&uses, 2, 1));
	assert_true(nonce_use(&uses, 1, UINT32_MAX));
	assert_false(nonce_use(&uses, 1, UINT32_MAX));
}

static void what_is_forgotten_is_used_up(void **state)
{
	struct nonce_uses uses = {.forgotten = 0};
	(void)state;

	for (uint64_t n = 1; n <= 10 * NONCE_USES; n++)
		assert_true(nonce_use(&uses, 2 * n, 1));
	for (uint64_t n = 1; n <= 10 * NONCE_USES; n++)
		assert_false(nonce_use(&uses, 2 * n, 1));
	/* the last ones go on; older ones don't, used or not */
	assert_true(nonce_use(&uses, 20 * NONCE_USES, 2));
	assert_false(nonce_use(&uses, 2, 2));
	assert_false(nonce_use(&uses, 3, 1));
}

static void an_old_one_counts_once_though_there_is_no_room(void **state)
{
	struct nonce_uses uses = {.forgotten = 0};
	(void)state;

	for (uint64_t n = 0; n < NONCE_USES; n++)
		assert_true(nonce_use(&uses, 100 + n, 1));
	assert_true(nonce_use(&uses, 50, 1));
	assert_false(nonce_use(&uses, 50, 2));
	assert_false(nonce_use(&uses, 49, 1));
	assert_true(nonce_use(&uses, 51, 1));
	assert_true(nonce_use(&uses, 100, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(is_good_for_its_time_only, setup),
		cmocka_unit_test_setup(one_that_was_changed_anywhere_is_foreign,
				       setup),
		cmocka_unit_test_setup(one_of_another_run_is_foreign, setup),
		cmocka_unit_test_setup(no_two_are_the_same, setup),
		cmocka_unit_test(nc_must_grow),
		cmocka_unit_test(what_is_forgotten_is_used_up),
		cmocka_unit_test(
			an_old_one_counts_once_though_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
