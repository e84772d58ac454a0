/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_columns.h. */
#include "html_columns.h"

#include <string.h>

#include "memory.h"
#include "report_export.h"

_Static_assert(NR_HTML_FIELDS + NR_METRICS <= HTML_MAX_COLUMNS, "a table has room for all");

/* Growth is what was grown less what was released. */
static bool is_sent(const struct report *report, enum tree_metric metric)
{
	return metrics[metric].title && metrics[metric].amount && metric != METRIC_GROWTH &&
	       report_has_metric(report, metric);
}

void html_columns_init(struct html_columns *ret, const struct report *report)
{
	static const char *const names[] = {
		[HTML_PARENT] = "parent",  [HTML_LABEL] = "label",
		[HTML_FIRST_MS] = "first", [HTML_MERGED_ROWS] = "merged",
		[HTML_CALLS] = "calls",	   [HTML_CALLS_KIND] = "calls_kind",
	};

	*ret = (struct html_columns){ 0 };
	memcpy(ret->table.names, names, sizeof(names));
	ret->table.is_step[HTML_LABEL] = true;
	ret->table.is_step[HTML_FIRST_MS] = true;
	for (int metric = 0; metric < NR_METRICS; metric++) {
		if (!is_sent(report, metric))
			continue;
		ret->table.names[NR_HTML_FIELDS + ret->nr_metrics] = metrics[metric].name;
		ret->metrics[ret->nr_metrics++] = metric;
	}
	ret->table.nr_columns = NR_HTML_FIELDS + ret->nr_metrics;
}

void html_columns_free(struct html_columns *columns)
{
	html_table_free(&columns->table);
}

uint32_t html_columns_add(struct html_columns *columns, const struct html_row *row)
{
	int64_t values[HTML_MAX_COLUMNS];

	memcpy(values, row->fields, sizeof(row->fields));
	for (size_t i = 0; i < columns->nr_metrics; i++)
		values[NR_HTML_FIELDS + i] = metrics[columns->metrics[i]].amount(&row->self);
	return html_table_add(&columns->table, values);
}
