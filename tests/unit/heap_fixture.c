/* SPDX-License-Identifier: BSD-2-Clause */
/* Heaps in made-up memory; see heap_fixture.h. */
#include "heap_fixture.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

#define NO MALLOC_NO_FIELD
#define STATE_BYTES 2208
#define PARAMETERS 4096 /* behind main_arena */

/* 2.26, 2.31, 2.33, 2.36, 2.43 as malloc_find says. */
static const struct malloc_layout layouts[FIXTURE_NR_LAYOUTS] = {
	{ 64, PARAMETERS, 8, 88, 104, 2152, 2176, 56, 72, NO, 32, LISTS_PLAIN, 26 },
	{ 64, PARAMETERS, 16, 96, 112, 2160, 2184, 56, 72, NO, 32, LISTS_PLAIN, 31 },
	{ 64, PARAMETERS, 16, 96, 112, 2160, 2184, 56, 72, NO, 32, LISTS_EITHER, 0 },
	{ 64, PARAMETERS, 16, 96, 112, 2160, 2184, 80, 96, 40, 48, LISTS_MANGLED, 36 },
	{ 64, PARAMETERS, NO, 8, 24, 2072, 2096, 88, 104, 48, 48, LISTS_MANGLED, 43 },
};

/* ---- Memory ---- */

static const struct fixture_region *region_of(const struct heap_fixture *fixture, uint64_t address,
					      size_t size)
{
	for (size_t i = 0; i < FIXTURE_NR_REGIONS; i++) {
		const struct fixture_region *region = &fixture->regions[i];

		if (address >= region->start && size <= FIXTURE_REGION_BYTES &&
		    address - region->start <= FIXTURE_REGION_BYTES - size)
			return region;
	}
	return NULL;
}

static int read_bytes(void *context, uint64_t address, void *to, size_t size)
{
	struct heap_fixture *fixture = context;
	const struct fixture_region *region = region_of(fixture, address, size);

	fixture->nr_reads++;
	if (!region)
		return -EFAULT;
	memcpy(to, region->bytes + (address - region->start), size);
	return 0;
}

static void look(void *context, uint64_t first_page, struct heap_pages *ret)
{
	*ret = (struct heap_pages){ 0 };
	for (uint64_t i = 0; i < HEAP_WINDOW_PAGES; i++) {
		uint64_t address = (first_page + i) * HEAP_PAGE_BYTES;
		const struct fixture_region *region = region_of(context, address, 1);

		if (region && !region->is_absent[(address - region->start) / HEAP_PAGE_BYTES]) {
			ret->present[i / 64] |= 1ULL << i % 64;
			ret->may_be_zero[i / 64] |= 1ULL << i % 64;
		}
	}
}

static void find_zero(void *context, uint64_t first_page, struct heap_pages *pages)
{
	for (uint64_t i = 0; i < HEAP_WINDOW_PAGES; i++) {
		uint64_t address = (first_page + i) * HEAP_PAGE_BYTES;
		const struct fixture_region *region = region_of(context, address, 1);

		if (region && !region->is_zero[(address - region->start) / HEAP_PAGE_BYTES])
			pages->may_be_zero[i / 64] &= ~(1ULL << i % 64);
	}
}

static void heal(void *context, uint64_t ns)
{
	struct heap_fixture *fixture = context;

	if (!fixture->pauses_to_heal || --fixture->pauses_to_heal)
		return;
	for (size_t i = 0; i < FIXTURE_NR_REGIONS; i++)
		memset(fixture->regions[i].is_absent, 0, sizeof(fixture->regions[i].is_absent));
}

void heap_fixture_init(struct heap_fixture *fixture, unsigned int layout)
{
	const struct heap_source source = {
		.read = read_bytes,
		.look = look,
		.find_zero = find_zero,
		.context = fixture,
		.pause = heal,
	};
	static const uint64_t starts[] = { FIXTURE_BIAS, FIXTURE_MAIN, FIXTURE_THREAD };

	memset(fixture, 0, sizeof(*fixture));
	for (size_t i = 0; i < FIXTURE_NR_REGIONS; i++)
		fixture->regions[i].start = starts[i];
	fixture->layout = layouts[layout % FIXTURE_NR_LAYOUTS];
	fixture->memory = heap_memory_new(&source, UINT64_MAX);
	for (size_t i = 1; i < FIXTURE_NR_REGIONS; i++)
		heap_memory_add(
			fixture->memory,
			(struct heap_range){ starts[i], starts[i] + FIXTURE_REGION_BYTES, false });
}

void heap_fixture_clear(struct heap_fixture *fixture)
{
	heap_memory_free(fixture->memory);
}

uint64_t heap_fixture_get(const struct heap_fixture *fixture, uint64_t address)
{
	const struct fixture_region *region = region_of(fixture, address, sizeof(uint64_t));
	uint64_t value = 0;

	if (region)
		memcpy(&value, region->bytes + (address - region->start), sizeof(value));
	return value;
}

void heap_fixture_put(struct heap_fixture *fixture, uint64_t address, uint64_t value)
{
	const struct fixture_region *region = region_of(fixture, address, sizeof(value));

	if (region)
		memcpy((uint8_t *)region->bytes + (address - region->start), &value, sizeof(value));
}

/* ---- glibc's malloc ---- */

uint64_t heap_fixture_main_arena(const struct heap_fixture *fixture)
{
	return FIXTURE_BIAS + fixture->layout.main_arena;
}

static uint64_t bin_of(const struct heap_fixture *fixture, uint64_t arena, unsigned int bin)
{
	return arena + fixture->layout.bins + (bin - 1) * 16UL - 16;
}

uint64_t heap_fixture_bin(const struct heap_fixture *fixture, unsigned int bin)
{
	return bin_of(fixture, heap_fixture_main_arena(fixture), bin);
}

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1103515245U + 12345U;
	return *state >> 8;
}

/* Any large bin is as good as another to a reader; the unsorted one takes all sizes. */
static unsigned int choose_bin(uint64_t size, uint32_t *state)
{
	if (draw(state) % 4 == 0)
		return 1;
	return size < 1024 ? (unsigned int)(size / 16) : 64 + draw(state) % 62;
}

static void insert_free(struct heap_fixture *fixture, uint64_t head, uint64_t chunk)
{
	uint64_t first = heap_fixture_get(fixture, head + 16);

	heap_fixture_put(fixture, chunk + 16, first);
	heap_fixture_put(fixture, chunk + 24, head);
	heap_fixture_put(fixture, first + 24, chunk);
	heap_fixture_put(fixture, head + 16, chunk);
}

static void insert_fast(struct heap_fixture *fixture, uint64_t arena, uint64_t chunk, uint64_t size)
{
	uint64_t head = arena + fixture->layout.fastbins + (size / 16 - 2) * 8;
	uint64_t first = heap_fixture_get(fixture, head);

	if (fixture->layout.lists == LISTS_MANGLED)
		first ^= (chunk + 16) >> 12;
	heap_fixture_put(fixture, chunk + 16, first);
	heap_fixture_put(fixture, head, chunk);
}

static void begin_arena(struct heap_fixture *fixture, uint64_t arena, uint64_t next)
{
	for (unsigned int bin = 1; bin <= 127; bin++) {
		uint64_t head = bin_of(fixture, arena, bin);

		heap_fixture_put(fixture, head + 16, head);
		heap_fixture_put(fixture, head + 24, head);
	}
	heap_fixture_put(fixture, arena + fixture->layout.next, next);
}

/* Chunks from `at` on, and the rest of the region as the top; two free ones never adjoin. */
static void fill_arena(struct heap_fixture *fixture, uint64_t arena, uint64_t at, uint32_t seed)
{
	uint64_t end = (at & ~(FIXTURE_REGION_BYTES - 1)) + FIXTURE_REGION_BYTES;
	bool is_in_use = true;

	heap_fixture_put(fixture, arena + fixture->layout.system_mem, FIXTURE_REGION_BYTES);
	fixture->truth_total += FIXTURE_REGION_BYTES;
	while (at < end - 40000) {
		uint64_t size = 32 + draw(&seed) % (draw(&seed) % 8 ? 40 : 1000) * 16UL;
		bool is_free = is_in_use && draw(&seed) % 3 == 0;

		heap_fixture_put(fixture, at + 8, size | is_in_use);
		if (is_free)
			insert_free(fixture, bin_of(fixture, arena, choose_bin(size, &seed)), at);
		else if (size <= 176 && draw(&seed) % 4 == 0 && fixture->layout.fastbins != NO)
			insert_fast(fixture, arena, at, size), fixture->truth_free += size;
		fixture->truth_free += is_free ? size : 0;
		is_in_use = !is_free;
		at += size;
	}
	/* The chunk before the top is in use. */
	heap_fixture_put(fixture, at + 8, 32UL | is_in_use);
	at += 32;
	heap_fixture_put(fixture, at + 8, (end - at) | 1);
	heap_fixture_put(fixture, arena + fixture->layout.top, at);
	fixture->truth_free += end - at;
}

static void begin_parameters(struct heap_fixture *fixture)
{
	heap_fixture_put(fixture, FIXTURE_BIAS + PARAMETERS + fixture->layout.sbrk_base,
			 FIXTURE_MAIN);
	heap_fixture_put(fixture, FIXTURE_BIAS + PARAMETERS + fixture->layout.mmapped_mem, 12288);
}

/* Arenas of a ring of two; `arena` is a thread's. */
static void begin_thread(struct heap_fixture *fixture, uint64_t arena)
{
	begin_arena(fixture, heap_fixture_main_arena(fixture), arena);
	begin_arena(fixture, arena, heap_fixture_main_arena(fixture));
	heap_fixture_put(fixture, FIXTURE_THREAD, arena);
	heap_fixture_put(fixture, FIXTURE_THREAD + 16, FIXTURE_REGION_BYTES);
}

void heap_fixture_make(struct heap_fixture *fixture, uint32_t seed)
{
	uint64_t main = heap_fixture_main_arena(fixture);
	uint64_t arena = FIXTURE_THREAD + fixture->layout.heap_info_bytes;
	uint64_t first = (arena + fixture->layout.system_mem + 16 + 15) & ~15ULL;

	begin_parameters(fixture);
	begin_thread(fixture, arena);
	fill_arena(fixture, main, FIXTURE_MAIN, seed);
	fill_arena(fixture, arena, first, seed ^ 0x5555);
}

void heap_fixture_make_fast(struct heap_fixture *fixture, bool is_main, uint64_t size,
			    unsigned int share, uint64_t top)
{
	uint64_t thread = FIXTURE_THREAD + fixture->layout.heap_info_bytes;
	uint64_t arena = is_main ? heap_fixture_main_arena(fixture) : thread;
	uint64_t region = is_main ? FIXTURE_MAIN : FIXTURE_THREAD, end = region + top;
	uint64_t first = is_main ? region : thread + fixture->layout.system_mem + 16;

	begin_parameters(fixture);
	begin_thread(fixture, thread);
	heap_fixture_put(fixture, arena + fixture->layout.system_mem, FIXTURE_REGION_BYTES);
	/* What is no multiple of the size is at the beginning. */
	first = (first + 15) & ~15ULL;
	heap_fixture_put(fixture, first + 8, (size + (end - first) % size) | 1);
	first += size + (end - first) % size;
	for (uint64_t at = first; at < end; at += size) {
		bool is_kept = (end - at) / size % share == 0;

		heap_fixture_put(fixture, at + 8, size | 1);
		if (!is_kept)
			insert_fast(fixture, arena, at, size), fixture->truth_free += size;
	}
	heap_fixture_put(fixture, end + 8, (region + FIXTURE_REGION_BYTES - end) | 1);
	heap_fixture_put(fixture, arena + fixture->layout.top, end);
	fixture->truth_free += region + FIXTURE_REGION_BYTES - end;
	fixture->truth_total = FIXTURE_REGION_BYTES;
}

/* ---- mimalloc ---- */

static const struct {
	uint16_t cookie, entries, slices, slice_bytes, used, block_size;
} segments[FIXTURE_NR_MIMALLOCS] = {
	{ 216, 248, 264, 80, 24, 28 },	{ 216, 248, 264, 96, 32, 40 },
	{ 224, 272, 288, 96, 32, 40 },	{ 216, 248, 264, 80, 24, 28 },
	{ 216, 248, 264, 96, 24, 28 },	{ 216, 248, 264, 112, 24, 28 },
	{ 224, 272, 288, 96, 32, 40 },	{ 224, 272, 288, 112, 32, 40 },
	{ 224, 272, 288, 128, 32, 40 },
};

uint64_t heap_fixture_slice(uint64_t address, unsigned int version, unsigned int slice)
{
	return address + segments[version].slices + (uint64_t)slice * segments[version].slice_bytes;
}

static void put_slice(struct heap_fixture *fixture, uint64_t slice, uint64_t count)
{
	heap_fixture_put(fixture, slice, count);
}

static void put_blocks(struct heap_fixture *fixture, uint64_t slice, unsigned int version,
		       uint64_t size, uint64_t used)
{
	if (segments[version].used == 32) {
		heap_fixture_put(fixture, slice + segments[version].used, used);
		heap_fixture_put(fixture, slice + segments[version].block_size, size);
	} else {
		heap_fixture_put(fixture, slice + segments[version].used, used | size << 32);
	}
}

void heap_fixture_make_segment(struct heap_fixture *fixture, uint64_t address, unsigned int version,
			       uint64_t size, uint64_t used)
{
	uint64_t page = heap_fixture_slice(address, version, 1);

	heap_fixture_put(fixture, address + segments[version].cookie,
			 address ^ 0x123456789abcdefULL);
	heap_fixture_put(fixture, address + segments[version].entries, 512);
	put_slice(fixture, heap_fixture_slice(address, version, 0), 1);
	put_slice(fixture, page, 1);
	put_blocks(fixture, page, version, size, used);
	page = heap_fixture_slice(address, version, 2);
	put_slice(fixture, page, 2);
	put_blocks(fixture, page, version, 1UL << 31, 1);
	put_slice(fixture, heap_fixture_slice(address, version, 4), 508);
}
