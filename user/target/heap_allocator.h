/* SPDX-License-Identifier: BSD-2-Clause */
/* Which allocator serves malloc in a process, by what it maps. */
#ifndef MEMPROBE_HEAP_ALLOCATOR_H
#define MEMPROBE_HEAP_ALLOCATOR_H

#include <stdbool.h>

#include "heap_inside.h"
#include "malloc_find.h"
#include "process_maps.h"
#include "process_memory.h"

/* glibc's DL_NNS: dlmopen() and LD_AUDIT load the C library anew, with a malloc of its own. */
#define HEAP_MAX_MALLOCS 16

struct heap_malloc {
	struct malloc_layout layout;
	uint64_t bias;
};

struct heap_allocator {
	uint32_t state; /* HEAP_READ: glibc's, found; HEAP_UNKNOWN: another; HEAP_ABSENT: none */
	char name[HEAP_NAME_BYTES];
	struct heap_malloc mallocs[HEAP_MAX_MALLOCS]; /* with HEAP_READ; the program's first */
	size_t nr_mallocs;
	int shortage;	       /* -EMFILE, -ENFILE: files that could tell could not be opened */
	bool has_unread;       /* with HEAP_READ: a C library beside it that is not known */
	bool is_mimalloc;      /* with HEAP_UNKNOWN: that other is mimalloc */
	bool has_own_mimalloc; /* CPython's own serves its objects */
};

/* 0; the shortage. */
int heap_allocator_find(struct process_memory *memory, const struct process_maps *maps,
			struct heap_allocator *ret);

#endif
