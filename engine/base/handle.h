/* handle.h -- names with a generation, instead of pointers
 *
 * A handle is a slot and the generation of its use, so that a message for
 * something that is gone finds nothing rather than its successor.
 * A table belongs to one thread. 0 is never a valid handle.
 */
#ifndef MOONDIAL_BASE_HANDLE_H
#define MOONDIAL_BASE_HANDLE_H

#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>

typedef uint64_t handle_t;

struct handle_table;

int handle_table_alloc(struct handle_table **tp);
void handle_table_free(struct handle_table *table);

/* Name PTR (not NULL). 0 when out of memory. */
handle_t handle_add(struct handle_table *table, void *ptr);

/* The pointer, or NULL when the handle is stale or never was. */
void *handle_get(const struct handle_table *table, handle_t handle);

/* Forget it. Returns the pointer it named, or NULL. */
void *handle_remove(struct handle_table *table, handle_t handle);

size_t handle_count(const struct handle_table *table);

/* Call FN for each live handle until it returns true. The table may change
 * beneath: entries added meanwhile may or may not be seen. */
typedef bool(handle_apply_h)(handle_t handle, void *ptr, void *arg);
void handle_apply(const struct handle_table *table, handle_apply_h *fn,
		  void *arg);

#endif
