/* heap.h -- what malloc holds
 *
 * The program is built with jemalloc: thousands of calls of many small pieces,
 * freed by other threads than took them, cost it a third of what they cost the
 * C library's malloc. With sanitizers malloc is theirs, and this the C
 * library's. Any thread.
 */
#ifndef MOONDIAL_BASE_HEAP_H
#define MOONDIAL_BASE_HEAP_H

#include <stdint.h>

/* Bytes allocated now, of all threads. What is free and kept for later is not
 * in it, unlike in the process's size. */
uint64_t heap_held(void);

/* Give free pages back to the system; takes some ms after a crowd. */
void heap_trim(void);

#endif
