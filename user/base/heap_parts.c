/* SPDX-License-Identifier: BSD-2-Clause */
/* See heap_parts.h. */
#include "heap_parts.h"

#include "heap_cure.h"

static const struct {
	const char *key, *name;
} parts[NR_HEAP_PARTS] = {
	[HEAP_PART_OBJECTS] = { "objects", "Python objects and their buffers" },
	[HEAP_PART_USED] = { "used", "malloc'ed by C code, and what is no object" },
	[HEAP_PART_FREE_PYMALLOC] = { "free_pymalloc", "free in pymalloc" },
	[HEAP_PART_FREE_MALLOC] = { "free_malloc", "free in malloc" },
	[HEAP_PART_FREE_MIMALLOC] = { "free_mimalloc", "free in mimalloc" },
	[HEAP_PART_STACKS] = { "stacks", "stacks" },
	[HEAP_PART_FILES] = { "files", "mapped files" },
	[HEAP_PART_SHARED] = { "shared", "shared memory" },
	[HEAP_PART_REST] = { "rest", "the rest" },
};

static uint64_t objects_of(const struct heap_inside *inside, const struct census *census)
{
	uint64_t used = heap_inside_used(inside), bytes;

	if (!census || census->refused != CENSUS_NONE)
		return 0;
	bytes = census->bytes + census->buffer_bytes;
	return bytes < used ? bytes : used;
}

bool heap_parts_make(const struct heap_inside *inside, const struct census *census,
		     int64_t ret[NR_HEAP_PARTS])
{
	uint64_t objects = objects_of(inside, census);
	int64_t sum = 0;

	if (!inside->files)
		return false;
	ret[HEAP_PART_OBJECTS] = (int64_t)objects;
	ret[HEAP_PART_USED] = (int64_t)(heap_inside_used(inside) - objects);
	ret[HEAP_PART_FREE_PYMALLOC] = (int64_t)inside->pymalloc_free;
	ret[HEAP_PART_FREE_MALLOC] = (int64_t)(inside->malloc_free - inside->malloc_free_absent);
	ret[HEAP_PART_FREE_MIMALLOC] = (int64_t)inside->mimalloc_free;
	ret[HEAP_PART_STACKS] = (int64_t)inside->stacks;
	ret[HEAP_PART_FILES] = (int64_t)inside->files;
	ret[HEAP_PART_SHARED] = (int64_t)inside->shared;
	for (int part = 0; part < HEAP_PART_REST; part++)
		sum += ret[part];
	ret[HEAP_PART_REST] = (int64_t)inside->rss - sum;
	return true;
}

const char *heap_part_key(enum heap_part part)
{
	return parts[part].key;
}

const char *heap_part_name(enum heap_part part, bool has_objects)
{
	if (part == HEAP_PART_USED && !has_objects)
		return "in use: Python objects, and malloc'ed by C code";
	return parts[part].name;
}
