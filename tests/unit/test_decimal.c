/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as text: what printf says of the same. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "decimal.h"
#include "memory.h"

#define NR_RANDOM 100000

static uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	return value ^ value >> 31;
}

static void check_integer(int64_t value)
{
	char expected[32], actual[32];

	snprintf(expected, sizeof(expected), "%" PRId64, value);
	memset(actual, '#', sizeof(actual));
	*decimal_write(actual, value) = '\0';
	assert_string_equal(actual, expected);
}

static void test_integers(void **state)
{
	uint64_t random = 1;

	check_integer(INT64_MIN);
	check_integer(INT64_MAX);
	for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
		for (int64_t near = -2; near <= 2; near++) {
			check_integer(power + near);
			check_integer(-power + near);
		}
	}
	/* Of every length. */
	for (size_t i = 0; i < NR_RANDOM; i++)
		check_integer((int64_t)next_random(&random) >> (i % 64));
}

static void check_fraction(uint64_t value, int digits)
{
	char expected[32], actual[32];
	size_t length;

	length = (size_t)snprintf(expected, sizeof(expected), "%0*" PRIu64, digits, value);
	while (length > 1 && expected[length - 1] == '0')
		expected[--length] = '\0';
	memset(actual, '#', sizeof(actual));
	*decimal_write_fraction(actual, value, digits) = '\0';
	assert_string_equal(actual, expected);
}

static void test_fractions(void **state)
{
	static const uint64_t values[] = { 0, 1, 9, 10, 100000000, 123456789, 999999999, 500 };
	uint64_t random = 1;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		check_fraction(values[i], 9);
	for (size_t i = 0; i < NR_RANDOM; i++)
		check_fraction(next_random(&random) % 1000000000, 9);
	check_fraction(0, 1);
	check_fraction(40, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_fractions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
