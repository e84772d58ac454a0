/* SPDX-License-Identifier: BSD-2-Clause */
/* user/target/pymalloc.c on pools in made-up memory, of each build's sizes, right and damaged. */
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

/* What nobody has used of an arena is resident, too, where it is in a huge page. */
static void test_arena_in_a_huge_page(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		uint64_t bytes = builds[i].pool_bytes, first = FIXTURE_MAIN + 3 * bytes;

		heap_fixture_init(&fixture, 0);
		for (uint64_t page = FIXTURE_MAIN; page < first; page += HEAP_PAGE_BYTES)
			heap_fixture_put(&fixture, page, 0x3ff0000000000000); /* an array's */
		make_pool(&builds[i], first, (struct pool){ 0, 3, 10, 20 });
		make_pool(&builds[i], first + bytes, (struct pool){ 0, 3, 10, 20 });
		assert_int_equal(read_pools().nr_pools, 2);
		heap_fixture_clear(&fixture);
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
		cmocka_unit_test(test_reads_of_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
