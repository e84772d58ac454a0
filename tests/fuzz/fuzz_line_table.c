/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables under arbitrary bytes: the first chooses the version, four are the first line, four
 * an offset, the rest is the table. The ranges must follow one another, come to an end, and be what
 * line_table_find says.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_table.h"
#include "memory.h"

#define HEAD_BYTES 9

static const uint16_t versions[] = { 0x309, 0x30a, 0x30b, 0x205, 0x306, 0x30f, 0x400 };

struct input {
	uint16_t version;
	int first_line;
	uint32_t offset;
	const uint8_t *table;
	size_t size;
};

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_line_table: %s\n", what);
	abort();
}

static struct input parse(const uint8_t *bytes, size_t size)
{
	struct input input = {
		.version = versions[bytes[0] % ARRAY_SIZE(versions)],
		.table = bytes + HEAD_BYTES,
		.size = size - HEAD_BYTES,
	};

	memcpy(&input.first_line, bytes + 1, sizeof(input.first_line));
	memcpy(&input.offset, bytes + 5, sizeof(input.offset));
	return input;
}

static int find(const struct input *input, uint32_t offset)
{
	return line_table_find(input->version, input->table, input->size, input->first_line,
			       offset);
}

static void check_range(const struct input *input, const struct line_range *range)
{
	expect(range->line >= 0, "a line below 0");
	if (range->start <= input->offset && input->offset < range->end)
		expect(find(input, input->offset) == range->line, "found another line");
}

static void check(const struct input *input)
{
	struct line_table lines;
	struct line_range range = { 0 };
	uint32_t end = 0;
	size_t count = 0;

	line_table_begin(input->version, input->table, input->size, input->first_line, &lines);
	while (line_table_next(&lines, &range)) {
		expect(range.start == end && range.end > end, "ranges do not follow one another");
		end = range.end;
		check_range(input, &range);
		expect(++count <= input->size + 1, "more ranges than bytes");
	}
	expect(!line_table_next(&lines, &range), "goes on after the end");
	expect(end == LINE_TABLE_NOWHERE || !find(input, end), "a line behind the end");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input;

	if (size < HEAD_BYTES)
		return 0;
	input = parse(bytes, size);
	check(&input);
	find(&input, line_table_offset(input.version, (int32_t)input.offset));
	return 0;
}

/* ---- seeds: the three encodings with all their kinds of entries, and the largest numbers ---- */

static const struct seed {
	size_t size;
	uint8_t bytes[40];
} seeds[] = {
	{ 25, { 0, 3, 0, 0,   0,   4, 0, 0,    0, 0,  1,  4,   1,
		8, 1, 4, 255, 255, 0, 6, 0x7f, 0, 73, 14, 0x80 } },
	{ 21, { 1, 3, 0, 0, 0, 4, 0, 0, 0, 4, 1, 8, 0xff, 2, 0x80, 254, 0, 6, 100, 0, 5 } },
	{ 30, { 2,    3,    0, 0,    0,	   6, 0,    0,	  0, 0x80, 0x00, 0x90, 0x51, 0xd8, 0x02,
		0x03, 0xf0, 3, 0x01, 0x15, 5, 0xf0, 0x00, 0, 1,	   0x0e, 5,    0xf8, 0xe9, 0x07 } },
	{ 17, { 2, 255, 255, 255, 0x7f, 2, 0, 0, 0, 0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 3, 0xff } },
};

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	if (number >= ARRAY_SIZE(seeds))
		return NULL;
	*ret_size = seeds[number].size;
	return xmemdup(seeds[number].bytes, seeds[number].size);
}
