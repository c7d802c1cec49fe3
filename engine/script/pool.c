#include "script/pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	SLAB = 32768,
	GRAIN = 16,
	CLASSES = POOL_MAX / GRAIN,
	HEAD = 64, /* a line of the cache */
};

struct piece {
	struct piece *next;
};

struct slab {
	struct slab *next, *prev; /* of its class with pieces free; or empty */
	struct piece *free;
	uint32_t fresh; /* offset of what was never taken */
	uint32_t used;
	uint32_t size; /* of a piece */
};

_Static_assert(sizeof(struct slab) <= HEAD, "the head of a slab");

struct pool {
	void *range;
	size_t range_size;
	char *first; /* aligned to a slab */
	size_t slabs, begun;
	struct slab *classes[CLASSES]; /* those with pieces free */
	struct slab *empty;
	uint32_t *given_back; /* numbers of those without memory */
	size_t given_back_count;
};

static struct slab *slab_of(const void *piece)
{
	return (struct slab *)((uintptr_t)piece & ~(uintptr_t)(SLAB - 1));
}

static struct slab *slab_at(const struct pool *pool, size_t number)
{
	return (struct slab *)(pool->first + SLAB * number);
}

struct pool *pool_new(size_t bytes)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->slabs = bytes / SLAB;
	pool->range_size = (pool->slabs + 1) * SLAB;
	pool->given_back = calloc(pool->slabs, sizeof(*pool->given_back));
	pool->range = mmap(NULL, pool->range_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->range == MAP_FAILED || !pool->given_back) {
		if (pool->range != MAP_FAILED)
			(void)munmap(pool->range, pool->range_size);
		free(pool->given_back);
		free(pool);
		return NULL;
	}
	/* A huge page for a few small objects is none too many saved. */
	(void)madvise(pool->range, pool->range_size, MADV_NOHUGEPAGE);
	pool->first = (char *)slab_of((char *)pool->range + SLAB - 1);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	(void)munmap(pool->range, pool->range_size);
	free(pool->given_back);
	free(pool);
}

/* ---- slabs
 * ---------------------------------------------------------------------- */

static void link_first(struct slab **list, struct slab *slab)
{
	slab->prev = NULL;
	slab->next = *list;
	if (slab->next)
		slab->next->prev = slab;
	*list = slab;
}

static void unlink_from(struct slab **list, struct slab *slab)
{
	*(slab->prev ? &slab->prev->next : list) = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
}

static struct slab **class_of(struct pool *pool, size_t size)
{
	return &pool->classes[(size - 1) / GRAIN];
}

static bool is_full(const struct slab *slab)
{
	return !slab->free && slab->fresh + slab->size > SLAB;
}

static struct slab *slab_new(struct pool *pool, size_t size)
{
	struct slab *slab = pool->empty;

	if (slab)
		unlink_from(&pool->empty, slab);
	else if (pool->given_back_count)
		slab = slab_at(pool,
			       pool->given_back[--pool->given_back_count]);
	else if (pool->begun < pool->slabs)
		slab = slab_at(pool, pool->begun++);
	else
		return NULL;
	slab->free = NULL;
	slab->fresh = HEAD;
	slab->used = 0;
	slab->size = (uint32_t)((size + GRAIN - 1) / GRAIN * GRAIN);
	link_first(class_of(pool, size), slab);
	return slab;
}

/* ---- pieces
 * ---------------------------------------------------------------------- */

void *pool_take(struct pool *pool, size_t size)
{
	struct slab *slab = *class_of(pool, size);
	struct piece *piece;

	assert(size > 0 && size <= POOL_MAX);
	if (!slab) {
		slab = slab_new(pool, size);
		if (!slab)
			return NULL;
	}
	piece = slab->free;
	if (piece) {
		slab->free = piece->next;
	} else {
		piece = (struct piece *)((char *)slab + slab->fresh);
		slab->fresh += slab->size;
	}
	slab->used++;
	if (is_full(slab))
		unlink_from(class_of(pool, size), slab);
	return piece;
}

void pool_give(struct pool *pool, void *piece)
{
	struct slab *slab = slab_of(piece),
		    **class = class_of(pool, slab->size);
	struct piece *free_piece = piece;

	assert(pool_owns(pool, piece) && slab->used);
	if (is_full(slab))
		link_first(class, slab);
	free_piece->next = slab->free;
	slab->free = free_piece;
	if (--slab->used || (*class == slab && !slab->next))
		return;
	unlink_from(class, slab);
	link_first(&pool->empty, slab);
}

bool pool_owns(const struct pool *pool, const void *piece)
{
	return pool && (uintptr_t)piece - (uintptr_t)pool->first <
			       (uintptr_t)pool->slabs * SLAB;
}

size_t pool_size(const void *piece)
{
	return slab_of(piece)->size;
}

bool pool_trim(struct pool *pool, unsigned count)
{
	while (pool && pool->empty && count--) {
		struct slab *slab = pool->empty;

		unlink_from(&pool->empty, slab);
		pool->given_back[pool->given_back_count++] =
			(uint32_t)(((char *)slab - pool->first) / SLAB);
		(void)madvise(slab, SLAB, MADV_DONTNEED);
	}
	return pool && pool->empty;
}
