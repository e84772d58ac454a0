/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a page, each once: functions, and the labels that rows have, which are functions
 * with the objects that they ran on.
 */
#ifndef MEMPROBE_HTML_ROWS_H
#define MEMPROBE_HTML_ROWS_H

#include "code_groups.h"
#include "html_table.h"
#include "report.h"

#define HTML_MERGED NR_TREE_KINDS /* kind of a row that stands for many */

/* Owns all but the report. */
struct html_rows {
	const struct report *report;
	struct code_grouping *modules, *packages;
	struct string_pool strings;
	struct html_table functions, labels;
	struct hash_table by_site, by_name, by_label; /* the first: by site and program */
};

void html_rows_init(struct html_rows *ret, const struct report *report);
void html_rows_free(struct html_rows *rows);
/* Which label a row has. */
uint32_t html_rows_label(struct html_rows *rows, const struct calltree *tree, uint32_t node);
/* That of rows put together. */
uint32_t html_rows_merged(struct html_rows *rows);
/* As members of an object; the numbers of the two tables follow elsewhere. */
void html_rows_describe(const struct html_rows *rows, struct json_writer *json);

#endif
