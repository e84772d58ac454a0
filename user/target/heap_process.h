/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a process as a source for readers of allocators, see heap_memory.h. */
#ifndef MEMPROBE_HEAP_PROCESS_H
#define MEMPROBE_HEAP_PROCESS_H

#include "heap_memory.h"
#include "process_maps.h"
#include "process_memory.h"

/* Borrows `memory`, and takes its ranges from `maps`. */
struct heap_memory *heap_process_new(struct process_memory *memory, const struct process_maps *maps,
				     uint64_t deadline_ns);

/* The same with all private mappings that can be written to: stacks, and the variables of files,
 * too. */
struct heap_memory *heap_process_new_own(struct process_memory *memory,
					 const struct process_maps *maps, uint64_t deadline_ns);

/* Marks what entries of /proc/PID/pagemap tell, each of a page of the kernel's with so many of
 * HEAP_PAGE_BYTES; the first is that of a window's first page. */
void heap_process_note_pages(const uint64_t *entries, size_t nr_entries, size_t entry_pages,
			     struct heap_pages *ret);

#endif
