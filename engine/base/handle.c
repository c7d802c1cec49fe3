/* handle.c -- slots with a generation; freed slots in a list
 *
 * handle = generation << 32 | slot. Generations start at 1, so 0 names
 * nothing. A slot whose generations are used up is retired, not reused.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "base/handle.h"

enum { SLOTS_MIN = 64 };

#define NO_SLOT UINT32_MAX

struct handle_slot {
	void *ptr; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct handle_table {
	struct handle_slot *slots;
	uint32_t used, size; /* slots ever used, slots allocated */
	uint32_t free;	     /* head of the list */
	size_t count;
};

int handle_table_alloc(struct handle_table **tp)
{
	struct handle_table *table = calloc(1, sizeof(*table));

	if (!table)
		return ENOMEM;
	table->free = NO_SLOT;
	*tp = table;
	return 0;
}

void handle_table_free(struct handle_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table);
}

static bool grow(struct handle_table *table)
{
	uint32_t size = table->size ? 2 * table->size : SLOTS_MIN;
	struct handle_slot *slots;

	if (size <= table->size) /* wrapped round */
		return false;
	slots = realloc(table->slots, size * sizeof(*slots));
	if (!slots)
		return false;
	table->slots = slots;
	table->size = size;
	return true;
}

handle_t handle_add(struct handle_table *table, void *ptr)
{
	struct handle_slot *slot;
	uint32_t i = table->free;

	assert(ptr);
	if (i != NO_SLOT) {
		slot = &table->slots[i];
		table->free = slot->next_free;
	} else {
		if (table->used == table->size && !grow(table))
			return 0;
		i = table->used++;
		slot = &table->slots[i];
		slot->generation = 1;
	}
	slot->ptr = ptr;
	slot->next_free = NO_SLOT;
	table->count++;
	return (handle_t)slot->generation << 32 | i;
}

static struct handle_slot *find(const struct handle_table *table,
				handle_t handle)
{
	uint32_t i = (uint32_t)handle;
	struct handle_slot *slot;

	if (i >= table->used)
		return NULL;
	slot = &table->slots[i];
	if (!slot->ptr || slot->generation != handle >> 32)
		return NULL;
	return slot;
}

void *handle_get(const struct handle_table *table, handle_t handle)
{
	const struct handle_slot *slot = find(table, handle);

	return slot ? slot->ptr : NULL;
}

void *handle_remove(struct handle_table *table, handle_t handle)
{
	struct handle_slot *slot = find(table, handle);
	void *ptr;

	if (!slot)
		return NULL;
	ptr = slot->ptr;
	slot->ptr = NULL;
	table->count--;
	if (slot->generation < UINT32_MAX) {
		slot->generation++;
		slot->next_free = table->free;
		table->free = (uint32_t)handle;
	}
	return ptr;
}

size_t handle_count(const struct handle_table *table)
{
	return table->count;
}

void handle_apply(const struct handle_table *table, handle_apply_h *fn,
		  void *arg)
{
	/* FN may make the array move. */
	for (uint32_t i = 0; i < table->used; i++) {
		const struct handle_slot *slot = &table->slots[i];

		if (slot->ptr &&
		    fn((handle_t)slot->generation << 32 | i, slot->ptr, arg))
			return;
	}
}
