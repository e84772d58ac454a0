/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes whose allocators are looked for at flushes: a program may load another later. */
#ifndef MEMPROBE_ALLOC_LOOKS_H
#define MEMPROBE_ALLOC_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alloc_look {
	uint32_t process;
	unsigned int flushes; /* since */
	bool has_one;	      /* an allocator has been found */
};

struct alloc_looks {
	struct alloc_look *all; /* free() it */
	size_t count, capacity;
};

void alloc_looks_add(struct alloc_looks *looks, uint32_t process, bool has_one);

/* At one flush more. Every time until one is found, for a while, then ever more rarely. */
bool alloc_look_is_due(struct alloc_look *look);

#endif
