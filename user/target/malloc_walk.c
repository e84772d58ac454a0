/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free chunks of an arena, chunk by chunk; see malloc_arena.h.
 *
 * Each chunk's size leads to the next one, whose lowest bit says whether the one before is in use.
 * A size that makes no sense, or a page that is not resident, ends the chain: then the next place
 * is searched for where several chunks hold together.
 */
#include <errno.h>
#include <string.h>

#include "malloc_arena.h"
#include "malloc_spans.h"
#include "memory.h"

#define WINDOW_BYTES 65536UL
#define PROVING_CHUNKS 8	      /* that follow each other before a place is believed */
#define FENCE_BYTES 16		      /* size of what closes a heap that is no longer the last */
#define MAX_SEARCH_BYTES (16UL << 20) /* in all, for places to go on from */

/* Bytes of memory that were read together, up to the first page that is not resident. */
struct window {
	uint64_t start, size;
	uint8_t bytes[WINDOW_BYTES];
};

struct walk {
	const struct malloc_arena *arena;
	uint64_t end; /* of the heap, or the arena's top */
	struct window *window;
	struct malloc_free *sums;
	const struct malloc_spans *fast;
	size_t next; /* of these */
	struct malloc_run run;
	uint64_t walked;     /* bytes of chunks */
	uint64_t searched;   /* bytes */
	uint64_t nr_windows; /* read */
};

static int fill_window(struct walk *walk, uint64_t address)
{
	struct heap_memory *memory = walk->arena->memory;
	uint64_t start = address & ~(HEAP_PAGE_BYTES - 1), size = 0;

	while (size < WINDOW_BYTES && start + size < walk->end &&
	       heap_memory_is_resident(memory, start + size))
		size += HEAP_PAGE_BYTES;
	walk->window->size = 0;
	if (!size)
		return -ENODATA;
	if (heap_memory_is_late(memory))
		return -ETIME;
	if (heap_memory_read(memory, start, walk->window->bytes, size))
		return -ENODATA;
	walk->window->start = start;
	walk->window->size = size;
	return 0;
}

/* The word with a chunk's size. A chunk is aligned to 16, so that it lies in one page. */
static int read_size(struct walk *walk, uint64_t chunk, uint64_t *ret)
{
	const struct window *window = walk->window;
	int err = 0;

	if (chunk < window->start || chunk + 16 > window->start + window->size)
		err = fill_window(walk, chunk);
	if (!err)
		memcpy(ret, window->bytes + (chunk + 8 - window->start), sizeof(*ret));
	return err;
}

static bool is_size(const struct walk *walk, uint64_t chunk, uint64_t word)
{
	uint64_t size = word & ~MALLOC_SIZE_BITS;

	return !(word & MALLOC_MMAPPED) && size % 16 == 0 && size >= MALLOC_MIN_CHUNK &&
	       size <= walk->end - chunk;
}

/* Do chunks follow each other from here on, up to the end or for long enough? */
static bool is_chain(struct walk *walk, uint64_t chunk)
{
	uint64_t word;

	for (int i = 0; i < PROVING_CHUNKS && chunk < walk->end; i++) {
		if (read_size(walk, chunk, &word) || !is_size(walk, chunk, word))
			return false;
		chunk += word & ~MALLOC_SIZE_BITS;
	}
	return true;
}

/* The next place from `from` on where chunks are, walk->end: none. */
static uint64_t search(struct walk *walk, uint64_t from)
{
	uint64_t at = from;

	while (at < walk->end && walk->searched < MAX_SEARCH_BYTES &&
	       !heap_memory_is_late(walk->arena->memory)) {
		if (!heap_memory_is_resident(walk->arena->memory, at)) {
			at = (at & ~(HEAP_PAGE_BYTES - 1)) + HEAP_PAGE_BYTES;
			continue;
		}
		if (is_chain(walk, at))
			return at;
		at += 16;
		walk->searched += 16;
	}
	return walk->end;
}

/* What closes a heap that another one follows. */
static bool is_fence(const struct walk *walk, uint64_t chunk, uint64_t word)
{
	return (word & ~MALLOC_SIZE_BITS) <= FENCE_BYTES &&
	       walk->end - chunk <= 2 * MALLOC_MIN_CHUNK;
}

/* Free chunks of fast bins look as if they were in use. */
static bool is_fast(struct walk *walk, uint64_t chunk)
{
	const struct malloc_spans *fast = walk->fast;

	while (walk->next < fast->count && fast->spans[walk->next].start < chunk)
		walk->next++;
	return walk->next < fast->count && fast->spans[walk->next].start == chunk;
}

static void add_chunk(struct walk *walk, uint64_t chunk, uint64_t size, bool is_free)
{
	if (is_free)
		walk->sums->bytes += size;
	if (is_free || is_fast(walk, chunk))
		malloc_run_add(walk->arena, &walk->run, chunk, size, walk->sums);
}

/* From one chunk to the end of the heap. The one before the top is in no bin: it would be part of
 * the top. But it may be in a fast bin. */
static void walk_chunks(struct walk *walk, uint64_t chunk)
{
	uint64_t before = 0, size_before = 0, word = 0;

	while (chunk < walk->end) {
		int err = read_size(walk, chunk, &word);
		bool is_last = !err && is_fence(walk, chunk, word);
		bool is_good = !err && (is_last || is_size(walk, chunk, word));

		if (err == -ETIME)
			return;
		if (is_good && size_before)
			add_chunk(walk, before, size_before, !(word & MALLOC_IN_USE_BEFORE));
		if (is_last)
			return;
		size_before = is_good ? word & ~MALLOC_SIZE_BITS : 0;
		before = chunk;
		walk->walked += size_before;
		if (!is_good)
			walk->sums->torn++;
		chunk = is_good ? chunk + size_before : search(walk, chunk + 16);
	}
	if (size_before)
		add_chunk(walk, before, size_before, false);
}

static void walk_heap(struct walk *walk, uint64_t first, uint64_t end)
{
	uint64_t chunk = (first + 15) & ~15ULL;

	walk->end = end;
	walk->next = malloc_spans_find(walk->fast, chunk);
	walk_chunks(walk, chunk);
	malloc_run_end(walk->arena, &walk->run, walk->sums);
}

/* sbrk's memory, from its beginning to the top. */
static void walk_main(struct walk *walk)
{
	const struct malloc_arena *arena = walk->arena;
	const struct heap_range *range = heap_memory_range(arena->memory, arena->top);
	uint64_t first;

	if (!range) {
		walk->sums->torn++;
		return;
	}
	first = arena->first > range->start && arena->first < arena->top ? arena->first
									 : range->start;
	walk_heap(walk, first, arena->top);
	/* What is elsewhere, where sbrk failed, was not seen. */
	if (!arena->memory->is_late &&
	    walk->walked + (range->end - arena->top) < arena->system_mem - arena->system_mem / 100)
		walk->sums->torn++;
}

/* A thread's arena has heaps of 64 MiB, each with a pointer to the one before. */
static void walk_heaps(struct walk *walk)
{
	const struct malloc_arena *arena = walk->arena;
	uint64_t inside = arena->top, start, first;
	struct malloc_heap heap;

	for (unsigned int i = 0; inside && i < MALLOC_MAX_HEAPS; i++) {
		if (malloc_arena_heap(arena, inside, &start, &heap)) {
			walk->sums->torn++;
			return;
		}
		first = start + arena->layout->heap_info_bytes;
		if (arena->address == first)
			first += arena->layout->system_mem + 16;
		walk_heap(walk, first, i ? start + heap.size : arena->top);
		if (heap_memory_is_late(arena->memory))
			return;
		/* Heaps that lead to each other. */
		if (walk->walked > arena->system_mem) {
			walk->sums->torn++;
			return;
		}
		inside = heap.before;
	}
}

void malloc_walk_read(const struct malloc_arena *arena, const struct malloc_spans *fast,
		      struct malloc_free *ret)
{
	struct walk walk = { .arena = arena, .sums = ret, .fast = fast };

	*ret = (struct malloc_free){ 0 };
	walk.window = xcalloc(1, sizeof(*walk.window));
	if (arena->is_main)
		walk_main(&walk);
	else
		walk_heaps(&walk);
	free(walk.window);
}
