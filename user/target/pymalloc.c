/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of pymalloc; see pymalloc.h. A pool begins with
 *
 *	u32 count; block *freeblock; pool *next, *previous;
 *	u32 arenaindex, szidx, nextoffset, maxnextoffset;
 *
 * and goes on with blocks of (szidx + 1) * ALIGNMENT bytes, of which `count` are in use and those
 * from nextoffset on have never been. maxnextoffset is the pool's size less one block: a number
 *that memory which is no pool does not have beside the size by chance, and that tells which sizes
 *this interpreter was built with. A pool of which all blocks were freed keeps its header.
 */
#include "pymalloc.h"

#include <string.h>

#include "hash_table.h"
#include "memory.h"

#define NR_KINDS 3
#define MAX_SMALL_BYTES 512 /* SMALL_REQUEST_THRESHOLD */
#define MAX_TORN_LOOKS 3
#define LARGE_POOL_BYTES 16384UL
#define BLOCK_BYTES (128UL << 10) /* smaller than an arena */

/* What a build is like; 3.6 and 3.7 began with an alignment of 8, 3.10 brought large pools. */
static const struct kind {
	uint32_t pool_bytes, alignment, arena_bytes;
} kinds[NR_KINDS] = {
	{ 4096, 16, 256U << 10 },
	{ LARGE_POOL_BYTES, 16, 1U << 20 },
	{ 4096, 8, 256U << 10 },
};

struct header {
	uint32_t count, pad;
	uint64_t freeblock, next, previous;
	uint32_t arenaindex, szidx, nextoffset, maxnextoffset;
};
_Static_assert(sizeof(struct header) == PYMALLOC_HEADER_BYTES, "not CPython's struct pool_header");

struct arena {
	uint64_t first; /* the pool seen first */
	uint64_t pool_bytes;
	bool is_used;
};

/* Pools of one kind; what a process has only one of. */
struct found {
	struct pymalloc sums;
	struct hash_table by_index; /* arenaindex to the arena seen last */
	struct arena *arenas;
	size_t capacity;
};

struct scan {
	struct heap_memory *memory;
	struct found found[NR_KINDS];
};

enum verdict { NO_POOL, POOL, TORN_POOL };

static uint32_t block_bytes(const struct kind *kind, const struct header *header)
{
	return (header->szidx + 1) * kind->alignment;
}

static uint32_t capacity(const struct kind *kind, const struct header *header)
{
	return (kind->pool_bytes - PYMALLOC_HEADER_BYTES) / block_bytes(kind, header);
}

/* What never changes while a pool has its size says that it is one, the rest whether it was read
 * between two of its thread's stores. */
static enum verdict judge(const struct kind *kind, uint64_t address, const struct header *header)
{
	uint32_t size;

	if (address % kind->pool_bytes || header->szidx >= MAX_SMALL_BYTES / kind->alignment)
		return NO_POOL;
	size = block_bytes(kind, header);
	if (header->maxnextoffset != kind->pool_bytes - size)
		return NO_POOL;
	if (header->nextoffset < PYMALLOC_HEADER_BYTES || header->nextoffset > kind->pool_bytes ||
	    (header->nextoffset - PYMALLOC_HEADER_BYTES) % size)
		return NO_POOL;
	if (header->count > capacity(kind, header) ||
	    (header->freeblock && header->freeblock - address >= kind->pool_bytes))
		return TORN_POOL;
	return POOL;
}

/* Pools are seen in the order of their addresses. Interpreters with a lock of their own (3.12) have
 * arenas of their own, and count them from zero again. */
static struct arena *arena_of(struct found *found, const struct kind *kind, uint64_t address,
			      uint32_t index)
{
	uint32_t number;

	if (found->arenas && hash_table_get(&found->by_index, index, &number) &&
	    address - found->arenas[number].first < kind->arena_bytes)
		return &found->arenas[number];
	number = (uint32_t)found->sums.nr_arenas++;
	hash_table_put(&found->by_index, index, number);
	found->arenas = array_reserve(found->arenas, &found->capacity, found->sums.nr_arenas,
				      sizeof(*found->arenas));
	found->arenas[number] = (struct arena){ .first = address };
	return &found->arenas[number];
}

static void add_pool(struct found *found, const struct kind *kind, uint64_t address,
		     const struct header *header)
{
	struct arena *arena = arena_of(found, kind, address, header->arenaindex);
	uint64_t used = (uint64_t)header->count * block_bytes(kind, header);
	uint64_t bytes = (uint64_t)capacity(kind, header) * block_bytes(kind, header);

	if (!header->count)
		bytes = kind->pool_bytes;
	found->sums.nr_pools++;
	found->sums.used += used;
	found->sums.free += bytes - used;
	found->sums.free_pools += header->count ? 0 : bytes;
	arena->pool_bytes += kind->pool_bytes;
	arena->is_used |= header->count != 0;
}

static void take_header(struct scan *scan, uint64_t address, struct header *header)
{
	for (size_t i = 0; i < NR_KINDS; i++) {
		enum verdict verdict = judge(&kinds[i], address, header);
		int looks = 0;

		while (verdict == TORN_POOL && looks++ < MAX_TORN_LOOKS &&
		       !heap_memory_read(scan->memory, address, header, sizeof(*header)))
			verdict = judge(&kinds[i], address, header);
		scan->found[i].sums.torn += verdict == TORN_POOL;
		if (verdict == POOL)
			add_pool(&scan->found[i], &kinds[i], address, header);
	}
}

enum page { PAGE_UNTOUCHED, PAGE_POOL, PAGE_OTHER };

/* What the begin of a page says. One that cannot be read by now is as good as untouched. */
static enum page judge_page(struct scan *scan, uint64_t address)
{
	const struct heap_source *source = &scan->memory->source;
	static const struct header untouched;
	struct header header;

	if (!heap_memory_is_resident(scan->memory, address) ||
	    source->read(source->context, address, &header, sizeof(header)) ||
	    !memcmp(&header, &untouched, sizeof(header)))
		return PAGE_UNTOUCHED;
	for (size_t i = 0; i < NR_KINDS; i++)
		if (judge(&kinds[i], address, &header) != NO_POOL)
			return PAGE_POOL;
	return PAGE_OTHER;
}

/* Is the first or the last page of a block that was touched, of those that are multiples of
 * `bytes`, a pool? */
static bool has_pool_at_edge(struct scan *scan, uint64_t start, uint64_t end, uint64_t bytes)
{
	uint64_t first = (start + bytes - 1) & ~(bytes - 1), last = (end - 1) & ~(bytes - 1);
	enum page page = PAGE_UNTOUCHED;

	while (first < end && (page = judge_page(scan, first)) == PAGE_UNTOUCHED)
		first += bytes;
	if (first >= end || page == PAGE_POOL)
		return page == PAGE_POOL;
	while (last > first && (page = judge_page(scan, last)) == PAGE_UNTOUCHED)
		last -= bytes;
	return page == PAGE_POOL;
}

static void scan_block(struct scan *scan, uint64_t address, uint64_t end)
{
	const struct heap_source *source = &scan->memory->source;
	struct header header;

	while ((address = heap_memory_next(scan->memory, address, end)) < end &&
	       !heap_memory_is_late(scan->memory)) {
		/* One that cannot be read by now is no pool any more. */
		if (!source->read(source->context, address, &header, sizeof(header)))
			take_header(scan, address, &header);
		address += HEAP_PAGE_BYTES;
	}
}

/*
 * Pools are used from the begin of an arena on, and keep their headers until it goes as a whole. So
 * of what a block has of an arena, its first or its last page that was touched, or the first or the
 * last where a large pool may begin, is a pool: other blocks, an array's of many GiB, are not read.
 * Pages are resident that nobody has touched, where one of them is a huge page.
 */
static void scan_range(struct scan *scan, const struct heap_range *range)
{
	uint64_t address = (range->start + HEAP_PAGE_BYTES - 1) & ~(HEAP_PAGE_BYTES - 1);
	uint64_t end = range->end & ~(HEAP_PAGE_BYTES - 1);

	while ((address = heap_memory_next(scan->memory, address, end)) < end &&
	       !heap_memory_is_late(scan->memory)) {
		uint64_t stop = (address & ~(BLOCK_BYTES - 1)) + BLOCK_BYTES;

		if (stop > end)
			stop = end;
		if (has_pool_at_edge(scan, address, stop, HEAP_PAGE_BYTES) ||
		    has_pool_at_edge(scan, address, stop, LARGE_POOL_BYTES))
			scan_block(scan, address, stop);
		address = stop;
	}
}

static void finish(struct found *found)
{
	for (size_t i = 0; i < found->sums.nr_arenas; i++)
		if (!found->arenas[i].is_used)
			found->sums.free_arenas += found->arenas[i].pool_bytes;
	hash_table_free(&found->by_index);
	free(found->arenas);
}

void pymalloc_read(struct heap_memory *memory, struct pymalloc *ret)
{
	struct scan scan = { .memory = memory };
	size_t best = 0;

	for (size_t i = 0; i < memory->nr_ranges && !heap_memory_is_late(memory); i++)
		if (!memory->ranges[i].is_brk)
			scan_range(&scan, &memory->ranges[i]);
	for (size_t i = 0; i < NR_KINDS; i++) {
		finish(&scan.found[i]);
		if (scan.found[i].sums.nr_pools > scan.found[best].sums.nr_pools)
			best = i;
	}
	*ret = scan.found[best].sums;
}
