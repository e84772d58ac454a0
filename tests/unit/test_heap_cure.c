/* SPDX-License-Identifier: BSD-2-Clause */
/* Each case of heaps that were measured from outside (MB), and what mends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap_cure.h"
#include "memory.h"

#define MB(count) ((uint64_t)((count)*1048576.0))

static const struct {
	const char *what;
	struct heap_inside inside;
	enum heap_cure cure;
} cases[] = {
	{ "1 in 1,000 dicts kept",
	  { .rss = MB(315),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(1),
	    .malloc_free = MB(0.1),
	    .malloc_free_pages = MB(0.1),
	    .pymalloc_used = MB(2.5),
	    .pymalloc_free = MB(305.4),
	    .pymalloc_free_pools = MB(240.1),
	    .pymalloc_nr_arenas = 308 },
	  HEAP_CURE_SURVIVORS },
	{ "blocks of 20 to 120 KB, a survivor on top",
	  { .rss = MB(341.8),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(2),
	    .malloc_free = MB(331.7),
	    .malloc_free_pages = MB(331.6),
	    .pymalloc_used = MB(1),
	    .pymalloc_free = MB(0.7) },
	  HEAP_CURE_TRIM },
	{ "numpy arrays of 1 MB, a raised mmap threshold",
	  { .rss = MB(445.5),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 2,
	    .malloc_used = MB(8),
	    .malloc_free = MB(419.5),
	    .malloc_free_pages = MB(419.4),
	    .pymalloc_used = MB(4.7),
	    .pymalloc_free = MB(0.3) },
	  HEAP_CURE_TRIM },
	{ "64 threads, 16 arenas",
	  { .rss = MB(352.7),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 16,
	    .malloc_used = MB(4),
	    .malloc_free = MB(341.1),
	    .malloc_free_pages = MB(337),
	    .malloc_free_threads = MB(330),
	    .pymalloc_used = MB(1),
	    .pymalloc_free = MB(0.3) },
	  HEAP_CURE_ARENAS },
	{ "16 arenas, and nearly all of it in the main one",
	  { .rss = MB(352.7),
	    .malloc_state = HEAP_READ,
	    .nr_arenas = 16,
	    .malloc_used = MB(4),
	    .malloc_free = MB(341.1),
	    .malloc_free_pages = MB(337),
	    .malloc_free_threads = MB(20) },
	  HEAP_CURE_TRIM },
	{ "a leak",
	  { .rss = MB(290),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(220),
	    .malloc_mapped = MB(40),
	    .malloc_free = MB(0.1),
	    .pymalloc_used = MB(24),
	    .pymalloc_free = MB(0.4) },
	  HEAP_CURE_IN_USE },
	{ "a leak within churn",
	  { .rss = MB(262),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(256),
	    .malloc_free = MB(0.4),
	    .pymalloc_free = MB(0.4) },
	  HEAP_CURE_IN_USE },
	{ "blocks of 1 KB, every other one freed",
	  { .rss = MB(300),
	    .malloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(150),
	    .malloc_free = MB(140),
	    .malloc_free_pages = MB(1) },
	  HEAP_CURE_PINNED },
	{ "trimmed already: free, but not resident",
	  { .rss = MB(80),
	    .malloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(60),
	    .malloc_free = MB(331),
	    .malloc_free_absent = MB(330) },
	  HEAP_CURE_IN_USE },
	{ "a fresh interpreter",
	  { .rss = MB(10),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 1,
	    .malloc_used = MB(2),
	    .malloc_free = MB(0.3),
	    .pymalloc_used = MB(2),
	    .pymalloc_free = MB(0.5) },
	  HEAP_CURE_NOTHING },
	{ "a file of a gigabyte, mapped",
	  { .rss = MB(1024),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_READ,
	    .malloc_used = MB(3),
	    .pymalloc_used = MB(3) },
	  HEAP_CURE_ELSEWHERE },
	{ "an array that nobody has touched",
	  { .rss = MB(100),
	    .malloc_state = HEAP_READ,
	    .malloc_mapped = MB(4096),
	    .malloc_used = MB(3) },
	  HEAP_CURE_IN_USE },
	{ "pymalloc, no pool of which was reached in time",
	  { .rss = MB(300),
	    .malloc_state = HEAP_READ,
	    .pymalloc_state = HEAP_PARTLY,
	    .malloc_used = MB(3) },
	  HEAP_CURE_PARTLY },
	{ "malloc, whose lists were torn, so that all of it seems to be in use",
	  { .rss = MB(30),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .malloc_used = MB(20) },
	  HEAP_CURE_PARTLY },
	{ "malloc, of which a part is enough to know",
	  { .rss = MB(300),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .malloc_free = MB(200),
	    .malloc_free_pages = MB(200) },
	  HEAP_CURE_TRIM },
	{ "malloc, whose unread part may be whole pages",
	  { .rss = MB(64),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 2,
	    .malloc_used = MB(30),
	    .malloc_free = MB(20),
	    .malloc_free_pages = MB(1) },
	  HEAP_CURE_PARTLY },
	{ "the same, between blocks in use whatever the rest is",
	  { .rss = MB(64),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 2,
	    .malloc_used = MB(10),
	    .malloc_free = MB(40),
	    .malloc_free_pages = MB(1),
	    .files = MB(14) },
	  HEAP_CURE_PINNED },
	{ "malloc, some arenas of which were not reached",
	  { .rss = MB(300),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .nr_arenas = 5,
	    .malloc_used = MB(1),
	    .malloc_free = MB(40),
	    .malloc_free_pages = MB(40),
	    .malloc_free_threads = MB(40),
	    .files = MB(20) },
	  HEAP_CURE_PARTLY },
	{ "pymalloc keeps less than malloc may, which was read in part",
	  { .rss = MB(300),
	    .malloc_state = HEAP_PARTLY,
	    .pymalloc_state = HEAP_READ,
	    .malloc_used = MB(200),
	    .pymalloc_used = MB(10),
	    .pymalloc_free = MB(60) },
	  HEAP_CURE_PARTLY },
	{ "jemalloc",
	  { .rss = MB(500),
	    .malloc_state = HEAP_UNKNOWN,
	    .pymalloc_state = HEAP_READ,
	    .pymalloc_used = MB(100) },
	  HEAP_CURE_UNKNOWN },
	{ "jemalloc, and pymalloc keeps more",
	  { .rss = MB(500),
	    .malloc_state = HEAP_UNKNOWN,
	    .pymalloc_state = HEAP_READ,
	    .pymalloc_free = MB(400) },
	  HEAP_CURE_SURVIVORS },
	{ "mimalloc after a peak",
	  { .rss = MB(500),
	    .malloc_state = HEAP_READ,
	    .mimalloc_state = HEAP_READ,
	    .mimalloc_used = MB(20),
	    .mimalloc_free = MB(450),
	    .mimalloc_free_pages = MB(440) },
	  HEAP_CURE_PURGE },
	{ "mimalloc, 1 in 100 lists kept",
	  { .rss = MB(71),
	    .malloc_state = HEAP_READ,
	    .mimalloc_state = HEAP_READ,
	    .mimalloc_used = MB(2.7),
	    .mimalloc_free = MB(60.5),
	    .mimalloc_free_pages = MB(0.5) },
	  HEAP_CURE_SPARSE },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum heap_cure cure = heap_inside_cure(&cases[i].inside);

		if (cure != cases[i].cure)
			fail_msg("%s: '%s'", cases[i].what, heap_cure_name(cure));
	}
}

/* What is worth a word is a twentieth of RSS, and 8 MB at least. */
static void test_worth(void **state)
{
	struct heap_inside inside = { .rss = MB(1000),
				      .malloc_state = HEAP_READ,
				      .nr_arenas = 1,
				      .malloc_used = MB(900),
				      .malloc_free = MB(49),
				      .malloc_free_pages = MB(49) };

	assert_int_equal(heap_inside_cure(&inside), HEAP_CURE_IN_USE);
	inside.malloc_free = inside.malloc_free_pages = MB(51);
	assert_int_equal(heap_inside_cure(&inside), HEAP_CURE_TRIM);
	inside.rss = MB(20);
	inside.malloc_used = MB(10);
	inside.malloc_free = inside.malloc_free_pages = MB(7);
	assert_int_equal(heap_inside_cure(&inside), HEAP_CURE_NOTHING);
}

/* The largest part decides, also by a byte. */
static void test_largest(void **state)
{
	struct heap_inside inside = { .rss = MB(100),
				      .nr_arenas = 1,
				      .malloc_free = MB(40),
				      .malloc_free_pages = MB(40),
				      .pymalloc_free = MB(40) + 1 };

	assert_int_equal(heap_inside_cure(&inside), HEAP_CURE_SURVIVORS);
	inside.pymalloc_free -= 2;
	assert_int_equal(heap_inside_cure(&inside), HEAP_CURE_TRIM);
}

static void test_what_was_read(void **state)
{
	struct heap_inside inside = { .rss = MB(10) };

	assert_false(heap_inside_is_any(&inside));
	assert_false(heap_inside_is_read(&inside));
	inside.malloc_state = HEAP_UNKNOWN;
	assert_true(heap_inside_is_any(&inside));
	assert_false(heap_inside_is_read(&inside));
	inside.mimalloc_state = HEAP_PARTLY;
	assert_true(heap_inside_is_read(&inside));
}

static void test_rest(void **state)
{
	const struct heap_inside inside = { .rss = MB(100),
					    .malloc_used = MB(10),
					    .malloc_mapped = MB(20),
					    .malloc_free = MB(30),
					    .malloc_free_absent = MB(25),
					    .pymalloc_used = MB(1),
					    .pymalloc_free = MB(2),
					    .mimalloc_used = MB(3),
					    .mimalloc_free = MB(4) };
	struct heap_inside untouched = inside;

	assert_int_equal(heap_inside_used(&inside), MB(34));
	assert_int_equal(heap_inside_rest(&inside), MB(55));
	untouched.malloc_mapped = MB(200);
	assert_int_equal(heap_inside_rest(&untouched), -(int64_t)MB(125));
}

static void test_texts(void **state)
{
	for (int cure = 0; cure < NR_HEAP_CURES; cure++) {
		assert_non_null(heap_cure_name(cure));
		assert_non_null(heap_cure_sentence(cure));
		for (int other = 0; other < cure; other++)
			assert_string_not_equal(heap_cure_name(cure), heap_cure_name(other));
	}
}

/* What was tried and did not happen is not promised. */
static void test_promises(void **state)
{
	const char *pinned = heap_cure_sentence(HEAP_CURE_PINNED);
	const char *sparse = heap_cure_sentence(HEAP_CURE_SPARSE);

	for (int cure = 0; cure < NR_HEAP_CURES; cure++)
		assert_null(strstr(heap_cure_sentence(cure), "MALLOC_TRIM_THRESHOLD_"));
	assert_non_null(strstr(heap_cure_sentence(HEAP_CURE_ARENAS), "fewer arenas may "));
	assert_non_null(strstr(pinned, "malloc_trim(0) gives back only the whole pages"));
	assert_non_null(strstr(sparse, "_DELAY=0) gives back only the whole pages"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	 cmocka_unit_test(test_worth),
		cmocka_unit_test(test_largest),	 cmocka_unit_test(test_what_was_read),
		cmocka_unit_test(test_rest),	 cmocka_unit_test(test_texts),
		cmocka_unit_test(test_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
