/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fast bins of an arena; see malloc_arena.h.
 *
 * They have no bounds: what a program frees in small blocks stays in them until it asks for a large
 * one. A read for each of 150,000 chunks takes 0.9 s on a busy machine, so that a long list is read
 * by windows: blocks that were freed one after another mostly lie near each other. A list changes
 * at its head alone, which has_moved() looks at again: a window may be as old as the reading.
 */
#include <errno.h>
#include <string.h>

#include "malloc_arena.h"
#include "malloc_spans.h"
#include "memory.h"

#define ATTEMPTS 5
#define NR_FAST_BINS 10
#define ALIGNMENT 16
#define FD_OFFSET 16 /* of a chunk */
/* Of one arena, 16 MiB of them: further ones count as not read. */
#define MAX_CHUNKS (1UL << 20)

#define WINDOW_BYTES 65536UL
#define NR_WINDOWS 256 /* 16 MiB */
#define SHORT 64       /* chunks, each of which is a read */
/* A window takes as long as so many chunks. Where it does not bring as many, because lists jump,
 * most are read by themselves, and a window now and then. */
#define CHUNKS_A_WINDOW 8
#define CHUNKS_A_TRY 64

struct window {
	uint64_t start, size;
	uint8_t *bytes; /* owned */
};

struct fast {
	const struct malloc_arena *arena;
	struct malloc_spans *spans;
	uint64_t nr_chunks, nr_windows; /* read */
	uint64_t nr_found;		/* chunks, in windows */
	struct window windows[NR_WINDOWS];
};

/* ---- Windows ---- */

static void forget(struct fast *fast)
{
	for (size_t i = 0; i < NR_WINDOWS; i++)
		fast->windows[i].size = 0;
}

static bool may_fill(const struct fast *fast)
{
	return fast->nr_chunks > SHORT &&
	       fast->nr_windows < NR_WINDOWS + fast->nr_found / CHUNKS_A_WINDOW +
					  fast->nr_chunks / CHUNKS_A_TRY;
}

/* The resident pages around an address, within its WINDOW_BYTES. */
static void fill(struct fast *fast, struct window *window, uint64_t address)
{
	struct heap_memory *memory = fast->arena->memory;
	const struct heap_range *range = heap_memory_range(memory, address);
	uint64_t low = address & ~(WINDOW_BYTES - 1), high = low + WINDOW_BYTES;
	uint64_t from = address & ~(HEAP_PAGE_BYTES - 1), to = from;

	window->size = 0;
	if (!range)
		return;
	low = low > range->start ? low : range->start;
	high = high < range->end ? high : range->end;
	while (from > low && heap_memory_is_resident(memory, from - HEAP_PAGE_BYTES))
		from -= HEAP_PAGE_BYTES;
	while (to < high && heap_memory_is_resident(memory, to))
		to += HEAP_PAGE_BYTES;
	if (!window->bytes)
		window->bytes = xmalloc(WINDOW_BYTES);
	fast->nr_windows++;
	if (to == from || heap_memory_read(memory, from, window->bytes, to - from))
		return;
	window->start = from;
	window->size = to - from;
}

static bool is_within(const struct window *window, uint64_t address)
{
	return address >= window->start && window->size >= sizeof(struct malloc_chunk) &&
	       address - window->start <= window->size - sizeof(struct malloc_chunk);
}

static int read_chunk(struct fast *fast, uint64_t address, struct malloc_chunk *ret)
{
	struct window *window = &fast->windows[address / WINDOW_BYTES % NR_WINDOWS];

	fast->nr_chunks++;
	if (!is_within(window, address) && may_fill(fast))
		fill(fast, window, address);
	if (!is_within(window, address))
		return malloc_arena_chunk(fast->arena, address, ret);
	fast->nr_found++;
	memcpy(ret, window->bytes + (address - window->start), sizeof(*ret));
	return malloc_arena_check(fast->arena, address, ret);
}

/* ---- Lists ---- */

static uint64_t unmangle(const struct malloc_arena *arena, uint64_t chunk, uint64_t fd, bool plain)
{
	uint64_t place = chunk + FD_OFFSET;

	if (arena->layout->lists == LISTS_PLAIN || (arena->layout->lists == LISTS_EITHER && plain))
		return fd;
	return fd ^ place >> 12;
}

static int step(const struct fast *fast, uint64_t count)
{
	if (count > fast->arena->system_mem / MALLOC_MIN_CHUNK)
		return -ELOOP;
	if (fast->spans->count >= MAX_CHUNKS)
		return -E2BIG;
	return !(count % 64) && heap_memory_is_late(fast->arena->memory) ? -ETIME : 0;
}

static int walk_bin(struct fast *fast, unsigned int bin, bool plain)
{
	const struct malloc_arena *arena = fast->arena;
	const uint64_t size = (bin + 2) * (uint64_t)ALIGNMENT;
	uint64_t node, count = 0;
	struct malloc_chunk chunk;
	int err = malloc_arena_variable(arena, arena->layout->fastbins + bin * 8UL, &node);

	while (!err && node) {
		err = step(fast, ++count);
		if (!err)
			err = read_chunk(fast, node, &chunk);
		if (!err && (chunk.size & ~MALLOC_SIZE_BITS) != size)
			err = -EBADMSG;
		if (err)
			break;
		malloc_spans_add(fast->spans, node, size);
		node = unmangle(arena, node, chunk.fd, plain);
	}
	return err;
}

/* Keeps what this attempt found behind `from` if it came to the end, or further than the best. */
static void choose(struct malloc_spans *spans, size_t begin, size_t from, bool is_whole)
{
	if (is_whole || spans->count - from > from - begin)
		malloc_spans_keep(spans, begin, from);
	else
		spans->count = from;
}

static int read_bin(struct fast *fast, unsigned int bin)
{
	const size_t begin = fast->spans->count;
	int err = -EBADMSG;

	for (int attempt = 0; attempt < ATTEMPTS && err && err != -ETIME && err != -E2BIG;
	     attempt++) {
		size_t from = fast->spans->count;

		if (attempt)
			forget(fast);
		err = walk_bin(fast, bin, false);
		choose(fast->spans, begin, from, !err);
		if (!err || fast->arena->layout->lists != LISTS_EITHER)
			continue;
		from = fast->spans->count;
		err = walk_bin(fast, bin, true);
		choose(fast->spans, begin, from, !err);
	}
	return err;
}

void malloc_fast_read(const struct malloc_arena *arena, struct malloc_spans *spans,
		      struct malloc_free *sums)
{
	struct fast *fast;

	if (arena->layout->fastbins == MALLOC_NO_FIELD)
		return;
	fast = xcalloc(1, sizeof(*fast));
	fast->arena = arena;
	fast->spans = spans;
	for (unsigned int bin = 0; bin < NR_FAST_BINS; bin++) {
		const size_t begin = spans->count;
		int err = read_bin(fast, bin);

		sums->bytes += (spans->count - begin) * (bin + 2) * (uint64_t)ALIGNMENT;
		sums->torn += err && err != -ETIME ? 1 : 0;
	}
	for (size_t i = 0; i < NR_WINDOWS; i++)
		free(fast->windows[i].bytes);
	free(fast);
}
