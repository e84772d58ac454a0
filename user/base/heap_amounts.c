/* SPDX-License-Identifier: BSD-2-Clause */
/* What amounts of a heap can be, whoever tells them; see heap_amounts.h. */
#include "heap_amounts.h"

#include <stddef.h>

#include "memory.h"

static const size_t byte_fields[] = {
	offsetof(struct heap_inside, malloc_used),
	offsetof(struct heap_inside, malloc_free),
	offsetof(struct heap_inside, malloc_mapped),
	offsetof(struct heap_inside, malloc_free_absent),
	offsetof(struct heap_inside, malloc_free_pages),
	offsetof(struct heap_inside, pymalloc_used),
	offsetof(struct heap_inside, pymalloc_free),
	offsetof(struct heap_inside, pymalloc_free_pools),
	offsetof(struct heap_inside, pymalloc_free_arenas),
	offsetof(struct heap_inside, pymalloc_nr_arenas),
	offsetof(struct heap_inside, mimalloc_used),
	offsetof(struct heap_inside, mimalloc_free),
	offsetof(struct heap_inside, torn),
	offsetof(struct heap_inside, rss),
	offsetof(struct heap_inside, malloc_free_threads),
	offsetof(struct heap_inside, stacks),
	offsetof(struct heap_inside, files),
	offsetof(struct heap_inside, shared),
	offsetof(struct heap_inside, mimalloc_free_pages),
};

size_t heap_amounts_count(void)
{
	return ARRAY_SIZE(byte_fields);
}

uint64_t *heap_amounts_at(struct heap_inside *inside, size_t index)
{
	return (uint64_t *)((char *)inside + byte_fields[index]);
}

/* A name of ours: ASCII without controls, and ended. */
static bool is_name(const char *name)
{
	for (size_t i = 0; i < HEAP_NAME_BYTES; i++) {
		if (!name[i])
			return true;
		if (name[i] < ' ' || name[i] > '~')
			return false;
	}
	return false;
}

bool heap_amounts_are_sane(const struct heap_inside *inside)
{
	struct heap_inside copy = *inside;

	for (size_t i = 0; i < ARRAY_SIZE(byte_fields); i++) {
		if (*heap_amounts_at(&copy, i) > HEAP_MAX_BYTES)
			return false;
	}
	return inside->malloc_state < NR_HEAP_STATES && inside->pymalloc_state < NR_HEAP_STATES &&
	       inside->mimalloc_state < NR_HEAP_STATES && is_name(inside->malloc_name) &&
	       inside->malloc_free_absent <= inside->malloc_free &&
	       inside->malloc_free_pages <= inside->malloc_free &&
	       inside->malloc_free_threads <= inside->malloc_free &&
	       inside->pymalloc_free_pools <= inside->pymalloc_free &&
	       inside->pymalloc_free_arenas <= inside->pymalloc_free &&
	       inside->mimalloc_free_pages <= inside->mimalloc_free;
}
