/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All arenas of glibc's malloc; see malloc_arenas.h.
 *
 * They form a ring that begins with main_arena. What is free in each is its bins, its fast bins and
 * its top; what is not is in use, the caches of threads too (mallinfo2() says the same). Lists are
 * read first: they hold together better than chunks do while threads allocate. Beyond some 65,000
 * entries the walk through all chunks is faster, which reads 64 KiB at a time.
 */
#include "malloc_arenas.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "malloc_arena.h"
#include "malloc_spans.h"
#include "memory.h"

#define MAX_ARENAS 65536 /* MALLOC_ARENA_MAX is 8 for each CPU */
/* Pages that the kernel moves are absent for a moment (compaction, khugepaged: up to milliseconds),
 * as what a target does to its lists is: the pauses between readings double, 31 ms in all. */
#define MAX_READINGS 6
#define FIRST_PAUSE_NS 1000000ULL
#define MAX_TOP_UNIT (1UL << 30) /* no processor has larger pages */
#define AGREE_SHARE 200 /* two readings that differ by less than half a percent say the same */

struct reading {
	struct heap_memory *memory;
	const struct malloc_layout *layout;
	uint64_t bias, sbrk_base;
	uint64_t top_unit; /* in which the main arena's top is given back */
	uint64_t nr_listed;
	bool has_moved; /* an arena changed while it was read */
	struct malloc_sums sums;
};

/* Of the main arena's top malloc_trim leaves the least chunk and gives back the rest, from its end
 * on, in whole units (systrim); those of threads stay. What is free before it is part of it by
 * then. */
static int add_top(const struct reading *reading, const struct malloc_arena *arena,
		   struct malloc_free *sums)
{
	uint64_t size, from, end, bytes, resident;
	int err = malloc_arena_top(arena, &size);

	if (err)
		return err;
	sums->bytes += size;
	end = arena->top + size;
	from = malloc_arena_page((sums->top ? sums->top : arena->top) + MALLOC_MIN_CHUNK + 1);
	if (from >= end)
		return 0;
	bytes = (end - from) & ~(HEAP_PAGE_BYTES - 1);
	resident = heap_memory_resident_bytes(arena->memory, from, from + bytes);
	sums->absent += bytes - resident;
	if (!arena->is_main)
		return 0;
	from += bytes & (reading->top_unit - 1);
	bytes &= ~(reading->top_unit - 1);
	sums->pages += heap_memory_resident_bytes(arena->memory, from, from + bytes);
	return 0;
}

static int open_arena(struct reading *reading, uint64_t address, struct malloc_arena *ret)
{
	const struct malloc_layout *layout = reading->layout;
	int err;

	*ret = (struct malloc_arena){
		.memory = reading->memory,
		.layout = layout,
		.address = address,
		.first = reading->sbrk_base,
		.is_main = address == layout->main_arena + reading->bias,
		.nr_listed = &reading->nr_listed,
	};
	if (ret->is_main)
		err = heap_memory_read_variable(reading->memory, address, ret->state,
						sizeof(ret->state));
	else
		err = heap_memory_read(reading->memory, address, ret->state, sizeof(ret->state));
	ret->top = malloc_arena_word(ret, layout->top);
	ret->system_mem = malloc_arena_word(ret, layout->system_mem);
	return err;
}

/* A chunk that moved between two lists may have been counted twice. */
static void bound(struct malloc_free *found, uint64_t most)
{
	if (found->bytes <= most && found->pages <= found->bytes &&
	    found->absent <= found->bytes - found->pages)
		return;
	found->torn++;
	if (found->bytes > most)
		found->bytes = most;
	if (found->pages > found->bytes)
		found->pages = found->bytes;
	if (found->absent > found->bytes - found->pages)
		found->absent = found->bytes - found->pages;
}

/* The fast bins come first: a walk has to know what lies in them. */
static void read_bins(struct reading *reading, const struct malloc_arena *arena,
		      struct malloc_free *ret)
{
	struct malloc_spans spans = { 0 };
	struct malloc_free fast = { 0 };

	malloc_fast_read(arena, &spans, &fast);
	if (reading->nr_listed <= MALLOC_MAX_LISTED && !malloc_lists_read(arena, &spans, ret)) {
		malloc_spans_sort(&spans);
		malloc_spans_pages(arena, &spans, ret);
	} else {
		malloc_spans_sort(&spans);
		malloc_walk_read(arena, &spans, ret);
	}
	malloc_spans_clear(&spans);
	ret->bytes += fast.bytes;
	ret->torn += fast.torn;
}

static void add_arena(struct reading *reading, const struct malloc_arena *arena)
{
	struct malloc_free found = { 0 };

	reading->sums.nr_arenas++;
	/* Nobody has asked it for anything yet: its top is no chunk. */
	if (!arena->system_mem)
		return;
	if (arena->system_mem > reading->memory->most_bytes) {
		reading->sums.torn++;
		return;
	}
	read_bins(reading, arena, &found);
	if (add_top(reading, arena, &found))
		found.torn++;
	bound(&found, arena->system_mem);
	reading->sums.free += found.bytes;
	reading->sums.used += arena->system_mem - found.bytes;
	reading->sums.free_threads += arena->is_main ? 0 : found.bytes;
	reading->sums.free_pages += found.pages;
	reading->sums.free_absent += found.absent;
	reading->sums.torn += found.torn;
}

/* A change in the middle of a ring comes with one of its ends, or of the bin that the chunk goes
 * to; all these are in the arena's own variables. */
static bool has_moved(const struct malloc_arena *arena)
{
	uint8_t now[MALLOC_STATE_BYTES];
	const size_t from = arena->layout->fastbins == MALLOC_NO_FIELD ? arena->layout->top
								       : arena->layout->fastbins;

	return heap_memory_read_variable(arena->memory, arena->address, now, sizeof(now)) ||
	       memcmp(now + from, arena->state + from, arena->layout->system_mem + 8 - from) != 0;
}

/* Huge pages with glibc.malloc.hugetlb=1, where the kernel has them on request (madvise). */
static void read_top_unit(struct reading *reading, uint64_t parameters)
{
	uint64_t unit;

	if (reading->layout->thp_pagesize == MALLOC_NO_FIELD ||
	    heap_memory_read_variable(reading->memory, parameters + reading->layout->thp_pagesize,
				      &unit, sizeof(unit)))
		return;
	if (unit > HEAP_PAGE_BYTES && !(unit & (unit - 1)) && unit <= MAX_TOP_UNIT)
		reading->top_unit = unit;
}

static void read_parameters(struct reading *reading)
{
	const struct malloc_layout *layout = reading->layout;
	uint64_t at = layout->parameters + reading->bias;

	reading->top_unit = HEAP_PAGE_BYTES;
	if (!layout->parameters)
		return;
	if (layout->sbrk_base != MALLOC_NO_FIELD)
		(void)heap_memory_read_variable(reading->memory, at + layout->sbrk_base,
						&reading->sbrk_base, sizeof(reading->sbrk_base));
	read_top_unit(reading, at);
	if (layout->mmapped_mem == MALLOC_NO_FIELD ||
	    heap_memory_read_variable(reading->memory, at + layout->mmapped_mem,
				      &reading->sums.mapped, sizeof(reading->sums.mapped)) ||
	    reading->sums.mapped > reading->memory->most_bytes) {
		reading->sums.mapped = 0;
		reading->sums.torn++;
	}
}

/* Brent's way to tell a ring that does not lead back to its beginning. */
struct ring {
	uint64_t seen;
	uint32_t steps, limit;
};

static bool is_circle(struct ring *ring, uint64_t address)
{
	if (address == ring->seen)
		return true;
	if (++ring->steps > ring->limit) {
		ring->seen = address;
		ring->steps = 0;
		ring->limit = ring->limit * 2 + 1;
	}
	return false;
}

static int read_ring(struct reading *reading)
{
	const uint64_t main = reading->layout->main_arena + reading->bias;
	struct malloc_arena *arena = xmalloc(sizeof(*arena));
	struct ring ring = { 0 };
	uint64_t address = main;
	int err = 0;

	do {
		err = open_arena(reading, address, arena);
		if (err)
			break;
		add_arena(reading, arena);
		reading->has_moved |= has_moved(arena);
		address = malloc_arena_word(arena, reading->layout->next);
		if (heap_memory_is_late(reading->memory) || reading->sums.nr_arenas >= MAX_ARENAS)
			break;
	} while (address != main && !is_circle(&ring, address));
	free(arena);
	if ((address != main || err) && !reading->memory->is_late)
		reading->sums.torn++;
	return reading->sums.nr_arenas ? 0 : err;
}

static bool agree(const struct malloc_sums *one, const struct malloc_sums *other)
{
	uint64_t difference = one->free > other->free ? one->free - other->free
						      : other->free - one->free;

	return difference <= (one->free + one->used) / AGREE_SHARE &&
	       one->nr_arenas == other->nr_arenas;
}

static int read_once(struct reading *reading)
{
	heap_memory_forget(reading->memory);
	reading->nr_listed = 0;
	reading->has_moved = false;
	reading->sums = (struct malloc_sums){ 0 };
	read_parameters(reading);
	return read_ring(reading);
}

/* False: by the deadline there is no time for a pause and a reading of that length. */
static bool wait_for_another(struct reading *reading, uint64_t took, int attempt)
{
	const uint64_t pause = FIRST_PAUSE_NS << (attempt - 1);

	if (heap_memory_time_left(reading->memory) < 2 * took + pause)
		return false;
	heap_memory_pause(reading->memory, pause);
	return true;
}

int malloc_arenas_read(struct heap_memory *memory, const struct malloc_layout *layout,
		       uint64_t bias, struct malloc_sums *ret)
{
	struct reading reading = { .memory = memory, .layout = layout, .bias = bias };
	uint64_t began = clock_ns(), took;
	int err;

	err = read_once(&reading);
	took = clock_ns() - began;
	*ret = reading.sums;
	ret->is_moving = reading.has_moved;
	for (int i = 1; !err && i < MAX_READINGS && (ret->is_moving || ret->torn); i++) {
		struct malloc_sums before = *ret;

		if (!wait_for_another(&reading, took, i) || read_once(&reading) || memory->is_late)
			break;
		*ret = reading.sums;
		ret->is_moving = reading.has_moved && !agree(&before, ret);
	}
	return err;
}
