/* pool.h -- memory for the small objects of a Lua state
 *
 * Pieces of one size class lie together in slabs of 32 KB, which come from one
 * range of addresses: so a piece is known by its address, and one that is freed
 * is the next of its class to be taken, while it is still in the processor's
 * cache. A slab whose pieces are all free can serve another class.
 *
 * One thread's. Not used beneath AddressSanitizer, which would not see the
 * pieces (POOL_USED).
 */
#ifndef MOONDIAL_SCRIPT_POOL_H
#define MOONDIAL_SCRIPT_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* The largest piece, in bytes. */
enum { POOL_MAX = 512 };

#if defined(__SANITIZE_ADDRESS__)
#define POOL_USED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_USED 0
#endif
#endif
#ifndef POOL_USED
#define POOL_USED 1
#endif

struct pool;

/* A pool of at most BYTES; only what is used takes memory. NULL: the system
 * has no such range. */
struct pool *pool_new(size_t bytes);
/* NULL is allowed. All pieces go with it. */
void pool_free(struct pool *pool);

/* SIZE bytes (1 to POOL_MAX), aligned to 16. NULL: the pool is used up. */
void *pool_take(struct pool *pool, size_t size);
void pool_give(struct pool *pool, void *piece);

/* Whether PIECE is the pool's. POOL may be NULL. */
bool pool_owns(const struct pool *pool, const void *piece);
/* The bytes that there are at PIECE, which is the pool's. */
size_t pool_size(const void *piece);

/* Give the system up to COUNT empty slabs back. True: there are more. */
bool pool_trim(struct pool *pool, unsigned count);

#endif
