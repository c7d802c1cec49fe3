/* The pool of small pieces, beside a list of what should be where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script/pool.h"

enum { PIECES = 20000, STEPS = 400000, MIB = 1 << 20, SLABS = 32 };

struct held {
	unsigned char *p;
	size_t size;
	unsigned char mark;
};

static uint32_t state = 1;

static uint32_t any(uint32_t below)
{
	state = state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)state * below >> 32);
}

static void check(const struct held *h)
{
	for (size_t i = 0; i < h->size; i++)
		assert_int_equal(h->p[i], h->mark);
}

static void drop(struct pool *pool, struct held *h)
{
	check(h);
	assert_true(pool_owns(pool, h->p));
	assert_true(pool_size(h->p) >= h->size);
	pool_give(pool, h->p);
	h->p = NULL;
}

/* However they are taken and given, no piece is written to by another. */
static void test_pieces_keep_apart(void **arg)
{
	struct held *held = calloc(PIECES, sizeof(*held));
	struct pool *pool = pool_new(64 * MIB);

	(void)arg;
	assert_non_null(held);
	assert_non_null(pool);
	for (unsigned i = 0; i < STEPS; i++) {
		struct held *h = &held[any(PIECES)];

		if (h->p) {
			drop(pool, h);
			continue;
		}
		h->size = 1 + any(POOL_MAX);
		h->mark = (unsigned char)any(256);
		h->p = pool_take(pool, h->size);
		assert_non_null(h->p);
		assert_int_equal((uintptr_t)h->p % 16, 0);
		memset(h->p, h->mark, h->size);
		if (i % 50000 == 0)
			(void)pool_trim(pool, 8);
	}
	for (unsigned i = 0; i < PIECES; i++) {
		if (held[i].p)
			drop(pool, &held[i]);
	}
	pool_free(pool);
	free(held);
}

/* A pool of a megabyte is used up by a megabyte, of whichever size; and what
 * one size has given back serves another, also after the system has had it. */
static void test_it_ends_and_begins_again(void **arg)
{
	static void *pieces[MIB / 16 + 1];
	struct pool *pool = pool_new(MIB);
	size_t kept = 0; /* a class keeps its last slab */

	(void)arg;
	for (size_t size = 16; size <= POOL_MAX; size *= 2) {
		size_t n = 0;

		while ((pieces[n] = pool_take(pool, size))) {
			memset(pieces[n], 0xa5, size);
			n++;
		}
		assert_in_range(n * size, (SLABS - kept++) * 32256, MIB);
		while (n)
			pool_give(pool, pieces[--n]);
		if (size % 64 == 0)
			while (pool_trim(pool, 3))
				;
	}
	pool_free(pool);
}

static void test_what_is_not_its_own(void **arg)
{
	struct pool *pool = pool_new(MIB);
	char other[64];
	void *piece = pool_take(pool, 40);

	(void)arg;
	assert_true(pool_owns(pool, piece));
	assert_false(pool_owns(pool, other));
	assert_false(pool_owns(pool, NULL));
	assert_false(pool_owns(NULL, piece));
	assert_int_equal(pool_size(piece), 48);
	pool_give(pool, piece);
	pool_free(pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_keep_apart),
		cmocka_unit_test(test_it_ends_and_begins_again),
		cmocka_unit_test(test_what_is_not_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
