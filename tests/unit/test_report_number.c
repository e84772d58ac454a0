/* SPDX-License-Identifier: BSD-2-Clause */
/* MB with two decimals: what printf says of the same, but for the sign of nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "random_profile.h"
#include "report_number.h"

#define NR_RANDOM 200000
#define EXACT (1LL << 53) /* up to here a double holds the bytes */

static void check(int64_t bytes)
{
	char expected[REPORT_MB_BYTES], actual[REPORT_MB_BYTES];
	const char *text = expected;

	snprintf(expected, sizeof(expected), "%.2f", (double)bytes / 1048576.0);
	if (!strcmp(expected, "-0.00"))
		text = "0.00";
	assert_int_equal(report_mb_text(actual, bytes), strlen(text));
	assert_string_equal(actual, text);
}

static void check_both(int64_t bytes)
{
	check(bytes);
	check(-bytes);
}

static void test_random(void **state)
{
	for (int i = 0; i < NR_RANDOM; i++) {
		uint64_t high = random_below(1 << 22), low = random_below(1U << 31);

		check_both((int64_t)(high << 31 | low) % EXACT);
		check_both(random_below(64 << 20));
		check_both(random_below(64 << 10));
	}
}

/* In the middle between two hundredths, and beside it: MB / 8 has three decimals, the last one 5.
 */
static void test_middles(void **state)
{
	for (int64_t eighth = 0; eighth < 4096; eighth++) {
		for (int64_t near = -1; near <= 1; near++)
			check_both(eighth * (1 << 17) + near);
	}
	check_both((1LL << 52) + (1 << 17));
}

static void test_largest(void **state)
{
	char text[REPORT_MB_BYTES];

	report_mb_text(text, INT64_MAX);
	assert_string_equal(text, "8796093022208.00");
	report_mb_text(text, INT64_MIN);
	assert_string_equal(text, "-8796093022208.00");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_middles),
		cmocka_unit_test(test_largest),
	};

	random_begin(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
