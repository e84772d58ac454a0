/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in use and what is free inside a process's allocators; see heap_inside.h. */
#include "heap_inside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "heap_account.h"
#include "heap_allocator.h"
#include "heap_process.h"
#include "memory.h"
#include "malloc_arenas.h"
#include "mimalloc.h"
#include "process_task.h"
#include "pymalloc.h"

/* What malloc leaves of the time is pymalloc's, which has at least a third. */
#define MALLOC_TIME(budget_ns) ((budget_ns) / 3 * 2)

static int read_rss(pid_t pid, uint64_t *ret)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;
	int count;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)process_task(pid));
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	count = fscanf(file, "%*u %lu", &pages);
	fclose(file);
	*ret = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return count == 1 ? 0 : -ESRCH;
}

static uint32_t state_of(const struct heap_memory *memory, uint64_t torn)
{
	return torn || memory->is_late ? HEAP_PARTLY : HEAP_READ;
}

/* A second C library's blocks are in RSS too, and none of the program's calls reaches them: not
 * malloc_trim() either. */
static void add_second(struct malloc_sums *sums, const struct malloc_sums *second)
{
	sums->nr_arenas += second->nr_arenas;
	sums->used += second->used;
	sums->free += second->free;
	sums->mapped += second->mapped;
	sums->free_absent += second->free_absent;
	sums->free_threads += second->free;
	sums->torn += second->torn + second->is_moving;
}

static int read_mallocs(struct heap_memory *memory, const struct heap_allocator *allocator,
			struct malloc_sums *ret)
{
	const struct heap_malloc *mallocs = allocator->mallocs;
	int err = malloc_arenas_read(memory, &mallocs->layout, mallocs->bias, ret);

	if (err)
		return err;
	ret->torn += ret->is_moving + allocator->has_unread;
	for (size_t i = 1; i < allocator->nr_mallocs; i++) {
		struct malloc_sums second;

		if (malloc_arenas_read(memory, &mallocs[i].layout, mallocs[i].bias, &second))
			ret->torn++;
		else
			add_second(ret, &second);
	}
	return 0;
}

static void read_malloc(struct heap_memory *memory, const struct heap_allocator *allocator,
			struct heap_inside *inside)
{
	struct malloc_sums sums;

	memcpy(inside->malloc_name, allocator->name, sizeof(inside->malloc_name));
	inside->malloc_state = allocator->state;
	if (allocator->state != HEAP_READ)
		return;
	if (read_mallocs(memory, allocator, &sums)) {
		inside->malloc_state = HEAP_UNKNOWN;
		return;
	}
	inside->malloc_state = state_of(memory, sums.torn);
	inside->nr_arenas = sums.nr_arenas;
	inside->malloc_used = sums.used;
	inside->malloc_free = sums.free;
	inside->malloc_mapped = sums.mapped;
	inside->malloc_free_absent = sums.free_absent;
	inside->malloc_free_pages = sums.free_pages;
	inside->malloc_free_threads = sums.free_threads;
	inside->torn += sums.torn;
}

/* Instead of another malloc, or of pymalloc, or both: each mimalloc has its own segments. A part of
 * them would be told as all. */
static void read_mimalloc(struct heap_memory *memory, const struct heap_allocator *allocator,
			  struct heap_inside *inside)
{
	struct mimalloc_sums library = { 0 }, python;

	if (allocator->is_mimalloc) {
		inside->malloc_state = HEAP_ABSENT;
		mimalloc_read(memory, MIMALLOC_LIBRARY, 0, &library);
	}
	mimalloc_read(memory, MIMALLOC_PYTHON, library.key, &python);
	if ((allocator->is_mimalloc && !library.nr_segments) ||
	    (allocator->has_own_mimalloc && !python.nr_segments)) {
		inside->mimalloc_state = HEAP_UNKNOWN;
		return;
	}
	if (!library.nr_segments && !python.nr_segments)
		return;
	inside->mimalloc_state = state_of(memory, library.torn + python.torn);
	inside->mimalloc_used = library.used + python.used;
	inside->mimalloc_free = library.free + python.free;
	inside->mimalloc_free_pages = library.free_pages + python.free_pages;
	inside->torn += library.torn + python.torn;
}

static void read_pymalloc(struct heap_memory *memory, struct heap_inside *inside)
{
	struct pymalloc pymalloc;

	pymalloc_read(memory, &pymalloc);
	if (!pymalloc.nr_pools && !pymalloc.torn) {
		/* There may be some where it did not get to: none is no amount of these. */
		inside->pymalloc_state = memory->is_late ? HEAP_UNKNOWN : HEAP_ABSENT;
		return;
	}
	inside->pymalloc_state = state_of(memory, pymalloc.torn);
	inside->pymalloc_used = pymalloc.used;
	inside->pymalloc_free = pymalloc.free;
	inside->pymalloc_free_pools = pymalloc.free_pools;
	inside->pymalloc_free_arenas = pymalloc.free_arenas;
	inside->pymalloc_nr_arenas = pymalloc.nr_arenas;
	inside->torn += pymalloc.torn;
}

/* What cannot be read is no reason to tell nothing of the rest. */
static void read_mappings(pid_t pid, struct heap_inside *inside)
{
	struct heap_account account;

	if (heap_account_read(pid, &account))
		return;
	inside->stacks = account.stacks;
	inside->files = account.files;
	inside->shared = account.shared;
}

int heap_inside_read(pid_t pid, uint64_t budget_ns, struct heap_inside *ret)
{
	uint64_t begin = clock_ns();
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	_cleanup_(heap_memory_freep) struct heap_memory *memory = NULL;
	_cleanup_(process_memory_close) struct process_memory process = PROCESS_MEMORY_NONE;
	struct heap_allocator allocator = { 0 };
	struct heap_inside inside = { 0 };
	int err = read_rss(pid, &inside.rss);

	if (!err)
		err = process_memory_open(&process, pid);
	if (!err)
		err = process_maps_read(pid, &maps);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	if (!maps.nr_mappings)
		return -ESRCH;
	err = heap_allocator_find(&process, &maps, &allocator);
	if (err)
		return err;
	memory = heap_process_new(&process, &maps, begin + MALLOC_TIME(budget_ns));
	read_malloc(memory, &allocator, &inside);
	read_mimalloc(memory, &allocator, &inside);
	heap_memory_set_deadline(memory, begin + budget_ns);
	read_pymalloc(memory, &inside);
	read_mappings(pid, &inside);
	*ret = inside;
	return 0;
}
