/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Columns of numbers, each of which a browser reads into a typed array: its size in bytes (32
 * bits), then zigzag varints.
 */
#ifndef MEMPROBE_HTML_TABLE_H
#define MEMPROBE_HTML_TABLE_H

#include "json_writer.h"

#define HTML_MAX_COLUMNS 24

/* Owns its values. */
struct html_table {
	const char *names[HTML_MAX_COLUMNS];
	bool is_step[HTML_MAX_COLUMNS]; /* each number is written as its step from the last */
	int64_t *columns[HTML_MAX_COLUMNS];
	size_t nr_columns, nr_rows, capacity;
};

void html_table_free(struct html_table *table);
/* A value for each column; returns the row's number. */
uint32_t html_table_add(struct html_table *table, const int64_t *values);
/* As a member of an object: how many rows, and by column its name, what its numbers are to be
 * multiplied by, and whether they are steps. */
void html_table_describe(const struct html_table *table, const char *key, struct json_writer *json);
void html_table_write(const struct html_table *table, struct sink *sink);

#endif
