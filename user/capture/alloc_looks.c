/* SPDX-License-Identifier: BSD-2-Clause */
/* See alloc_looks.h. */
#include "alloc_looks.h"

#include "memory.h"

#define MAX_LOOKS 8 /* for a process's first allocator, at one flush each */

void alloc_looks_add(struct alloc_looks *looks, uint32_t process, bool has_one)
{
	looks->all = array_reserve(looks->all, &looks->capacity, looks->count + 1,
				   sizeof(*looks->all));
	looks->all[looks->count++] = (struct alloc_look){ .process = process, .has_one = has_one };
}

bool alloc_look_is_due(struct alloc_look *look)
{
	unsigned int flushes = ++look->flushes;

	return !(flushes & (flushes - 1)) || (!look->has_one && flushes <= MAX_LOOKS);
}
