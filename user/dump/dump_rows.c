/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of numbers in columns: what is like each other stands together. See dump_section.h. */
#include "dump_section.h"
#include "memory.h"

#define ROWS_OF_A_SECTION 2048

static void put_columns(struct dump_encoder *encoder, const struct dump_rows *rows)
{
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, rows->count);
	for (size_t i = 0; i < rows->count; i++)
		dump_section_put_step(encoder, rows->rows[i].number);
	for (size_t i = 0; i < rows->count; i++)
		packed_bytes_put_unsigned(to, rows->rows[i].mask);
	for (int value = 0; value < rows->nr_values; value++) {
		for (size_t i = 0; i < rows->count; i++) {
			if (rows->rows[i].mask >> value & 1)
				packed_bytes_put_signed(to, rows->rows[i].values[value]);
		}
	}
}

/* How much of a section supersedes: that of nodes which the file had. */
static size_t count_known(const struct dump_encoder *encoder, const struct dump_rows *rows)
{
	size_t known = 0;

	for (size_t i = 0; i < rows->count; i++)
		known += encoder->marks->nodes.ids[rows->rows[i].number] < encoder->marks->nr_nodes;
	return known;
}

static void put_section(struct dump_encoder *encoder, struct dump_rows *rows)
{
	if (!rows->count)
		return;
	dump_section_begin(encoder, rows->tag);
	put_columns(encoder, rows);
	encoder->superseding += encoder->section.size * count_known(encoder, rows) / rows->count;
	rows->count = 0;
}

void dump_rows_add(struct dump_encoder *encoder, struct dump_rows *rows, const struct dump_row *row)
{
	struct dump_row *to;

	if (!rows->rows)
		rows->rows = xcalloc(ROWS_OF_A_SECTION, sizeof(*rows->rows));
	to = &rows->rows[rows->count++];
	*to = *row;
	to->mask = 0;
	for (int i = 0; i < rows->nr_values; i++)
		to->mask |= to->values[i] ? 1U << i : 0;
	if (rows->count == ROWS_OF_A_SECTION)
		put_section(encoder, rows);
}

void dump_rows_end(struct dump_encoder *encoder, struct dump_rows *rows)
{
	put_section(encoder, rows);
	free(rows->rows);
	rows->rows = NULL;
}
