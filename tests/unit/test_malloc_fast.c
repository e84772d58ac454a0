/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fast bins (user/target/malloc_fast.c, malloc_spans.c): malloc_trim brings their chunks together
 * first, so that whole pages of them go back; and long ones take few reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap_fixture.h"
#include "malloc_arena.h"
#include "malloc_arenas.h"
#include "malloc_spans.h"
#include "memory.h"

#define HALF (FIXTURE_REGION_BYTES / 2)
#define HEADER 48 /* struct malloc_chunk, before the first page that goes back */

static struct heap_fixture fixture;

static struct malloc_sums read_arenas(void)
{
	struct malloc_sums sums = { 0 };

	fixture.nr_reads = 0;
	assert_int_equal(malloc_arenas_read(fixture.memory, &fixture.layout, FIXTURE_BIAS, &sums),
			 0);
	return sums;
}

static void make(unsigned int layout, bool is_main, uint64_t size, unsigned int share)
{
	heap_fixture_init(&fixture, layout);
	heap_fixture_make_fast(&fixture, is_main, size, share, HALF + 2048);
}

/* Whole pages of a run of free bytes. */
static uint64_t pages_of(uint64_t start, uint64_t end)
{
	uint64_t from = (start + HEADER + HEAP_PAGE_BYTES - 1) / HEAP_PAGE_BYTES;
	uint64_t to = end / HEAP_PAGE_BYTES;

	return to > from ? (to - from) * HEAP_PAGE_BYTES : 0;
}

/* Of what lies between kept chunks, by their distances from the top at `end`. `left`: where the
 * chunks begin. The last run is the top's. */
static uint64_t expected_pages(uint64_t left, uint64_t end, uint64_t size, unsigned int share)
{
	const uint64_t step = size * share;
	uint64_t pages = 0, kept = end - step;

	for (; kept >= left + step; kept -= step)
		pages += pages_of(kept - step + size, kept);
	return pages + pages_of(left, kept);
}

static uint64_t first_chunk(uint64_t end, uint64_t size)
{
	return FIXTURE_MAIN + size + (end - FIXTURE_MAIN) % size;
}

static void test_whole_pages(void **state)
{
	const uint64_t end = FIXTURE_MAIN + HALF + 2048;

	for (uint64_t size = 32; size <= 128; size += 16) {
		for (unsigned int layout = 0; layout < 4; layout++) {
			const unsigned int share = 16384 / (unsigned int)size;
			struct malloc_sums sums;
			uint64_t pages, top;

			make(layout, true, size, share);
			sums = read_arenas();
			pages = expected_pages(first_chunk(end, size), end, size, share);
			assert_true(pages > HALF / 2);
			/* systrim leaves the least chunk. */
			top = end - size * share + size + MALLOC_MIN_CHUNK + 1;
			pages += FIXTURE_MAIN + FIXTURE_REGION_BYTES - malloc_arena_page(top);
			assert_int_equal(sums.torn, 0);
			assert_int_equal(sums.free, fixture.truth_free);
			assert_int_equal(sums.free_pages, pages);
			heap_fixture_clear(&fixture);
		}
	}
}

/* What adjoins the top of a thread's arena becomes part of it, and that is left. */
static void test_top_of_a_thread(void **state)
{
	struct malloc_sums sums;

	make(3, false, 64, 1 << 20);
	sums = read_arenas();
	assert_int_equal(sums.torn, 0);
	assert_int_equal(sums.free, fixture.truth_free);
	assert_int_equal(sums.free_threads, fixture.truth_free);
	assert_int_equal(sums.free_pages, 0);
	heap_fixture_clear(&fixture);
	make(3, false, 64, 256);
	assert_true(read_arenas().free_pages > HALF / 2);
	heap_fixture_clear(&fixture);
}

/* Chunk by chunk they are the same, up to the one before the top. */
static void test_walk(void **state)
{
	struct malloc_free in_fast = { 0 }, listed = { 0 }, walked = { 0 };
	struct malloc_spans fast = { 0 };
	struct malloc_arena arena = {
		.memory = NULL,
		.layout = &fixture.layout,
		.first = FIXTURE_MAIN,
		.is_main = true,
		.top = FIXTURE_MAIN + HALF + 2048,
		.system_mem = FIXTURE_REGION_BYTES,
	};

	make(3, true, 64, 256);
	arena.memory = fixture.memory;
	arena.address = heap_fixture_main_arena(&fixture);
	malloc_fast_read(&arena, &fast, &in_fast);
	malloc_spans_sort(&fast);
	malloc_spans_pages(&arena, &fast, &listed);
	assert_true(listed.pages > HALF / 2);
	assert_true(listed.top < arena.top);
	malloc_walk_read(&arena, &fast, &walked);
	assert_memory_equal(&walked, &listed, sizeof(walked));
	malloc_spans_clear(&fast);
	heap_fixture_clear(&fixture);
}

/* With glibc.malloc.hugetlb=1 systrim gives back the top in huge pages, from its end; a size that
 * is none is not believed. */
static void test_huge_pages(void **state)
{
	static const struct {
		uint64_t size, unit;
	} cases[] = { { 0, 4096 },     { 8192, 8192 },	   { 32768, 32768 },
		      { 24576, 4096 }, { 1024, 4096 },	   { 1ULL << 21, 1ULL << 21 },
		      { 48, 4096 },    { 1UL << 63, 4096 } };
	const uint64_t free_top = FIXTURE_REGION_BYTES - HALF - 2048 - MALLOC_MIN_CHUNK - 1;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		uint64_t unit = cases[i / 2].unit;
		struct malloc_sums sums;

		heap_fixture_init(&fixture, 3 + i % 2);
		heap_fixture_make_fast(&fixture, true, 64, 1, HALF + 2048);
		heap_fixture_put(&fixture,
				 FIXTURE_BIAS + fixture.layout.parameters +
					 fixture.layout.thp_pagesize,
				 cases[i / 2].size);
		sums = read_arenas();
		assert_int_equal(sums.torn, 0);
		assert_int_equal(sums.free_pages, free_top / unit * unit);
		heap_fixture_clear(&fixture);
	}
}

/* One in use on each page. */
static void test_no_whole_page(void **state)
{
	struct malloc_sums sums;
	uint64_t top = FIXTURE_MAIN + HALF + 2048 - 3 * 64 + MALLOC_MIN_CHUNK + 1;

	make(3, true, 64, 4);
	sums = read_arenas();
	assert_int_equal(sums.free, fixture.truth_free);
	assert_int_equal(sums.free_pages,
			 FIXTURE_MAIN + FIXTURE_REGION_BYTES - malloc_arena_page(top));
	heap_fixture_clear(&fixture);
}

/* Some 4,000 chunks in two windows. */
static void test_long_lists_take_few_reads(void **state)
{
	for (unsigned int layout = 0; layout < 4; layout++) {
		make(layout, true, 32, 64);
		assert_int_equal(read_arenas().free, fixture.truth_free);
		assert_true(fixture.nr_reads < 600);
		heap_fixture_clear(&fixture);
	}
}

/* A page that is not there ends the list, which is said; the rest of the windows is read. */
static void test_absent_page(void **state)
{
	struct malloc_sums sums;

	make(3, true, 32, 64);
	fixture.regions[1].is_absent[HALF / 2 / HEAP_PAGE_BYTES] = true;
	sums = read_arenas();
	assert_int_equal(sums.torn, 1);
	assert_true(sums.free < fixture.truth_free);
	assert_true(sums.free > fixture.truth_free * 2 / 3);
	assert_int_equal(sums.free + sums.used, fixture.truth_total);
	fixture.regions[1].is_absent[HALF / 2 / HEAP_PAGE_BYTES] = false;
	heap_memory_forget(fixture.memory);
	sums = read_arenas();
	assert_int_equal(sums.torn, 0);
	assert_int_equal(sums.free, fixture.truth_free);
	heap_fixture_clear(&fixture);
}

/* Long lists that lead into themselves, and to chunks of another bin. */
static void test_damaged(void **state)
{
	const uint64_t chunk = FIXTURE_MAIN + HALF + 2048 - 32 * 1000;
	const uint64_t sizes[] = { 33, 49, 0, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct malloc_sums sums;

		make(1, true, 32, 64);
		assert_int_equal(read_arenas().torn, 0);
		heap_fixture_put(&fixture, chunk + 8, sizes[i]);
		heap_fixture_put(&fixture, chunk + 16, chunk + 32 * 10);
		sums = read_arenas();
		assert_true(sums.torn > 0);
		assert_true(sums.free_pages <= sums.free);
		assert_true(sums.free + sums.used <= fixture.truth_total);
		heap_fixture_clear(&fixture);
	}
}

/* Time is no damage. */
static void test_no_time(void **state)
{
	struct malloc_sums sums;

	make(3, true, 32, 64);
	fixture.memory->deadline_ns = 0;
	sums = read_arenas();
	assert_true(fixture.memory->is_late);
	assert_int_equal(sums.torn, 0);
	heap_fixture_clear(&fixture);
}

/* Free chunks that adjoin are one, and what is there twice counts once. */
static void test_spans(void **state)
{
	const struct malloc_arena arena = { .memory = NULL, .top = 0x9000 };
	struct malloc_spans spans = { 0 };
	struct malloc_free sums = { 0 };
	struct malloc_run run = { 0 };

	malloc_spans_add(&spans, 0x8000, 0x1000);
	malloc_spans_add(&spans, 0x7fe0, 0x20);
	malloc_spans_add(&spans, 0x7fe0, 0x20);
	malloc_spans_add(&spans, 0x7f00, 0x20);
	malloc_spans_sort(&spans);
	assert_int_equal(malloc_spans_find(&spans, 0x7f00), 0);
	assert_int_equal(malloc_spans_find(&spans, 0x7f01), 1);
	assert_int_equal(malloc_spans_find(&spans, 0x8001), 4);
	for (size_t i = 0; i < spans.count; i++)
		malloc_run_add(&arena, &run, spans.spans[i].start, spans.spans[i].size, &sums);
	assert_int_equal(run.start, 0x7fe0);
	assert_int_equal(run.end, 0x9000);
	malloc_run_end(&arena, &run, &sums);
	assert_int_equal(sums.top, 0x7fe0);
	malloc_spans_keep(&spans, 1, 3);
	assert_int_equal(spans.count, 2);
	assert_int_equal(spans.spans[1].start, 0x8000);
	malloc_spans_clear(&spans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_pages),
		cmocka_unit_test(test_top_of_a_thread),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_no_whole_page),
		cmocka_unit_test(test_long_lists_take_few_reads),
		cmocka_unit_test(test_absent_page),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
