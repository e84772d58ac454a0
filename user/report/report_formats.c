/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry of formats; see report.h. */
#include "report.h"

#include <string.h>

#include "memory.h"

static const struct reporter *const reporters[] = {
	&report_tree,	   &report_table,      &report_json,  &report_jsonl, &report_csv,
	&report_collapsed, &report_speedscope, &report_pprof, &report_html
};

const char *report_format(size_t index)
{
	return index < ARRAY_SIZE(reporters) ? reporters[index]->name : NULL;
}

const struct reporter *report_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reporters); i++) {
		if (!strcmp(reporters[i]->name, name))
			return reporters[i];
	}
	return NULL;
}
