/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The readers of allocators under damaged memory. An input is a layout, the seed of a heap to begin
 * with, and what is then put into it: pairs of a place (a region and an offset, 4 bytes) and a word
 * of 8 bytes. Whatever that makes, a reading must end after a bounded number of reads, with sums
 * that the memory could hold.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "heap_fixture.h"
#include "malloc_arenas.h"
#include "memory.h"
#include "mimalloc.h"
#include "pymalloc.h"

#define HEAD_BYTES 2
#define PATCH_BYTES 12
#define ALL_BYTES (FIXTURE_NR_REGIONS * FIXTURE_REGION_BYTES)
/* Arenas may overlap: each 8 bytes could begin one, and each reads all fast bins five times. */
#define DEADLINE_NS 200000000ULL
#define NR_SEEDS 20
#define MIMALLOC 200 /* as the layout: a segment of mimalloc, and pools, instead */

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_heap: %s\n", what);
	abort();
}

static void damage(struct heap_fixture *fixture, const uint8_t *bytes, size_t size)
{
	for (; size >= PATCH_BYTES; bytes += PATCH_BYTES, size -= PATCH_BYTES) {
		uint32_t place;
		uint64_t value;

		memcpy(&place, bytes, sizeof(place));
		memcpy(&value, bytes + sizeof(place), sizeof(value));
		place %= ALL_BYTES;
		heap_fixture_put(fixture,
				 fixture->regions[place / FIXTURE_REGION_BYTES].start +
					 place % FIXTURE_REGION_BYTES,
				 value);
	}
}

static void read_malloc(struct heap_fixture *fixture)
{
	struct malloc_sums sums = { 0 };
	int err = malloc_arenas_read(fixture->memory, &fixture->layout, FIXTURE_BIAS, &sums);

	expect(!err || !sums.nr_arenas, "an error with arenas");
	expect(sums.free + sums.used <= (uint64_t)sums.nr_arenas * ALL_BYTES,
	       "more than there is memory");
	expect(sums.mapped <= ALL_BYTES, "more mapped than there is memory");
	expect(sums.free_pages <= (uint64_t)sums.nr_arenas * ALL_BYTES, "pages beyond memory");
}

static void read_pools(struct heap_fixture *fixture)
{
	struct pymalloc pools;

	pymalloc_read(fixture->memory, &pools);
	expect(pools.used + pools.free <= ALL_BYTES * 4, "pools beyond memory");
	expect(pools.free_pools <= pools.free, "free pools that are not free");
}

static void read_segments(struct heap_fixture *fixture, enum mimalloc_kind kind)
{
	struct mimalloc_sums sums;

	mimalloc_read(fixture->memory, kind, 0, &sums);
	expect(sums.free <= ALL_BYTES * 2, "more free than is resident");
	expect(sums.nr_segments <= FIXTURE_NR_REGIONS, "more segments than there is memory");
	expect(sums.used <= sums.nr_segments << 45, "more used than slices could have");
}

/* Of 64 bytes a block, 10 of 20 in use, in arena 0. */
static void make_pool(struct heap_fixture *fixture, uint64_t address)
{
	heap_fixture_put(fixture, address, 10);
	heap_fixture_put(fixture, address + 32, 3ULL << 32);
	heap_fixture_put(fixture, address + 40, (48 + 20 * 64) | (4096ULL - 64) << 32);
}

static void make(struct heap_fixture *fixture, uint8_t layout, uint8_t seed)
{
	heap_fixture_init(fixture, layout);
	if (layout < MIMALLOC) {
		heap_fixture_make(fixture, seed);
		return;
	}
	heap_fixture_make_segment(fixture, FIXTURE_MAIN, seed % FIXTURE_NR_MIMALLOCS, 64, 100);
	for (uint64_t i = 0; i < 8; i++)
		make_pool(fixture, FIXTURE_THREAD + i * 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct heap_fixture fixture;

	if (size < HEAD_BYTES)
		return 0;
	make(&fixture, bytes[0], bytes[1]);
	damage(&fixture, bytes + HEAD_BYTES, size - HEAD_BYTES);
	fixture.memory->deadline_ns = clock_ns() + DEADLINE_NS;
	read_malloc(&fixture);
	heap_memory_set_deadline(fixture.memory, clock_ns() + DEADLINE_NS);
	read_pools(&fixture);
	read_segments(&fixture, MIMALLOC_LIBRARY);
	read_segments(&fixture, MIMALLOC_PYTHON);
	heap_fixture_clear(&fixture);
	return 0;
}

/* Of each layout, with places that matter: the variables of arenas, and what lists lead to. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	uint8_t *input;

	if (number >= NR_SEEDS)
		return NULL;
	*ret_size = HEAD_BYTES + (number + 1UL) * PATCH_BYTES;
	input = xcalloc(1, *ret_size);
	input[0] = (uint8_t)(number < NR_SEEDS / 2 ? number : MIMALLOC);
	input[1] = (uint8_t)(number * 7);
	for (unsigned int i = 0; i <= number; i++) {
		uint32_t place = (number < NR_SEEDS / 2 ? 64 : 0) + i * 8 +
				 number % 4 * (uint32_t)FIXTURE_REGION_BYTES;
		uint64_t value = FIXTURE_MAIN + 4096UL * i;

		memcpy(input + HEAD_BYTES + (size_t)i * PATCH_BYTES, &place, sizeof(place));
		memcpy(input + HEAD_BYTES + (size_t)i * PATCH_BYTES + sizeof(place), &value,
		       sizeof(value));
	}
	return input;
}
