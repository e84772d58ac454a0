/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a process, for readers of allocators; see heap_process.h. */
#include "heap_process.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define PRESENT (1ULL << 63) /* Documentation/admin-guide/mm/pagemap.rst */

/* A mapping may have gone since it was listed: then less is read. */
static int read_bytes(void *context, uint64_t address, void *to, size_t size)
{
	return process_memory_fetch(context, address, to, size);
}

static void look_at_pages(void *context, uint64_t first_page, uint64_t *ret_bits)
{
	const struct process_memory *memory = context;
	uint64_t entries[HEAP_WINDOW_PAGES];
	ssize_t got;

	memset(ret_bits, memory->pagemap < 0 ? 0xff : 0, HEAP_WINDOW_WORDS * sizeof(*ret_bits));
	if (memory->pagemap < 0)
		return;
	got = pread(memory->pagemap, entries, sizeof(entries),
		    (off_t)(first_page * sizeof(*entries)));
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*entries); i++)
		if (entries[i] & PRESENT)
			ret_bits[i / 64] |= 1ULL << i % 64;
}

static void pause_reading(void *context, uint64_t ns)
{
	const struct timespec pause = { .tv_nsec = (long)ns };

	nanosleep(&pause, NULL);
}

static bool is_own(const struct process_mapping *mapping)
{
	return mapping->is_private && mapping->is_readable && mapping->is_writable;
}

/* An allocator's: what has a file behind it, and stacks, are not. */
static bool may_be_heap(const struct process_mapping *mapping)
{
	return is_own(mapping) && !mapping->file.ino &&
	       strncmp(mapping->path, "[stack", strlen("[stack")) != 0;
}

static struct heap_memory *new_memory(struct process_memory *memory,
				      const struct process_maps *maps, uint64_t deadline_ns,
				      bool (*is_wanted)(const struct process_mapping *mapping))
{
	const struct heap_source source = { read_bytes, look_at_pages, memory, pause_reading };
	struct heap_memory *heap = heap_memory_new(&source, deadline_ns);

	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (is_wanted(mapping))
			heap_memory_add(heap, (struct heap_range){
						      mapping->start,
						      mapping->end,
						      !strcmp(mapping->path, "[heap]"),
					      });
	}
	return heap;
}

struct heap_memory *heap_process_new(struct process_memory *memory, const struct process_maps *maps,
				     uint64_t deadline_ns)
{
	return new_memory(memory, maps, deadline_ns, may_be_heap);
}

struct heap_memory *heap_process_new_own(struct process_memory *memory,
					 const struct process_maps *maps, uint64_t deadline_ns)
{
	return new_memory(memory, maps, deadline_ns, is_own);
}
