/* SPDX-License-Identifier: BSD-2-Clause */
/* Line tables of all versions, well formed and not. Real ones: tests/property/line_tables.py. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "line_table.h"
#include "memory.h"

#define PYTHON_2_7 0x207
#define PYTHON_3_6 0x306
#define PYTHON_3_9 0x309
#define PYTHON_3_10 0x30a
#define PYTHON_3_11 0x30b
#define PYTHON_3_12 0x30c
#define PYTHON_3_13 0x30d
#define PYTHON_3_15 0x30f

#define TABLE(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* The first byte of an entry of the location table. */
#define ENTRY(kind, units) (0x80 | (kind) << 3 | ((units)-1))
#define SHORT 0
#define ONE_LINE(step) (10 + (step))
#define NO_COLUMNS 13
#define LONG 14
#define NONE 15

#define LONGEST 8

struct ranges {
	struct line_range ranges[LONGEST];
	size_t count;
	bool is_malformed;
};

static struct ranges walk(uint16_t version, int first_line, const uint8_t *table, size_t size)
{
	/* An allocation of its own, so that a sanitizer sees the end. */
	_cleanup_(freep) uint8_t *exact = xmemdup(table, size);
	struct ranges got = { 0 };
	struct line_table lines;

	line_table_begin(version, exact, size, first_line, &lines);
	while (got.count < LONGEST && line_table_next(&lines, &got.ranges[got.count]))
		got.count++;
	got.is_malformed = lines.is_malformed;
	return got;
}

static void expect_range(const struct ranges *got, size_t number, uint32_t end, int line)
{
	assert_true(number < got->count);
	assert_int_equal(got->ranges[number].start, number ? got->ranges[number - 1].end : 0);
	assert_int_equal(got->ranges[number].end, end);
	assert_int_equal(got->ranges[number].line, line);
}

static void expect_end(const struct ranges *got, size_t count, bool is_malformed)
{
	assert_int_equal(got->count, count);
	assert_int_equal(got->is_malformed, is_malformed);
}

/* ---- 3.6 to 3.9 ---- */

static void test_lnotab_steps(void **state)
{
	/* 3 lines on at 0, back by 2 at 4, on by 200 at 260: both spread over pairs */
	struct ranges got = walk(PYTHON_3_9, 10, TABLE(0, 3, 4, 0xfe, 255, 0, 1, 127, 0, 73));

	expect_range(&got, 0, 4, 13);
	expect_range(&got, 1, 259, 11);
	expect_range(&got, 2, 260, 11);
	expect_range(&got, 3, LINE_TABLE_NOWHERE, 211);
	expect_end(&got, 4, false);
}

static void test_lnotab_without_pairs(void **state)
{
	struct ranges got = walk(PYTHON_3_6, 7, NULL, 0);

	expect_range(&got, 0, LINE_TABLE_NOWHERE, 7);
	expect_end(&got, 1, false);
	assert_int_equal(line_table_find(PYTHON_3_6, NULL, 0, 7, 1000000), 7);
	assert_int_equal(line_table_find(PYTHON_3_6, NULL, 0, 7, LINE_TABLE_NOWHERE), 0);
}

static void test_lnotab_cut(void **state)
{
	struct ranges got = walk(PYTHON_3_9, 1, TABLE(6, 1, 8));

	expect_range(&got, 0, 6, 1);
	expect_end(&got, 1, true); /* how far line 2 goes is not known */
	assert_int_equal(line_table_find(PYTHON_3_9, TABLE(6, 1, 8), 1, 4), 1);
	assert_int_equal(line_table_find(PYTHON_3_9, TABLE(6, 1, 8), 1, 6), 0);
}

/* ---- 3.10 ---- */

static void test_pairs(void **state)
{
	/* (4, back by 1) (0, on by 100): no range, (2, none), (254, 0) (6, on by 1) */
	struct ranges got = walk(PYTHON_3_10, 10, TABLE(4, 0xff, 0, 100, 2, 0x80, 254, 0, 6, 1));

	expect_range(&got, 0, 4, 9);
	expect_range(&got, 1, 6, 0);
	expect_range(&got, 2, 260, 109);
	expect_range(&got, 3, 266, 110);
	expect_end(&got, 4, false);
}

static void test_pairs_end(void **state)
{
	struct ranges got = walk(PYTHON_3_10, 10, TABLE(4, 1, 6));

	expect_range(&got, 0, 4, 11);
	expect_end(&got, 1, true);
	assert_int_equal(line_table_find(PYTHON_3_10, TABLE(4, 1), 10, 3), 11);
	assert_int_equal(line_table_find(PYTHON_3_10, TABLE(4, 1), 10, 4), 0);
	got = walk(PYTHON_3_10, 10, NULL, 0);
	expect_end(&got, 0, false);
}

/* ---- 3.11 and later ---- */

static void test_locations(void **state)
{
	struct ranges got = walk(PYTHON_3_11, 100,
				 TABLE(ENTRY(SHORT, 1), 0x11, ENTRY(ONE_LINE(2), 8), 4, 9,
				       ENTRY(NO_COLUMNS, 2), 0x07, ENTRY(NONE, 3), ENTRY(LONG, 1),
				       0x50, 0x06, 0, 1, 2, ENTRY(SHORT + 9, 4), 0));

	expect_range(&got, 0, 2, 100);
	expect_range(&got, 1, 18, 102);
	expect_range(&got, 2, 22, 99); /* 7: back by 3 */
	expect_range(&got, 3, 28, 0);
	expect_range(&got, 4, 30, 99 + 200); /* 0x10 + (6 << 6): on by 400 / 2 */
	expect_range(&got, 5, 38, 299);
	expect_end(&got, 6, false);
}

static void test_locations_cut(void **state)
{
	static const uint8_t table[] = {
		ENTRY(ONE_LINE(1), 1), 4, 9, ENTRY(LONG, 2), 0x42, 0, 3, 1, 2
	};

	for (size_t size = 0; size <= sizeof(table); size++) {
		struct ranges got = walk(PYTHON_3_13, 1, table, size);
		bool has_second = size >= 6; /* columns matter to nobody */

		expect_end(&got, (size >= 1) + has_second, size == 4 || size == 5);
		if (size)
			expect_range(&got, 0, 2, 2);
		if (has_second)
			expect_range(&got, 1, 6, 3);
	}
}

static void test_locations_malformed(void **state)
{
	struct ranges got = walk(PYTHON_3_12, 1, TABLE(0x05, ENTRY(SHORT, 1), 0));

	expect_end(&got, 0, true); /* no entry begins so */
	got = walk(PYTHON_3_12, 1, TABLE(ENTRY(NO_COLUMNS, 1), 0x41, ENTRY(SHORT, 1), 0));
	expect_end(&got, 0, true); /* the number goes on in the next entry */
	got = walk(PYTHON_3_12, 1,
		   TABLE(ENTRY(NO_COLUMNS, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0));
	expect_end(&got, 0, true); /* 7 chunks */
	got = walk(PYTHON_3_12, 1, TABLE(ENTRY(NO_COLUMNS, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f));
	expect_end(&got, 0, true); /* 36 bits */
}

/* ---- all ---- */

static void test_extreme_lines(void **state)
{
	/* svarint of 2^31 - 1, forth and back */
	static const uint8_t table[] = { ENTRY(NO_COLUMNS, 1), 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03,
					 ENTRY(NO_COLUMNS, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x03 };
	struct ranges got = walk(PYTHON_3_15, 0, table, sizeof(table));

	expect_range(&got, 0, 2, INT_MAX);
	expect_range(&got, 1, 4, 0); /* line 0 is none */
	got = walk(PYTHON_3_15, INT_MAX, table, sizeof(table));
	expect_range(&got, 0, 2, 0); /* does not fit, but is kept */
	expect_range(&got, 1, 4, INT_MAX);
	got = walk(PYTHON_3_15, INT_MIN, table, sizeof(table));
	expect_range(&got, 0, 2, 0);
	expect_range(&got, 1, 4, 0);
	expect_end(&got, 2, false);
}

static void test_lines_below_one(void **state)
{
	struct ranges got = walk(PYTHON_3_9, 1, TABLE(2, 0xfb, 2, 6));

	expect_range(&got, 0, 2, 1);
	expect_range(&got, 1, 4, 0); /* -4 */
	expect_range(&got, 2, LINE_TABLE_NOWHERE, 2);
	got = walk(PYTHON_3_10, 1, TABLE(2, 0x81, 2, 127));
	expect_range(&got, 0, 2, 0); /* -126 */
	expect_range(&got, 1, 4, 1);
}

/* Offsets of more than 32 bits: 255 bytes a pair. */
static void test_offsets_overflow(void **state)
{
	size_t size = 2 * (size_t)(UINT32_MAX / 255 + 2);
	_cleanup_(freep) uint8_t *table = xmalloc(size);
	uint16_t versions[] = { PYTHON_3_9, PYTHON_3_10 };

	memset(table, 255, size);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct line_table lines;
		struct line_range range = { 0 };

		line_table_begin(versions[i], table, size, INT_MAX, &lines);
		while (line_table_next(&lines, &range))
			;
		assert_true(lines.is_malformed);
		assert_int_equal(range.end, UINT32_MAX - 255);
		assert_int_equal(range.line, INT_MAX - (int)(UINT32_MAX / 255) + (i ? 1 : 2));
	}
}

static void test_versions_before(void **state)
{
	struct ranges got = walk(PYTHON_2_7, 1, TABLE(6, 1));

	expect_end(&got, 0, true);
	assert_int_equal(line_table_find(PYTHON_2_7, TABLE(6, 1), 1, 0), 0);
}

static void test_frames(void **state)
{
	assert_int_equal(line_table_offset(PYTHON_3_9, 12), 12);
	assert_int_equal(line_table_offset(PYTHON_3_10, 12), 24);
	assert_int_equal(line_table_offset(PYTHON_3_11, 12), 12);
	assert_int_equal(line_table_offset(PYTHON_3_15, 0), 0);

	assert_int_equal(line_table_offset(PYTHON_3_9, -1), LINE_TABLE_NOT_STARTED);
	assert_int_equal(line_table_offset(PYTHON_3_10, -1), LINE_TABLE_NOT_STARTED);
	assert_int_equal(line_table_offset(PYTHON_3_12, -2), LINE_TABLE_NOT_STARTED);

	assert_int_equal(line_table_offset(PYTHON_3_10, -2), LINE_TABLE_NOWHERE);
	assert_int_equal(line_table_offset(PYTHON_3_12, -4), LINE_TABLE_NOWHERE);
	assert_int_equal(line_table_offset(PYTHON_3_10, INT32_MAX), LINE_TABLE_NOWHERE);
	assert_int_equal(line_table_offset(PYTHON_3_13, INT64_MIN), LINE_TABLE_NOWHERE);
	assert_int_equal(line_table_offset(PYTHON_3_13, INT64_MAX), LINE_TABLE_NOWHERE);
}

static void test_places_without_instruction(void **state)
{
	uint16_t versions[] = { PYTHON_3_6, PYTHON_3_10, PYTHON_3_13 };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		uint16_t version = versions[i];

		assert_int_equal(line_table_find(version, NULL, 0, 42, LINE_TABLE_NOT_STARTED), 42);
		assert_int_equal(line_table_find(version, NULL, 0, -1, LINE_TABLE_NOT_STARTED), 0);
		assert_int_equal(line_table_find(version, NULL, 0, 42, LINE_TABLE_NOWHERE), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lnotab_steps),
		cmocka_unit_test(test_lnotab_without_pairs),
		cmocka_unit_test(test_lnotab_cut),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_pairs_end),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_locations_cut),
		cmocka_unit_test(test_locations_malformed),
		cmocka_unit_test(test_extreme_lines),
		cmocka_unit_test(test_lines_below_one),
		cmocka_unit_test(test_offsets_overflow),
		cmocka_unit_test(test_versions_before),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_places_without_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
