/* SPDX-License-Identifier: BSD-2-Clause */
/* A process's RSS in parts that add up to it. */
#ifndef MEMPROBE_HEAP_PARTS_H
#define MEMPROBE_HEAP_PARTS_H

#include "census.h"
#include "heap_amounts.h"

enum heap_part {
	HEAP_PART_OBJECTS, /* Python objects and their buffers, by a census */
	HEAP_PART_USED,	   /* what else the allocators have handed out */
	HEAP_PART_FREE_PYMALLOC,
	HEAP_PART_FREE_MALLOC, /* as far as it is resident */
	HEAP_PART_FREE_MIMALLOC,
	HEAP_PART_STACKS,
	HEAP_PART_FILES,
	HEAP_PART_SHARED,
	HEAP_PART_REST, /* none of these; negative: blocks that were handed out and not touched */
	NR_HEAP_PARTS
};

/* false: its mappings were not read. Without a census, or with one that was refused, there are no
 * objects, and all is in HEAP_PART_USED. The parts' sum is inside->rss. */
bool heap_parts_make(const struct heap_inside *inside, const struct census *census,
		     int64_t ret[NR_HEAP_PARTS]);

/* A word for programs, and some for people. */
const char *heap_part_key(enum heap_part part);
const char *heap_part_name(enum heap_part part, bool has_objects);

#endif
