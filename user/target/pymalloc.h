/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of CPython's allocator of small objects (Objects/obmalloc.c), found by their own headers:
 * no symbol leads there in a stripped interpreter, and none is needed.
 */
#ifndef MEMPROBE_PYMALLOC_H
#define MEMPROBE_PYMALLOC_H

#include "heap_memory.h"

#define PYMALLOC_HEADER_BYTES 48

struct pymalloc {
	uint64_t used, free;		 /* bytes of blocks */
	uint64_t nr_pools, free_pools;	 /* bytes of the pools without a block in use */
	uint64_t nr_arenas, free_arenas; /* bytes of pools in arenas that have only such */
	uint64_t torn;
};

/* Reads all that is resident. Nothing but zeros: the process has no pools. */
void pymalloc_read(struct heap_memory *memory, struct pymalloc *ret);

#endif
