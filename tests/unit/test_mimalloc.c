/* SPDX-License-Identifier: BSD-2-Clause */
/* user/target/mimalloc.c on segments in made-up memory, of each layout, right and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap_fixture.h"
#include "memory.h"
#include "mimalloc.h"

#define SLICE_BYTES (64UL << 10)

static struct heap_fixture fixture;

static struct mimalloc_sums read_segments(unsigned int version)
{
	struct mimalloc_sums sums;

	mimalloc_read(fixture.memory,
		      version < FIXTURE_FIRST_PYTHON ? MIMALLOC_LIBRARY : MIMALLOC_PYTHON, 0,
		      &sums);
	assert_true(fixture.nr_reads < 10000);
	return sums;
}

static void test_versions(void **state)
{
	for (unsigned int version = 0; version < FIXTURE_NR_MIMALLOCS; version++) {
		struct mimalloc_sums sums;

		heap_fixture_init(&fixture, 0);
		heap_fixture_make_segment(&fixture, FIXTURE_MAIN, version, 64, 100);
		heap_fixture_make_segment(&fixture, FIXTURE_THREAD, version, 640, 7);
		sums = read_segments(version);
		assert_int_equal(sums.nr_segments, 2);
		assert_int_equal(sums.used, 6400 + 4480 + 4 * SLICE_BYTES);
		/* All but the header's slice is resident up to the region's end. */
		assert_int_equal(sums.free, 2 * (FIXTURE_REGION_BYTES - SLICE_BYTES) - sums.used);
		assert_int_equal(sums.free_pages, 2 * (FIXTURE_REGION_BYTES - 4 * SLICE_BYTES));
		assert_int_equal(sums.torn, 0);
		heap_fixture_clear(&fixture);
	}
}

/* A page whose last block was freed has its size until it is taken apart. */
static void test_empty_page(void **state)
{
	for (unsigned int version = 0; version < FIXTURE_NR_MIMALLOCS; version++) {
		struct mimalloc_sums sums;

		heap_fixture_init(&fixture, 0);
		heap_fixture_make_segment(&fixture, FIXTURE_MAIN, version, 64, 0);
		sums = read_segments(version);
		assert_int_equal(sums.free_pages, FIXTURE_REGION_BYTES - 3 * SLICE_BYTES);
		assert_int_equal(sums.free, sums.free_pages);
		heap_fixture_clear(&fixture);
	}
}

static void test_none(void **state)
{
	heap_fixture_init(&fixture, 0);
	heap_fixture_make(&fixture, 3);
	assert_int_equal(read_segments(0).nr_segments, 0);
	heap_fixture_clear(&fixture);
}

/* One with another cookie is none of this process's. */
static void test_other_cookie(void **state)
{
	heap_fixture_init(&fixture, 0);
	heap_fixture_make_segment(&fixture, FIXTURE_MAIN, 0, 64, 100);
	heap_fixture_make_segment(&fixture, FIXTURE_THREAD, 0, 64, 100);
	heap_fixture_put(&fixture, FIXTURE_THREAD + 216, 12345);
	assert_int_equal(read_segments(0).nr_segments, 1);
	heap_fixture_clear(&fixture);
}

/* A preloaded one beside CPython's own, of the same layout: each is read once. */
static void test_both(void **state)
{
	struct mimalloc_sums library, python;

	heap_fixture_init(&fixture, 0);
	heap_fixture_make_segment(&fixture, FIXTURE_MAIN, 0, 64, 100);
	heap_fixture_make_segment(&fixture, FIXTURE_THREAD, 0, 64, 10);
	heap_fixture_put(&fixture, FIXTURE_THREAD + 216, 12345);
	library = read_segments(0);
	mimalloc_read(fixture.memory, MIMALLOC_PYTHON, library.key, &python);
	assert_int_equal(library.nr_segments + python.nr_segments, 2);
	assert_int_equal(library.used, 6400 + 2 * SLICE_BYTES);
	assert_int_equal(python.used, 640 + 2 * SLICE_BYTES);
	assert_int_equal(library.torn + python.torn, 0);
	heap_fixture_clear(&fixture);
}

static void test_bad_runs(void **state)
{
	static const uint64_t words[] = { 0, 1ULL << 32, 1ULL << 31, UINT64_MAX, 1ULL << 63 };

	for (size_t i = 0; i < ARRAY_SIZE(words) * FIXTURE_NR_MIMALLOCS; i++) {
		unsigned int version = i % FIXTURE_NR_MIMALLOCS;
		struct mimalloc_sums sums;

		heap_fixture_init(&fixture, 0);
		heap_fixture_make_segment(&fixture, FIXTURE_MAIN, version, 64, 100);
		heap_fixture_make_segment(&fixture, FIXTURE_THREAD, version, 64, 100);
		heap_fixture_put(&fixture, heap_fixture_slice(FIXTURE_THREAD, version, 2),
				 words[i / FIXTURE_NR_MIMALLOCS]);
		sums = read_segments(version);
		assert_int_equal(sums.nr_segments, 1);
		assert_int_equal(sums.torn, 1);
		heap_fixture_clear(&fixture);
	}
}

/* More blocks than the page has room for. */
static void test_bad_blocks(void **state)
{
	for (unsigned int version = 0; version < FIXTURE_NR_MIMALLOCS; version++) {
		struct mimalloc_sums sums;

		heap_fixture_init(&fixture, 0);
		heap_fixture_make_segment(&fixture, FIXTURE_MAIN, version, 64, 1025);
		sums = read_segments(version);
		assert_int_equal(sums.torn, 1);
		assert_int_equal(sums.used, 2 * SLICE_BYTES);
		heap_fixture_clear(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),     cmocka_unit_test(test_none),
		cmocka_unit_test(test_other_cookie), cmocka_unit_test(test_bad_runs),
		cmocka_unit_test(test_bad_blocks),   cmocka_unit_test(test_both),
		cmocka_unit_test(test_empty_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
