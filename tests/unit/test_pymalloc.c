/* SPDX-License-Identifier: BSD-2-Clause */
/* user/target/pymalloc.c on pools in made-up memory, of each build's sizes, right and damaged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap_fixture.h"
#include "memory.h"
#include "pymalloc.h"

static struct heap_fixture fixture;

static const struct build {
	uint32_t pool_bytes, alignment;
} builds[] = { { 4096, 16 }, { 16384, 16 }, { 4096, 8 } };

struct pool {
	uint32_t arena, szidx, count, carved; /* blocks in use, and that ever were */
};

static uint64_t make_pool(const struct build *build, uint64_t address, struct pool pool)
{
	uint64_t size = (pool.szidx + 1ULL) * build->alignment;

	heap_fixture_put(&fixture, address, pool.count);
	heap_fixture_put(&fixture, address + 8, pool.count < pool.carved ? address + 48 : 0);
	heap_fixture_put(&fixture, address + 32, pool.arena | (uint64_t)pool.szidx << 32);
	heap_fixture_put(&fixture, address + 40,
			 (48 + pool.carved * size) | (build->pool_bytes - size) << 32);
	return (build->pool_bytes - 48) / size * size;
}

static struct pymalloc read_pools(void)
{
	struct pymalloc found;

	pymalloc_read(fixture.memory, &found);
	return found;
}

static void test_builds(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		const struct build *build = &builds[i];
		uint64_t size = 4ULL * build->alignment, bytes;
		struct pymalloc found;

		heap_fixture_init(&fixture, 0);
		bytes = make_pool(build, FIXTURE_MAIN, (struct pool){ 0, 3, 10, 20 });
		make_pool(build, FIXTURE_MAIN + build->pool_bytes, (struct pool){ 0, 3, 0, 20 });
		make_pool(build, FIXTURE_THREAD, (struct pool){ 7, 3, 0, 20 });
		found = read_pools();
		assert_int_equal(found.nr_pools, 3);
		assert_int_equal(found.nr_arenas, 2);
		assert_int_equal(found.used, 10 * size);
		assert_int_equal(found.free, bytes - 10 * size + 2ULL * build->pool_bytes);
		assert_int_equal(found.free_pools, 2ULL * build->pool_bytes);
		assert_int_equal(found.free_arenas, build->pool_bytes);
		assert_int_equal(found.torn, 0);
		heap_fixture_clear(&fixture);
	}
}

/* Interpreters with a lock of their own count arenas from zero again. */
static void test_arena_numbers_come_again(void **state)
{
	heap_fixture_init(&fixture, 0);
	make_pool(&builds[0], FIXTURE_MAIN, (struct pool){ 0, 3, 10, 20 });
	make_pool(&builds[0], FIXTURE_THREAD, (struct pool){ 0, 3, 10, 20 });
	assert_int_equal(read_pools().nr_arenas, 2);
	heap_fixture_clear(&fixture);
}

static void test_absent(void **state)
{
	heap_fixture_init(&fixture, 0);
	make_pool(&builds[0], FIXTURE_MAIN, (struct pool){ 0, 3, 10, 20 });
	fixture.regions[1].is_absent[0] = true;
	assert_int_equal(read_pools().nr_pools, 0);
	heap_fixture_clear(&fixture);
}

static void expect_no_pool(uint64_t offset, uint64_t value)
{
	heap_fixture_init(&fixture, 0);
	make_pool(&builds[0], FIXTURE_MAIN, (struct pool){ 0, 3, 10, 20 });
	heap_fixture_put(&fixture, FIXTURE_MAIN + offset, value);
	assert_int_equal(read_pools().nr_pools, 0);
	heap_fixture_clear(&fixture);
}

static void test_no_pools(void **state)
{
	expect_no_pool(32, UINT64_MAX);		  /* szidx */
	expect_no_pool(32, 32ULL << 32);	  /* a block of 528 bytes */
	expect_no_pool(40, 47 | 4032ULL << 32);	  /* nextoffset */
	expect_no_pool(40, 49 | 4032ULL << 32);	  /* not at a block */
	expect_no_pool(40, 48 | 4031ULL << 32);	  /* maxnextoffset */
	expect_no_pool(40, 8240 | 4032ULL << 32); /* behind the pool */
	expect_no_pool(40, UINT64_MAX);
	expect_no_pool(40, 0);
}

static void expect_torn(uint64_t offset, uint64_t value)
{
	heap_fixture_init(&fixture, 0);
	make_pool(&builds[0], FIXTURE_MAIN, (struct pool){ 0, 3, 10, 20 });
	make_pool(&builds[0], FIXTURE_MAIN + 4096, (struct pool){ 0, 3, 10, 20 });
	heap_fixture_put(&fixture, FIXTURE_MAIN + offset, value);
	assert_int_equal(read_pools().torn, 1);
	assert_int_equal(read_pools().nr_pools, 1);
	heap_fixture_clear(&fixture);
}

static void test_torn(void **state)
{
	expect_torn(0, 64); /* blocks: it has room for 63 */
	expect_torn(0, UINT32_MAX);
	expect_torn(8, FIXTURE_MAIN + 4096);
	expect_torn(8, 1);
	expect_torn(8, UINT64_MAX);
}

static void make_absent(uint64_t address, uint64_t end)
{
	for (; address < end; address += HEAP_PAGE_BYTES)
		fixture.regions[1].is_absent[(address - FIXTURE_MAIN) / HEAP_PAGE_BYTES] = true;
}

/* An arena that begins anywhere, behind an array: all pools are found, and of those alone that were
 * used so far the first. */
static void test_arena_behind_an_array(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		for (uint64_t used = 1; used < 6; used++) {
			uint64_t bytes = builds[i].pool_bytes, first = FIXTURE_MAIN + 5 * bytes;
			uint64_t end = first + used * bytes;

			heap_fixture_init(&fixture, 0);
			for (uint64_t pool = first; pool < end; pool += bytes)
				make_pool(&builds[i], pool, (struct pool){ 0, 3, 10, 20 });
			make_absent(end - bytes + HEAP_PAGE_BYTES,
				    FIXTURE_MAIN + FIXTURE_REGION_BYTES);
			assert_int_equal(read_pools().nr_pools, used);
			heap_fixture_clear(&fixture);
		}
	}
}

/* One that ends before an array. */
static void test_arena_before_an_array(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		uint64_t bytes = builds[i].pool_bytes, end = FIXTURE_MAIN + 5 * bytes;

		heap_fixture_init(&fixture, 0);
		for (uint64_t pool = FIXTURE_MAIN; pool < end; pool += bytes)
			make_pool(&builds[i], pool, (struct pool){ 0, 3, 10, 20 });
		assert_int_equal(read_pools().nr_pools, 5);
		heap_fixture_clear(&fixture);
	}
}

/* Of memory without pools not every page is read. */
static void test_reads_of_an_array(void **state)
{
	const uint64_t pages = FIXTURE_NR_REGIONS * FIXTURE_REGION_BYTES / HEAP_PAGE_BYTES;

	heap_fixture_init(&fixture, 0);
	for (size_t i = 0; i < FIXTURE_NR_REGIONS; i++)
		memset(fixture.regions[i].bytes, 0x3f, FIXTURE_REGION_BYTES);
	assert_int_equal(read_pools().nr_pools, 0);
	assert_in_range(fixture.nr_reads, 1, pages / 8);
	heap_fixture_clear(&fixture);
}

/* ---- Memory that is too large to be made ---- */

/* One after the other; all that is not an arena's used part is zeros. */
struct area {
	uint64_t bytes;
	uint64_t nr_pools; /* used, of an arena; 0: an array of zeros */
	bool is_huge;	   /* what follows them is there, too */
	uint32_t arena;
};

#define MADE_START 0x7f0000003000UL /* where no large pool may begin */
#define MADE_MAX_AREAS 8

struct made {
	const struct build *build;
	struct area areas[MADE_MAX_AREAS]; /* 0 bytes: the end */
	uint64_t nr_reads;
};

/* The area that has the address, and where it begins. */
static const struct area *area_at(const struct made *made, uint64_t address, uint64_t *ret_start)
{
	uint64_t start = MADE_START;

	for (size_t i = 0; i < MADE_MAX_AREAS && address >= start; i++) {
		*ret_start = start;
		start += made->areas[i].bytes;
		if (address < start)
			return &made->areas[i];
	}
	return NULL;
}

static uint64_t first_pool(const struct made *made, uint64_t start)
{
	return (start + made->build->pool_bytes - 1) & ~(made->build->pool_bytes - 1ULL);
}

static int read_made(void *context, uint64_t address, void *to, size_t size)
{
	struct made *made = context;
	uint64_t pool_bytes = made->build->pool_bytes, block = 4ULL * made->build->alignment;
	uint64_t start = 0;
	const struct area *area = area_at(made, address, &start);

	made->nr_reads++;
	memset(to, 0, size);
	if (area && area->nr_pools && size == PYMALLOC_HEADER_BYTES && address % pool_bytes == 0 &&
	    address - first_pool(made, start) < area->nr_pools * pool_bytes)
		memcpy(to,
		       (uint32_t[]){ 10, 0, 0, 0, 0, 0, 0, 0, area->arena, 3,
				     (uint32_t)(48 + 10 * block), (uint32_t)(pool_bytes - block) },
		       size);
	return area ? 0 : -EFAULT;
}

static void look_at_made(void *context, uint64_t first_page, struct heap_pages *ret)
{
	const struct made *made = context;

	*ret = (struct heap_pages){ 0 };
	for (uint64_t i = 0; i < HEAP_WINDOW_PAGES; i++) {
		uint64_t address = (first_page + i) * HEAP_PAGE_BYTES, start = 0;
		const struct area *area = area_at(made, address, &start);

		if (area &&
		    (!area->nr_pools || area->is_huge ||
		     address < first_pool(made, start) + area->nr_pools * made->build->pool_bytes))
			ret->present[i / 64] |= 1ULL << i % 64;
	}
}

static struct pymalloc read_made_pools(struct made *made)
{
	const struct heap_source source = {
		.read = read_made,
		.look = look_at_made,
		.context = made,
	};
	_cleanup_(heap_memory_freep) struct heap_memory *memory = heap_memory_new(&source,
										  UINT64_MAX);
	struct pymalloc found;
	uint64_t end = MADE_START;

	for (size_t i = 0; i < MADE_MAX_AREAS; i++)
		end += made->areas[i].bytes;
	heap_memory_add(memory, (struct heap_range){ MADE_START, end, false });
	pymalloc_read(memory, &found);
	return found;
}

static uint64_t arena_bytes(const struct build *build)
{
	return build->pool_bytes == 4096 ? 256UL << 10 : 1UL << 20;
}

/* Pools that an arena has, which begins where no large one may. */
static uint64_t arena_pools(const struct build *build)
{
	return arena_bytes(build) / build->pool_bytes - (build->pool_bytes > 4096);
}

#define ZEROS (200UL << 20)

/* What nobody has used of an arena is resident, too, where it is in a huge page, and looks like the
 * zeros of an array. */
static void test_arena_in_a_huge_page(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		for (uint64_t used = 1; used < arena_pools(&builds[i]); used++) {
			uint64_t bytes = arena_bytes(&builds[i]), all = arena_pools(&builds[i]);
			struct made made = { .build = &builds[i],
					     .areas = { { .bytes = 4 << 20 },
							{ bytes, all, true, 0 },
							{ .bytes = 4 << 20 },
							{ bytes, used, true, 1 },
							{ .bytes = 4 << 20 } } };
			struct pymalloc found = read_made_pools(&made);

			assert_int_equal(found.nr_pools, all + used);
			assert_int_equal(found.nr_arenas, 2);
		}
	}
}

/* Each interpreter has an arena that it has not used to the end, and one of them may be seen. */
static void test_arena_of_another_interpreter(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		uint64_t bytes = arena_bytes(&builds[i]), all = arena_pools(&builds[i]);
		struct made made = { .build = &builds[i],
				     .areas = { { bytes, all, true, 0 },
						{ bytes, all - 3, false, 1 },
						{ .bytes = 4 << 20 },
						{ bytes, all, true, 0 },
						{ .bytes = 4 << 20 },
						{ bytes, 1, true, 1 },
						{ .bytes = 4 << 20 } } };

		assert_int_equal(read_made_pools(&made).nr_pools, 3 * all - 2);
	}
}

/* As many of them as of an array of numbers. */
static void test_reads_of_zeros(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		uint64_t bytes = arena_bytes(&builds[i]), all = arena_pools(&builds[i]);
		struct made made = { .build = &builds[i],
				     .areas = { { bytes, all, false, 0 },
						{ .bytes = ZEROS },
						{ bytes, all, false, 1 },
						{ .bytes = ZEROS },
						{ bytes, 5, false, 2 } } };

		assert_int_equal(read_made_pools(&made).nr_pools, 2 * all + 5);
		assert_in_range(made.nr_reads, 1, 2 * ZEROS / HEAP_PAGE_BYTES / 8);
	}
}

/* Where no Python is, none of its arenas is looked for. */
static void test_reads_of_zeros_without_pools(void **state)
{
	struct made made = { .build = &builds[0], .areas = { { .bytes = ZEROS } } };

	assert_int_equal(read_made_pools(&made).nr_pools, 0);
	assert_in_range(made.nr_reads, 1, ZEROS / HEAP_PAGE_BYTES / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builds),
		cmocka_unit_test(test_arena_numbers_come_again),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_no_pools),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_arena_behind_an_array),
		cmocka_unit_test(test_arena_before_an_array),
		cmocka_unit_test(test_arena_in_a_huge_page),
		cmocka_unit_test(test_arena_of_another_interpreter),
		cmocka_unit_test(test_reads_of_zeros),
		cmocka_unit_test(test_reads_of_zeros_without_pools),
		cmocka_unit_test(test_reads_of_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
