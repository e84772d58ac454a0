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
#define NR_POOL_SIZES 2
#define MAX_SMALL_BYTES 512 /* SMALL_REQUEST_THRESHOLD */
#define MAX_TORN_LOOKS 3
/* Of pools: no interpreter that runs has less. 3.6 to 3.15 have 600 KB before they run a line. */
#define SURE_BYTES (256UL << 10)

/* 3.10 brought large pools. A block is what is looked at by its edges: smaller than an arena. */
static const struct pool_size {
	uint32_t pool_bytes, arena_bytes, block_bytes;
} pool_sizes[NR_POOL_SIZES] = {
	{ 16384, 1U << 20, 256U << 10 },
	{ 4096, 256U << 10, 128U << 10 },
};

/* What a build is like; 3.6 and 3.7 began with an alignment of 8. */
static const struct kind {
	const struct pool_size *size;
	uint32_t alignment;
} kinds[NR_KINDS] = {
	{ &pool_sizes[0], 16 },
	{ &pool_sizes[1], 16 },
	{ &pool_sizes[1], 8 },
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
	bool has_again; /* an arenaindex came again: there is more than one interpreter */
};

/* Blocks one after the other. */
struct blocks {
	uint64_t start, end;
};

struct scan {
	struct heap_memory *memory;
	const struct pool_size *size; /* of the pools that are looked for now */
	struct found found[NR_KINDS];
	struct blocks *rest; /* which the survey could not tell about; owned */
	size_t nr_rest, capacity;
};

enum verdict { NO_POOL, POOL, TORN_POOL };

static uint32_t block_bytes(const struct kind *kind, const struct header *header)
{
	return (header->szidx + 1) * kind->alignment;
}

static uint32_t capacity(const struct kind *kind, const struct header *header)
{
	return (kind->size->pool_bytes - PYMALLOC_HEADER_BYTES) / block_bytes(kind, header);
}

/* What never changes while a pool has its size says that it is one, the rest whether it was read
 * between two of its thread's stores. */
static enum verdict judge(const struct kind *kind, uint64_t address, const struct header *header)
{
	uint32_t size;

	if (address % kind->size->pool_bytes || header->szidx >= MAX_SMALL_BYTES / kind->alignment)
		return NO_POOL;
	size = block_bytes(kind, header);
	if (header->maxnextoffset != kind->size->pool_bytes - size)
		return NO_POOL;
	if (header->nextoffset < PYMALLOC_HEADER_BYTES ||
	    header->nextoffset > kind->size->pool_bytes ||
	    (header->nextoffset - PYMALLOC_HEADER_BYTES) % size)
		return NO_POOL;
	if (header->count > capacity(kind, header) ||
	    (header->freeblock && header->freeblock - address >= kind->size->pool_bytes))
		return TORN_POOL;
	return POOL;
}

/* Pools are seen in the order of their addresses. Interpreters with a lock of their own (3.12) have
 * arenas of their own, and count them from zero again. */
static struct arena *arena_of(struct found *found, const struct kind *kind, uint64_t address,
			      uint32_t index)
{
	uint32_t number;

	if (found->arenas && hash_table_get(&found->by_index, index, &number)) {
		if (address - found->arenas[number].first < kind->size->arena_bytes)
			return &found->arenas[number];
		found->has_again = true;
	}
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
		bytes = kind->size->pool_bytes;
	found->sums.nr_pools++;
	found->sums.used += used;
	found->sums.free += bytes - used;
	found->sums.free_pools += header->count ? 0 : bytes;
	arena->pool_bytes += kind->size->pool_bytes;
	arena->is_used |= header->count != 0;
}

static void take_header(struct scan *scan, uint64_t address, struct header *header)
{
	for (size_t i = 0; i < NR_KINDS; i++) {
		enum verdict verdict;
		int looks = 0;

		if (kinds[i].size != scan->size)
			continue;
		verdict = judge(&kinds[i], address, header);
		while (verdict == TORN_POOL && looks++ < MAX_TORN_LOOKS &&
		       !heap_memory_read(scan->memory, address, header, sizeof(*header)))
			verdict = judge(&kinds[i], address, header);
		scan->found[i].sums.torn += verdict == TORN_POOL;
		if (verdict == POOL)
			add_pool(&scan->found[i], &kinds[i], address, header);
	}
}

static uint64_t align_up(uint64_t address, uint64_t bytes)
{
	return (address + bytes - 1) & ~(bytes - 1);
}

static void scan_block(struct scan *scan, uint64_t address, uint64_t end)
{
	const struct heap_source *source = &scan->memory->source;
	struct header header;

	for (address = align_up(address, scan->size->pool_bytes); address < end;
	     address += scan->size->pool_bytes)
		/* One that cannot be read by now is no pool any more. */
		if (heap_memory_is_resident(scan->memory, address) &&
		    !source->read(source->context, address, &header, sizeof(header)))
			take_header(scan, address, &header);
}

enum page { PAGE_ABSENT, PAGE_UNTOUCHED, PAGE_POOL, PAGE_OTHER };

/* What the begin of a page says. One that cannot be read by now is as good as absent. */
static enum page judge_page(struct scan *scan, uint64_t address)
{
	const struct heap_source *source = &scan->memory->source;
	static const struct header untouched;
	struct header header;

	if (!heap_memory_is_resident(scan->memory, address) ||
	    source->read(source->context, address, &header, sizeof(header)))
		return PAGE_ABSENT;
	if (!memcmp(&header, &untouched, sizeof(header)))
		return PAGE_UNTOUCHED;
	for (size_t i = 0; i < NR_KINDS; i++)
		if (kinds[i].size == scan->size && judge(&kinds[i], address, &header) != NO_POOL)
			return PAGE_POOL;
	return PAGE_OTHER;
}

/* Of the pages of a block where a pool may begin, the first that is there. */
static enum page judge_begin(struct scan *scan, uint64_t start, uint64_t end)
{
	const uint64_t step = scan->size->pool_bytes;
	enum page page = PAGE_ABSENT;

	for (uint64_t at = align_up(start, step); at < end && page == PAGE_ABSENT; at += step)
		page = judge_page(scan, at);
	return page;
}

/* The last that is there; or, where those do not count either, the last that was touched. */
static enum page judge_end(struct scan *scan, uint64_t start, uint64_t end, bool skips_untouched)
{
	const uint64_t step = scan->size->pool_bytes, first = align_up(start, step);
	enum page page = PAGE_ABSENT;

	for (uint64_t at = align_up(end, step); at > first; at -= step) {
		page = judge_page(scan, at - step);
		if (page != PAGE_ABSENT && (page != PAGE_UNTOUCHED || !skips_untouched))
			break;
	}
	return page;
}

static void put_off(struct scan *scan, uint64_t start, uint64_t end)
{
	if (scan->nr_rest && scan->rest[scan->nr_rest - 1].end == start) {
		scan->rest[scan->nr_rest - 1].end = end;
		return;
	}
	scan->rest = array_reserve(scan->rest, &scan->capacity, scan->nr_rest + 1,
				   sizeof(*scan->rest));
	scan->rest[scan->nr_rest++] = (struct blocks){ start, end };
}

static void survey_block(struct scan *scan, uint64_t start, uint64_t end)
{
	enum page begin = judge_begin(scan, start, end);
	enum page last = begin == PAGE_POOL ? PAGE_POOL : judge_end(scan, start, end, false);

	if (last == PAGE_POOL)
		scan_block(scan, start, end);
	else if (last == PAGE_UNTOUCHED)
		put_off(scan, start, end);
}

/* Of one that ends untouched. */
static void search_block(struct scan *scan, uint64_t start, uint64_t end)
{
	if (judge_end(scan, start, end, true) == PAGE_POOL)
		scan_block(scan, start, end);
}

static void each_block(struct scan *scan, const struct blocks *blocks,
		       void (*look)(struct scan *, uint64_t, uint64_t))
{
	uint64_t address = align_up(blocks->start, HEAP_PAGE_BYTES);
	uint64_t end = blocks->end & ~(HEAP_PAGE_BYTES - 1), size = scan->size->block_bytes;

	while ((address = heap_memory_next(scan->memory, address, end)) < end &&
	       !heap_memory_is_late(scan->memory)) {
		uint64_t stop = (address & ~(size - 1)) + size;

		if (stop > end)
			stop = end;
		look(scan, address, stop);
		address = stop;
	}
}

/* One more pool may be missing: an arena need not begin where a pool may. */
static bool has_partly_used_arena(const struct found *found, const struct kind *kind)
{
	for (size_t i = 0; i < found->sums.nr_arenas; i++)
		if (found->arenas[i].pool_bytes + kind->size->pool_bytes < kind->size->arena_bytes)
			return true;
	return false;
}

/* May an arena be where the survey could not tell? Not in what is no Python. */
static bool is_arena_missing(const struct scan *scan)
{
	for (size_t i = 0; i < NR_KINDS; i++) {
		const struct found *found = &scan->found[i];

		if (kinds[i].size == scan->size && found->sums.nr_pools &&
		    (found->has_again || !has_partly_used_arena(found, &kinds[i])))
			return true;
	}
	return false;
}

/*
 * Pools are used from the begin of an arena on, and keep their headers until it goes as a whole. So
 * of what a block has of an arena, its first or its last page that was touched is a pool: other
 * blocks, an array's of many GiB, are not read.
 *
 * Pages are resident that nobody has touched, where one of them is a huge page, and look like an
 * array's zeros. But an interpreter takes a new arena only when it has used all pools of the others
 * (allocate_from_new_pool() in Objects/obmalloc.c, 3.6 to 3.15), so that one of its arenas at most
 * is not used to the end, and is missed if that lies within one block. Zeros are searched when no
 * such arena has been seen: a page in each pool, where the survey reads two in each block.
 */
static void read_pools(struct scan *scan)
{
	const struct heap_memory *memory = scan->memory;

	scan->nr_rest = 0;
	for (size_t i = 0; i < memory->nr_ranges; i++) {
		const struct heap_range *range = &memory->ranges[i];

		if (!range->is_brk)
			each_block(scan, &(struct blocks){ range->start, range->end },
				   survey_block);
	}
	if (!is_arena_missing(scan))
		return;
	for (size_t i = 0; i < scan->nr_rest; i++)
		each_block(scan, &scan->rest[i], search_block);
}

static void finish(struct found *found)
{
	for (size_t i = 0; i < found->sums.nr_arenas; i++)
		if (!found->arenas[i].is_used)
			found->sums.free_arenas += found->arenas[i].pool_bytes;
	hash_table_free(&found->by_index);
	free(found->arenas);
}

static uint64_t pool_bytes(const struct scan *scan, size_t kind)
{
	return scan->found[kind].sums.nr_pools * kinds[kind].size->pool_bytes;
}

void pymalloc_read(struct heap_memory *memory, struct pymalloc *ret)
{
	struct scan scan = { .memory = memory };
	size_t best = 0;

	for (size_t i = 0; i < NR_POOL_SIZES && pool_bytes(&scan, 0) < SURE_BYTES; i++) {
		scan.size = &pool_sizes[i];
		read_pools(&scan);
	}
	for (size_t i = 0; i < NR_KINDS; i++) {
		finish(&scan.found[i]);
		if (scan.found[i].sums.nr_pools > scan.found[best].sums.nr_pools)
			best = i;
	}
	free(scan.rest);
	*ret = scan.found[best].sums;
}
