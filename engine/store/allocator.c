#include <malloc.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "store/allocator.h"

static _Atomic int64_t held; /* bytes */

static void count(int64_t bytes)
{
	atomic_fetch_add_explicit(&held, bytes, memory_order_relaxed);
}

static int size_of(void *p)
{
	return (int)malloc_usable_size(p);
}

static void *allocate(int size)
{
	void *p = malloc((size_t)size);

	if (p)
		count(size_of(p));
	return p;
}

static void release(void *p)
{
	count(-(int64_t)size_of(p));
	free(p);
}

static void *resize(void *p, int size)
{
	const int64_t had = size_of(p);
	void *q = realloc(p, (size_t)size);

	if (q)
		count(size_of(q) - had);
	return q;
}

static int round_up(int size)
{
	return (size + 7) & ~7;
}

static int begin(void *arg)
{
	(void)arg;
	return SQLITE_OK;
}

static void end(void *arg)
{
	(void)arg;
}

static void configure(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = allocate,
		.xFree = release,
		.xRealloc = resize,
		.xSize = size_of,
		.xRoundup = round_up,
		.xInit = begin,
		.xShutdown = end,
	};

	if (!sqlite3_config(SQLITE_CONFIG_MALLOC, &methods))
		(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

void allocator_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, configure);
}

uint64_t allocator_bytes(void)
{
	return (uint64_t)atomic_load(&held) + (uint64_t)sqlite3_memory_used();
}
