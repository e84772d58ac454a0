/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_table.h. */
#include "html_table.h"

#include "memory.h"
#include "packed_bytes.h"

#define PAGE_BYTES 4096 /* most amounts are whole pages */

void html_table_free(struct html_table *table)
{
	for (size_t i = 0; i < table->nr_columns; i++)
		free(table->columns[i]);
}

static void reserve(struct html_table *table)
{
	size_t capacity = table->capacity;

	for (size_t i = 0; i < table->nr_columns; i++) {
		table->capacity = capacity;
		table->columns[i] = array_reserve(table->columns[i], &table->capacity,
						  table->nr_rows + 1, sizeof(int64_t));
	}
}

uint32_t html_table_add(struct html_table *table, const int64_t *values)
{
	reserve(table);
	for (size_t i = 0; i < table->nr_columns; i++)
		table->columns[i][table->nr_rows] = values[i];
	return (uint32_t)table->nr_rows++;
}

static int64_t scale_of(const struct html_table *table, size_t column)
{
	for (size_t i = 0; i < table->nr_rows; i++) {
		if (table->columns[column][i] % PAGE_BYTES)
			return 1;
	}
	return PAGE_BYTES;
}

void html_table_describe(const struct html_table *table, const char *key, struct json_writer *json)
{
	json_writer_key(json, key);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "rows", (int64_t)table->nr_rows);
	json_writer_key(json, "columns");
	json_writer_begin_array(json);
	for (size_t i = 0; i < table->nr_columns; i++) {
		json_writer_begin_array(json);
		json_writer_string(json, table->names[i]);
		json_writer_integer(json, scale_of(table, i));
		json_writer_bool(json, table->is_step[i]);
		json_writer_end_array(json);
	}
	json_writer_end_array(json);
	json_writer_end_object(json);
}

static void pack(const struct html_table *table, size_t column, struct packed_bytes *ret)
{
	int64_t scale = scale_of(table, column), last = 0;

	for (size_t row = 0; row < table->nr_rows; row++) {
		int64_t value = table->columns[column][row] / scale;

		packed_bytes_put_signed(ret, value - last);
		last = table->is_step[column] ? value : 0;
	}
}

void html_table_write(const struct html_table *table, struct sink *sink)
{
	for (size_t i = 0; i < table->nr_columns; i++) {
		struct packed_bytes packed = { 0 };
		uint8_t size[sizeof(uint32_t)];

		pack(table, i, &packed);
		packed_store32(size, (uint32_t)packed.size);
		sink_bytes(sink, size, sizeof(size));
		sink_bytes(sink, packed.bytes, packed.size);
		packed_bytes_free(&packed);
	}
}
