/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arenas of glibc's malloc in a running process: what is in use, what is free, and what of that
 * malloc_trim would give back.
 */
#ifndef MEMPROBE_MALLOC_ARENAS_H
#define MEMPROBE_MALLOC_ARENAS_H

#include "heap_memory.h"
#include "malloc_find.h"

struct malloc_sums {
	uint64_t used,
		free;	 /* of all arenas, as mallinfo2() sees them: caches of threads are used */
	uint64_t mapped; /* blocks with a mapping of their own */
	uint64_t free_pages;   /* whole resident pages that malloc_trim would give back */
	uint64_t free_threads; /* in other arenas than the main one */
	uint64_t free_absent;  /* whole pages, free and not resident */
	uint64_t torn;
	uint32_t nr_arenas;
	bool is_moving; /* two readings did not agree */
};

/* `bias` is what to add to file addresses. -errno: main_arena cannot be read. */
int malloc_arenas_read(struct heap_memory *memory, const struct malloc_layout *layout,
		       uint64_t bias, struct malloc_sums *ret);

#endif
