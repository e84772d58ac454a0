/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of records, proved; see dump_take.h. */
#include "dump_take.h"

#include <errno.h>

#include "memory.h"

/* What the cursor has found out so far. */
int dump_result_of(const struct packed_cursor *from)
{
	return from->is_bad ? -EBADMSG : 0;
}

/* The number of the first record of a section: the one after those that are there. */
int dump_take_first(struct packed_cursor *from, size_t count)
{
	uint64_t first = packed_cursor_unsigned(from, UINT32_MAX);

	return from->is_bad || first != count ? -EBADMSG : 0;
}

/* An id below count. */
uint32_t dump_take_id(struct packed_cursor *from, size_t count)
{
	uint64_t id = packed_cursor_unsigned(from, UINT32_MAX);

	if (id < count)
		return (uint32_t)id;
	from->is_bad = true;
	return 0;
}

/* All 32 bits: a hostile target's first line may be INT32_MIN. */
int32_t dump_take_int32(struct packed_cursor *from)
{
	int64_t value = packed_cursor_signed(from, -(int64_t)INT32_MIN);

	if (value <= INT32_MAX)
		return (int32_t)value;
	from->is_bad = true;
	return 0;
}

uint32_t dump_take_new_or_known(struct packed_cursor *from, uint32_t *next, size_t count)
{
	uint32_t coded = dump_take_id(from, count + 1), id = coded ? coded - 1 : *next;

	if (id >= count)
		from->is_bad = true;
	if (from->is_bad)
		return 0;
	if (id >= *next)
		*next = id + 1;
	return id;
}

uint32_t dump_take_count(struct packed_cursor *from, size_t least_bytes)
{
	return (uint32_t)packed_cursor_unsigned(from,
						(uint64_t)(from->end - from->at) / least_bytes);
}

static void take_numbers(struct packed_cursor *from, size_t nr_nodes, struct dump_taken_row *rows,
			 uint32_t count)
{
	uint64_t node = 0;

	for (uint32_t i = 0; i < count; i++) {
		node = packed_cursor_step(from, node, UINT32_MAX);
		if (node >= nr_nodes)
			from->is_bad = true;
		rows[i].number = (uint32_t)node;
	}
}

#define LEAST_ROW_BYTES 2

struct dump_taken_row *dump_take_rows(struct packed_cursor *from, size_t nr_nodes, int nr_values,
				      int64_t most, uint32_t *ret_count)
{
	uint32_t count = dump_take_count(from, LEAST_ROW_BYTES);
	struct dump_taken_row *rows = xcalloc((size_t)count + 1, sizeof(*rows));

	take_numbers(from, nr_nodes, rows, count);
	for (uint32_t i = 0; i < count; i++)
		rows[i].mask = (uint32_t)packed_cursor_unsigned(from, (1U << nr_values) - 1);
	for (int value = 0; value < nr_values; value++) {
		for (uint32_t i = 0; i < count; i++) {
			if (rows[i].mask >> value & 1)
				rows[i].values[value] = packed_cursor_signed(from, most);
		}
	}
	*ret_count = count;
	return rows;
}
