/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of mimalloc 2.x, found by themselves: it exports nothing that leads to them. */
#ifndef MEMPROBE_MIMALLOC_H
#define MEMPROBE_MIMALLOC_H

#include "heap_memory.h"

enum mimalloc_kind {
	MIMALLOC_LIBRARY, /* that serves malloc */
	MIMALLOC_PYTHON,  /* CPython's own, which has fields of its own */
};

struct mimalloc_sums {
	uint64_t key;	     /* the same in all segments of one mimalloc, by chance in no other's */
	uint64_t used;	     /* bytes of blocks that it has handed out */
	uint64_t free;	     /* the rest of what is resident, but for its own tables */
	uint64_t free_pages; /* of that, in pages without a block in use */
	uint64_t nr_segments;
	uint64_t torn;
};

/* No segments: the process has none, or those of a version that is not known. What has `other_key`
 * belongs to another and is left out; 0: nothing. */
void mimalloc_read(struct heap_memory *memory, enum mimalloc_kind kind, uint64_t other_key,
		   struct mimalloc_sums *ret);

#endif
