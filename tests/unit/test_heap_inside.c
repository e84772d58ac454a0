/* SPDX-License-Identifier: BSD-2-Clause */
/* user/target/heap_inside.c where there is no time for it; real heaps are tests/property/heaps.py's
 * matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_inside.h"

/* What was not looked at is no amount of 0. */
static void test_no_time(void **state)
{
	struct heap_inside inside;

	assert_int_equal(heap_inside_read(getpid(), 0, &inside), 0);
	assert_int_equal(inside.pymalloc_state, HEAP_UNKNOWN);
}

static void test_time(void **state)
{
	struct heap_inside inside;

	assert_int_equal(heap_inside_read(getpid(), 60000000000ULL, &inside), 0);
	assert_int_equal(inside.pymalloc_state, HEAP_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
