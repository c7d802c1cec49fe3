/* allocator.h -- what the database library allocates
 *
 * SQLite counts its memory under a lock that each of its threads takes for
 * every piece, and a statement takes hundreds. Here it is counted without one.
 * Any thread.
 */
#ifndef MOONDIAL_STORE_ALLOCATOR_H
#define MOONDIAL_STORE_ALLOCATOR_H

#include <stdint.h>

/* Before the library is used. Where it has been already, its own way stays. */
void allocator_init(void);

/* What it holds, in bytes. */
uint64_t allocator_bytes(void);

#endif
