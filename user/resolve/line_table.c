/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of instructions; see line_table.h. Three encodings, all of them deltas from co_firstlineno
 * and offset 0:
 *
 * co_lnotab (Objects/lnotab_notes.txt, 3.6 to 3.9): pairs of an unsigned step of the offset and a
 * signed one of the line. The line counts from the offset that its pair leads to; larger steps are
 * spread over several pairs with a 0 in the other half.
 *
 * co_linetable of 3.10 (PEP 626, the same notes): pairs of the length of a range and the signed
 * step to its line, -128 for a range without one.
 *
 * Location table (Objects/locations.md, from 3.14 on InternalDocs/code_objects.md): entries of a
 * byte with bit 7 set, a kind in bits 3 to 6 and the length in code units less one in bits 0 to 2,
 * and then bytes with bit 7 clear: a step of the line for some kinds, and columns. Numbers are
 * chunks of 6 bits, the lowest first, bit 6 set in all but the last; the sign is the lowest bit.
 */
#include "line_table.h"

#include <limits.h>

#define PYTHON_3_6 0x306
#define PYTHON_3_10 0x30a
#define PYTHON_3_11 0x30b

#define CODE_UNIT_BYTES 2
#define PAIR_BYTES 2
#define NO_LINE_STEP (-128)

#define ENTRY_START 0x80
#define CHUNK_BITS 6
#define CHUNK_MASK 0x3f
#define CHUNK_GOES_ON 0x40

/* enum _PyCodeLocationInfoKind, cpython/code.h of 3.11. Smaller ones stay on the line. */
enum location_kind {
	LOCATION_ONE_LINE0 = 10,
	LOCATION_ONE_LINE1 = 11,
	LOCATION_ONE_LINE2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};

uint32_t line_table_offset(uint16_t version, int64_t position)
{
	int64_t unit = version == PYTHON_3_10 ? CODE_UNIT_BYTES : 1;
	int64_t not_started = version >= PYTHON_3_11 ? -CODE_UNIT_BYTES : -1;

	if (position == not_started)
		return LINE_TABLE_NOT_STARTED;
	if (position < 0 || position > INT32_MAX)
		return LINE_TABLE_NOWHERE;
	return (uint32_t)(position * unit);
}

static int line_or_none(int64_t line)
{
	return line >= 1 && line <= INT_MAX ? (int)line : 0;
}

static bool fail(struct line_table *table)
{
	table->is_malformed = true;
	table->next = table->limit;
	return false;
}

static bool put_range(struct line_table *table, uint32_t bytes, int64_t line,
		      struct line_range *ret)
{
	uint32_t start = table->offset;

	if (bytes > LINE_TABLE_NOWHERE - start)
		return fail(table);
	table->offset = start + bytes;
	*ret = (struct line_range){ start, table->offset, line_or_none(line) };
	return true;
}

/* False at the end; half a pair there makes the table malformed. */
static bool read_pair(struct line_table *table, uint8_t *ret_bytes, int8_t *ret_step)
{
	if (table->limit - table->next < PAIR_BYTES) {
		table->is_malformed |= table->next != table->limit;
		return false;
	}
	*ret_bytes = table->next[0];
	*ret_step = (int8_t)table->next[1];
	table->next += PAIR_BYTES;
	return true;
}

/* ---- 3.6 to 3.9 ---- */

/* The last range takes all offsets that are left, so after it there are none. */
static bool next_of_lnotab(struct line_table *table, struct line_range *ret)
{
	uint8_t bytes;
	int8_t step;

	while (read_pair(table, &bytes, &step)) {
		int64_t line = table->line;

		table->line += step;
		if (bytes)
			return put_range(table, bytes, line, ret);
	}
	if (table->is_malformed || table->offset == LINE_TABLE_NOWHERE)
		return false;
	return put_range(table, LINE_TABLE_NOWHERE - table->offset, table->line, ret);
}

/* ---- 3.10 ---- */

static bool next_of_pairs(struct line_table *table, struct line_range *ret)
{
	uint8_t bytes;
	int8_t step;

	while (read_pair(table, &bytes, &step)) {
		if (step != NO_LINE_STEP)
			table->line += step;
		if (bytes)
			return put_range(table, bytes, step == NO_LINE_STEP ? 0 : table->line, ret);
	}
	return false;
}

/* ---- 3.11 and later ---- */

static bool is_inside_entry(const struct line_table *table)
{
	return table->next < table->limit && !(*table->next & ENTRY_START);
}

static bool read_signed(struct line_table *table, int64_t *ret)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 32 && is_inside_entry(table); shift += CHUNK_BITS) {
		uint8_t chunk = *table->next++;

		value |= (uint64_t)(chunk & CHUNK_MASK) << shift;
		if (chunk & CHUNK_GOES_ON)
			continue;
		*ret = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
		return value <= UINT32_MAX;
	}
	return false;
}

static bool read_step(struct line_table *table, enum location_kind kind, int64_t *ret)
{
	switch (kind) {
	case LOCATION_NO_COLUMNS:
	case LOCATION_LONG:
		return read_signed(table, ret);
	case LOCATION_ONE_LINE1:
	case LOCATION_ONE_LINE2:
		*ret = kind - LOCATION_ONE_LINE0;
		return true;
	default:
		*ret = 0;
		return true;
	}
}

/* Columns are passed over as CPython does: up to the next entry, however many bytes these are. */
static bool next_of_locations(struct line_table *table, struct line_range *ret)
{
	enum location_kind kind;
	uint32_t bytes;
	int64_t step;

	if (table->next == table->limit)
		return false;
	if (is_inside_entry(table))
		return fail(table);
	kind = *table->next >> 3 & 0xf;
	bytes = ((*table->next & 7U) + 1) * CODE_UNIT_BYTES;
	table->next++;
	if (!read_step(table, kind, &step))
		return fail(table);
	while (is_inside_entry(table))
		table->next++;
	table->line += step;
	return put_range(table, bytes, kind == LOCATION_NONE ? 0 : table->line, ret);
}

/* ---- */

void line_table_begin(uint16_t version, const uint8_t *table, size_t size, int first_line,
		      struct line_table *ret)
{
	*ret = (struct line_table){
		.version = version,
		.next = table,
		.limit = table ? table + size : NULL,
		.line = first_line,
	};
}

bool line_table_next(struct line_table *table, struct line_range *ret)
{
	if (table->version < PYTHON_3_6)
		return fail(table);
	if (table->version < PYTHON_3_10)
		return next_of_lnotab(table, ret);
	if (table->version == PYTHON_3_10)
		return next_of_pairs(table, ret);
	return next_of_locations(table, ret);
}

int line_table_find(uint16_t version, const uint8_t *table, size_t size, int first_line,
		    uint32_t offset)
{
	struct line_table lines;
	struct line_range range;

	if (offset == LINE_TABLE_NOT_STARTED)
		return line_or_none(first_line);
	line_table_begin(version, table, size, first_line, &lines);
	while (line_table_next(&lines, &range))
		if (offset < range.end)
			return range.line;
	return 0;
}
