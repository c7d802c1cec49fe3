/* heap.c -- what malloc holds */
#include "base/heap.h"

#include <malloc.h>
#include <stddef.h>

#ifdef MOONDIAL_JEMALLOC

#include <jemalloc/jemalloc.h>

#define TEXT_OF(x) #x
#define TEXT(x)	   TEXT_OF(x)

uint64_t heap_held(void)
{
	uint64_t epoch = 1;
	size_t held = 0, size = sizeof(epoch);

	/* the figures are those of the last epoch */
	(void)mallctl("epoch", &epoch, &size, &epoch, size);
	size = sizeof(held);
	(void)mallctl("stats.allocated", &held, &size, NULL, 0);
	return held;
}

void heap_trim(void)
{
	(void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	(void)mallctl("arena." TEXT(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL,
		      NULL, 0);
}

#else

uint64_t heap_held(void)
{
	const struct mallinfo2 info = mallinfo2();

	return (uint64_t)info.uordblks + info.hblkhd;
}

void heap_trim(void)
{
	(void)malloc_trim(0);
}

#endif
