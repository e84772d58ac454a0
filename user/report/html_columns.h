/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rows of a page have: columns of a table (html_table.h). */
#ifndef MEMPROBE_HTML_COLUMNS_H
#define MEMPROBE_HTML_COLUMNS_H

#include "html_table.h"
#include "report.h"

/* Those before the metrics. */
enum html_field {
	HTML_PARENT, /* how many rows before this one; 0: a root */
	HTML_LABEL,
	HTML_FIRST_MS,	  /* when it was first seen */
	HTML_MERGED_ROWS, /* how many it stands for, 0: itself */
	HTML_CALLS,
	HTML_CALLS_KIND, /* enum tree_calls */
	NR_HTML_FIELDS,
};

/* What a row has by itself. */
struct html_row {
	int64_t fields[NR_HTML_FIELDS];
	struct cost self;
};

/* Owns its table. */
struct html_columns {
	enum tree_metric metrics[NR_METRICS];
	size_t nr_metrics;
	struct html_table table;
};

/* Of all metrics that were followed in what is asked for. */
void html_columns_init(struct html_columns *ret, const struct report *report);
void html_columns_free(struct html_columns *columns);
/* Returns the row's number. */
uint32_t html_columns_add(struct html_columns *columns, const struct html_row *row);

#endif
