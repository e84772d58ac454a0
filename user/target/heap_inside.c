/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in use and what is free inside a process's allocators; see heap_inside.h. */
#include "heap_inside.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "heap_process.h"
#include "memory.h"
#include "pymalloc.h"

/* A share of the time for each allocator; what one leaves over is the next one's. */
#define PYMALLOC_SHARE 3

/* Below this it is not worth a word: allocators always keep something. */
#define WORTH_BYTES (8UL << 20)
#define WORTH_SHARE 20 /* of RSS: a twentieth */

static int read_rss(pid_t pid, uint64_t *ret)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;
	int count;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
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

static void read_pymalloc(struct heap_memory *memory, struct heap_inside *inside)
{
	struct pymalloc pymalloc;

	pymalloc_read(memory, &pymalloc);
	if (!pymalloc.nr_pools && !pymalloc.torn)
		return;
	inside->pymalloc_state = state_of(memory, pymalloc.torn);
	inside->pymalloc_used = pymalloc.used;
	inside->pymalloc_free = pymalloc.free;
	inside->pymalloc_free_pools = pymalloc.free_pools;
	inside->pymalloc_free_arenas = pymalloc.free_arenas;
	inside->pymalloc_nr_arenas = pymalloc.nr_arenas;
	inside->torn += pymalloc.torn;
}

int heap_inside_read(pid_t pid, uint64_t budget_ns, struct heap_inside *ret)
{
	uint64_t begin = clock_ns();
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };
	_cleanup_(heap_memory_freep) struct heap_memory *memory = NULL;
	_cleanup_(process_memory_close) struct process_memory process = { .pagemap = -1 };
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
	memory = heap_process_new(&process, &maps, begin + budget_ns);
	read_pymalloc(memory, &inside);
	*ret = inside;
	return 0;
}

static uint64_t worth_bytes(const struct heap_inside *inside)
{
	uint64_t share = inside->rss / WORTH_SHARE;

	return share > WORTH_BYTES ? share : WORTH_BYTES;
}

static bool is_unknown(const struct heap_inside *inside)
{
	return inside->malloc_state == HEAP_UNKNOWN || inside->mimalloc_state == HEAP_UNKNOWN;
}

const char *heap_inside_cure(const struct heap_inside *inside)
{
	const uint64_t worth = worth_bytes(inside), pages = inside->malloc_free_pages;
	const uint64_t away = inside->malloc_free_absent + pages;
	/* Between blocks in use, or at the top of a thread's arena. */
	const uint64_t pinned = inside->malloc_free > away ? inside->malloc_free - away : 0;
	const uint64_t pools = inside->pymalloc_free;

	if (pages >= worth && pages >= pools && pages >= pinned)
		return "malloc_trim(0) would give back what malloc keeps, as would a smaller "
		       "MALLOC_TRIM_THRESHOLD_ by itself";
	if (pools >= worth && pools >= pinned)
		return "objects that stayed hold pymalloc's arenas: each keeps all of its arena";
	if (pinned >= worth && inside->nr_arenas > 1)
		return "fewer arenas would keep less free in malloc: MALLOC_ARENA_MAX=2";
	if (pinned >= worth)
		return "blocks that stayed lie between what is free in malloc: no trim gives it "
		       "back";
	if (inside->mimalloc_free >= worth)
		return "mimalloc keeps it: MIMALLOC_PURGE_DELAY=0 gives pages back at once";
	if (is_unknown(inside))
		return "an allocator that cannot be read may keep more";
	return "nothing to gain: the allocators keep little, what grows is in use";
}
