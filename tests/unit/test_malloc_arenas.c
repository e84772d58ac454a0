/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user/target/malloc_*.c on heaps in made-up memory, of each layout: drawn ones are read right by
 * lists and chunk by chunk, hostile ones come to an end and are marked.
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

#define NR_SEEDS 40
#define MANY_READS 3000000

static struct heap_fixture fixture;
static const struct malloc_spans none;

static int set_up(unsigned int layout, uint32_t seed)
{
	heap_fixture_init(&fixture, layout);
	heap_fixture_make(&fixture, seed);
	return 0;
}

static struct malloc_sums read_arenas(void)
{
	struct malloc_sums sums = { 0 };

	(void)malloc_arenas_read(fixture.memory, &fixture.layout, FIXTURE_BIAS, &sums);
	assert_true(fixture.nr_reads < MANY_READS);
	assert_true(sums.free + sums.used <= 65536ULL * 2 * FIXTURE_REGION_BYTES);
	return sums;
}

static void test_drawn(void **state)
{
	for (unsigned int i = 0; i < NR_SEEDS * FIXTURE_NR_LAYOUTS; i++) {
		struct malloc_sums sums;

		set_up(i % FIXTURE_NR_LAYOUTS, i);
		sums = read_arenas();
		assert_int_equal(sums.nr_arenas, 2);
		assert_int_equal(sums.torn, 0);
		assert_false(sums.is_moving);
		assert_int_equal(sums.free, fixture.truth_free);
		assert_int_equal(sums.used, fixture.truth_total - fixture.truth_free);
		assert_int_equal(sums.mapped, 12288);
		heap_fixture_clear(&fixture);
	}
}

static void open_main(struct malloc_arena *ret, uint64_t *nr_listed)
{
	*ret = (struct malloc_arena){
		.memory = fixture.memory,
		.layout = &fixture.layout,
		.address = heap_fixture_main_arena(&fixture),
		.first = FIXTURE_MAIN,
		.is_main = true,
		.system_mem = FIXTURE_REGION_BYTES,
		.nr_listed = nr_listed,
	};
	ret->top = heap_fixture_get(&fixture, ret->address + fixture.layout.top);
	for (size_t i = 0; i < MALLOC_STATE_BYTES; i += 8) {
		uint64_t word = heap_fixture_get(&fixture, ret->address + i);

		memcpy(ret->state + i, &word, sizeof(word));
	}
}

static void read_lists(const struct malloc_arena *arena, const struct malloc_spans *fast,
		       struct malloc_free *ret)
{
	struct malloc_spans spans = { 0 };

	for (size_t i = 0; i < fast->count; i++)
		malloc_spans_add(&spans, fast->spans[i].start, fast->spans[i].size);
	assert_int_equal(malloc_lists_read(arena, &spans, ret), 0);
	malloc_spans_sort(&spans);
	malloc_spans_pages(arena, &spans, ret);
	malloc_spans_clear(&spans);
}

/* Both ways of reading say the same, also when the thread's arena is read. */
static void test_lists_are_the_walk(void **state)
{
	for (unsigned int i = 0; i < NR_SEEDS * FIXTURE_NR_LAYOUTS; i++) {
		struct malloc_free listed = { 0 }, walked = { 0 }, in_fast = { 0 };
		struct malloc_spans fast = { 0 };
		uint64_t nr_listed = 0;
		struct malloc_arena arena;

		set_up(i % FIXTURE_NR_LAYOUTS, i);
		open_main(&arena, &nr_listed);
		malloc_fast_read(&arena, &fast, &in_fast);
		malloc_spans_sort(&fast);
		read_lists(&arena, &fast, &listed);
		malloc_walk_read(&arena, &fast, &walked);
		assert_true(listed.bytes > 0);
		assert_memory_equal(&listed, &walked, sizeof(listed));
		arena.is_main = false;
		arena.address = FIXTURE_THREAD + fixture.layout.heap_info_bytes;
		arena.top = heap_fixture_get(&fixture, arena.address + fixture.layout.top);
		malloc_walk_read(&arena, &fast, &walked);
		assert_int_equal(walked.torn, 0);
		malloc_spans_clear(&fast);
		heap_fixture_clear(&fixture);
	}
}

/* What is not resident is free, and not in RSS: whole pages only. The zero page is in no RSS. */
static void check_top_without(bool is_zero)
{
	struct fixture_region *region;
	struct malloc_sums sums;
	uint64_t top, pages;

	set_up(3, 1);
	region = &fixture.regions[1];
	top = heap_fixture_get(&fixture, heap_fixture_main_arena(&fixture) + fixture.layout.top);
	sums = read_arenas();
	pages = sums.free_pages;
	assert_true(pages >= 2 * HEAP_PAGE_BYTES);
	for (size_t i = (top - FIXTURE_MAIN) / HEAP_PAGE_BYTES + 1;
	     i < ARRAY_SIZE(region->is_absent); i++) {
		region->is_absent[i] = !is_zero;
		region->is_zero[i] = is_zero;
		pages -= HEAP_PAGE_BYTES;
	}
	sums = read_arenas();
	assert_int_equal(sums.torn, 0);
	assert_int_equal(sums.free, fixture.truth_free);
	assert_true(sums.free_absent > 0);
	assert_int_equal(sums.free_pages, pages);
	heap_fixture_clear(&fixture);
}

static void test_absent_pages(void **state)
{
	check_top_without(false);
}

static void test_zero_pages(void **state)
{
	check_top_without(true);
}

/* The top is a size and nothing else, which may end a page that nobody went beyond. */
static void test_top_at_the_end_of_a_page(void **state)
{
	struct fixture_region *region;
	uint64_t field, top, moved;
	struct malloc_sums sums;

	set_up(3, 1);
	region = &fixture.regions[1];
	field = heap_fixture_main_arena(&fixture) + fixture.layout.top;
	top = heap_fixture_get(&fixture, field);
	moved = malloc_arena_page(top + HEAP_PAGE_BYTES) - 16;
	heap_fixture_put(&fixture, top + 8, (moved - top) | 1);
	heap_fixture_put(&fixture, moved + 8, (FIXTURE_MAIN + FIXTURE_REGION_BYTES - moved) | 1);
	heap_fixture_put(&fixture, field, moved);
	for (size_t i = (moved - FIXTURE_MAIN) / HEAP_PAGE_BYTES + 1;
	     i < ARRAY_SIZE(region->is_absent); i++)
		region->is_absent[i] = true;
	sums = read_arenas();
	assert_int_equal(sums.torn, 0);
	assert_int_equal(sums.free, fixture.truth_free - (moved - top));
	heap_fixture_clear(&fixture);
}

/* Most of an arena was closed by mprotect: that is in use, and part of it. */
static void test_closed_memory(void **state)
{
	const uint64_t closed = 4 * FIXTURE_REGION_BYTES;
	struct malloc_sums sums;

	set_up(3, 1);
	heap_fixture_put(&fixture, heap_fixture_main_arena(&fixture) + fixture.layout.system_mem,
			 FIXTURE_REGION_BYTES + closed);
	sums = read_arenas();
	assert_true(sums.torn > 0);
	heap_memory_add_closed(fixture.memory, closed);
	sums = read_arenas();
	assert_int_equal(sums.torn, 0);
	assert_int_equal(sums.free, fixture.truth_free);
	assert_int_equal(sums.used, fixture.truth_total + closed - fixture.truth_free);
	heap_fixture_clear(&fixture);
}

/* The kernel moves pages: they are absent for a moment. */
static void test_pages_that_move(void **state)
{
	for (unsigned int pauses = 1; pauses <= 6; pauses++) {
		struct malloc_sums sums;

		set_up(3, 1);
		memset(fixture.regions[1].is_absent, true, sizeof(fixture.regions[1].is_absent));
		fixture.pauses_to_heal = pauses;
		sums = read_arenas();
		assert_int_equal(sums.torn != 0, pauses == 6);
		if (pauses < 6)
			assert_int_equal(sums.free, fixture.truth_free);
		heap_fixture_clear(&fixture);
	}
}

/* ---- Hostile ---- */

/* The first chunk of a bin that has some. */
static uint64_t some_free_chunk(void)
{
	for (unsigned int bin = 1; bin < 127; bin++) {
		uint64_t head = heap_fixture_bin(&fixture, bin);
		uint64_t first = heap_fixture_get(&fixture, head + 16);

		if (first != head)
			return first;
	}
	fail_msg("no free chunk was drawn");
	return 0;
}

static const uint64_t bad_sizes[] = {
	0,
	1,
	8,
	16,
	24,
	1ULL << 20,
	1ULL << 40,
	1ULL << 63,
	UINT64_MAX,
	UINT64_MAX - 15,
	(1ULL << 63) - 16,
};

static void test_bad_sizes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes) * FIXTURE_NR_LAYOUTS; i++) {
		struct malloc_sums sums;

		set_up(i % FIXTURE_NR_LAYOUTS, 5);
		heap_fixture_put(&fixture, some_free_chunk() + 8,
				 bad_sizes[i / FIXTURE_NR_LAYOUTS]);
		sums = read_arenas();
		assert_true(sums.torn > 0);
		assert_true(sums.free < fixture.truth_free);
		assert_int_equal(sums.free + sums.used, fixture.truth_total);
		heap_fixture_clear(&fixture);
	}
}

/* The same for the walk, which goes on behind what it cannot follow. */
static void test_walk_goes_on(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		struct malloc_free whole = { 0 }, damaged = { 0 };
		uint64_t nr_listed = 0;
		struct malloc_arena arena;

		set_up(3, 9);
		open_main(&arena, &nr_listed);
		malloc_walk_read(&arena, &none, &whole);
		heap_fixture_put(&fixture, some_free_chunk() + 8, bad_sizes[i]);
		malloc_walk_read(&arena, &none, &damaged);
		assert_true(damaged.torn > 0);
		assert_true(damaged.bytes > whole.bytes / 2);
		assert_true(damaged.bytes <= whole.bytes);
		heap_fixture_clear(&fixture);
	}
}

static void test_circle_in_a_bin(void **state)
{
	for (unsigned int layout = 0; layout < FIXTURE_NR_LAYOUTS; layout++) {
		struct malloc_sums sums;
		uint64_t chunk;

		set_up(layout, 3);
		chunk = some_free_chunk();
		heap_fixture_put(&fixture, chunk + 16, chunk);
		heap_fixture_put(&fixture, chunk + 24, chunk);
		sums = read_arenas();
		assert_true(sums.torn > 0);
		heap_fixture_clear(&fixture);
	}
}

/* A ring that holds together both ways and never comes to its head again. */
static void test_endless_ring(void **state)
{
	struct malloc_sums sums;
	uint64_t head, one, other;

	set_up(3, 3);
	head = heap_fixture_bin(&fixture, 1);
	one = FIXTURE_MAIN + 4096;
	other = FIXTURE_MAIN + 8192;
	heap_fixture_put(&fixture, head + 16, one);
	heap_fixture_put(&fixture, one + 8, 33);
	heap_fixture_put(&fixture, one + 16, other);
	heap_fixture_put(&fixture, one + 24, other);
	heap_fixture_put(&fixture, other + 8, 33);
	heap_fixture_put(&fixture, other + 16, one);
	heap_fixture_put(&fixture, other + 24, one);
	sums = read_arenas();
	assert_true(sums.torn > 0);
	heap_fixture_clear(&fixture);
}

static void test_circle_in_a_fast_bin(void **state)
{
	struct malloc_sums sums;
	uint64_t arena, chunk = FIXTURE_MAIN + 65536;

	set_up(1, 3);
	arena = heap_fixture_main_arena(&fixture);
	heap_fixture_put(&fixture, arena + fixture.layout.fastbins, chunk);
	heap_fixture_put(&fixture, chunk + 8, 33);
	heap_fixture_put(&fixture, chunk + 16, chunk);
	sums = read_arenas();
	assert_true(sums.torn > 0);
	assert_true(sums.free <= fixture.truth_total);
	heap_fixture_clear(&fixture);
}

static void test_arenas_that_do_not_come_back(void **state)
{
	uint64_t arena, nexts[] = { 0, 0, 8, 0x123456789, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct malloc_sums sums;

		set_up(4, 3);
		arena = FIXTURE_THREAD + fixture.layout.heap_info_bytes;
		nexts[0] = arena;
		heap_fixture_put(&fixture, arena + fixture.layout.next, nexts[i]);
		sums = read_arenas();
		assert_true(sums.torn > 0);
		heap_fixture_clear(&fixture);
	}
}

static void test_bad_tops(void **state)
{
	static const uint64_t tops[] = { 0,
					 8,
					 FIXTURE_MAIN - 16,
					 FIXTURE_MAIN + 8,
					 UINT64_MAX - 7,
					 FIXTURE_THREAD + FIXTURE_REGION_BYTES - 8,
					 1ULL << 63 };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		struct malloc_sums sums;

		set_up(3, 3);
		heap_fixture_put(&fixture, heap_fixture_main_arena(&fixture) + fixture.layout.top,
				 tops[i]);
		sums = read_arenas();
		assert_true(sums.torn > 0);
		heap_fixture_clear(&fixture);
	}
}

/* Heaps of an arena that lead to themselves, with more entries than are listed. */
static void test_circle_of_heaps(void **state)
{
	struct malloc_free found = { 0 };
	uint64_t nr_listed = 0;
	struct malloc_arena arena;

	set_up(3, 3);
	open_main(&arena, &nr_listed);
	arena.is_main = false;
	arena.address = FIXTURE_THREAD + fixture.layout.heap_info_bytes;
	arena.top = heap_fixture_get(&fixture, arena.address + fixture.layout.top);
	heap_fixture_put(&fixture, FIXTURE_THREAD + 8, FIXTURE_THREAD);
	malloc_walk_read(&arena, &none, &found);
	assert_true(found.torn > 0);
	assert_true(fixture.nr_reads < 100000);
	heap_fixture_clear(&fixture);
}

static void test_sums_beyond_memory(void **state)
{
	struct malloc_sums sums;

	set_up(3, 3);
	heap_fixture_put(&fixture, heap_fixture_main_arena(&fixture) + fixture.layout.system_mem,
			 1ULL << 63);
	heap_fixture_put(&fixture,
			 FIXTURE_BIAS + fixture.layout.parameters + fixture.layout.mmapped_mem,
			 UINT64_MAX);
	sums = read_arenas();
	assert_true(sums.torn >= 2);
	assert_int_equal(sums.mapped, 0);
	assert_true(sums.used + sums.free <= FIXTURE_REGION_BYTES);
	heap_fixture_clear(&fixture);
}

static void test_no_time(void **state)
{
	set_up(3, 3);
	fixture.memory->deadline_ns = 0;
	(void)read_arenas();
	assert_true(fixture.memory->is_late);
	heap_fixture_clear(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drawn),
		cmocka_unit_test(test_lists_are_the_walk),
		cmocka_unit_test(test_absent_pages),
		cmocka_unit_test(test_zero_pages),
		cmocka_unit_test(test_closed_memory),
		cmocka_unit_test(test_top_at_the_end_of_a_page),
		cmocka_unit_test(test_pages_that_move),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_walk_goes_on),
		cmocka_unit_test(test_circle_in_a_bin),
		cmocka_unit_test(test_endless_ring),
		cmocka_unit_test(test_circle_in_a_fast_bin),
		cmocka_unit_test(test_arenas_that_do_not_come_back),
		cmocka_unit_test(test_bad_tops),
		cmocka_unit_test(test_circle_of_heaps),
		cmocka_unit_test(test_sums_beyond_memory),
		cmocka_unit_test(test_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
