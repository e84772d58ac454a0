/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_export.h. */
#include "report_export.h"

#include <string.h>

#include "memory.h"
#include "terminal.h"

#define CUT_MARK "…"

static size_t cut_name(const struct report *report, const char *text, size_t length, char *ret)
{
	size_t room = REPORT_NAME_BYTES - strlen(CUT_MARK);
	size_t used = terminal_escape(text, ret, room);
	size_t size = REPORT_ESCAPED_BYTES * length + 1;
	_cleanup_(freep) char *whole = xmalloc(size);

	if (terminal_escape(text, whole, size) == used)
		return used;
	memcpy(ret + used, CUT_MARK, sizeof(CUT_MARK));
	report->remarks->nr_cut++;
	return used + strlen(CUT_MARK);
}

size_t report_name(const struct report *report, const char *text, char ret[REPORT_NAME_BYTES])
{
	size_t plain = report_plain_length(text), length;

	if (!text[plain] && plain < REPORT_NAME_BYTES) {
		memcpy(ret, text, plain + 1);
		return plain;
	}
	length = plain + strlen(text + plain);
	if (REPORT_ESCAPED_BYTES * length < REPORT_NAME_BYTES)
		return terminal_escape(text, ret, REPORT_NAME_BYTES);
	return cut_name(report, text, length, ret);
}

struct calltree *report_data_tree(const struct report *report, uint32_t process)
{
	enum tree_metric metric = report->options->tree.metric;
	struct calltree *tree = report_view_of(report, process, metric), *pruned;

	if (!report->has_min)
		return tree;
	pruned = calltree_prune(tree, report->minimum);
	calltree_free(tree);
	return pruned;
}

char *report_process_title(const struct report *report, uint32_t index)
{
	const struct process *process = &report->profile->processes[index];

	return xasprintf("%u %s", process->pid, profile_string(report->profile, process->command));
}

bool report_has_metric(const struct report *report, enum tree_metric metric)
{
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		const struct process *process = &report->profile->processes[i];
		bool is_counted = process->calls_method != CALLS_BY_NOTHING;

		if (report_includes(report, i) && calltree_has_metric(process, metric) &&
		    (metric != METRIC_CALLS || is_counted))
			return true;
	}
	return false;
}

int64_t report_stack_value(const struct report *report, const struct calltree *tree, uint32_t node,
			   const struct cost *self, enum tree_metric metric)
{
	int64_t value = metric == METRIC_CALLS ? calltree_self_calls(tree, node)
					       : metrics[metric].amount(self);

	if (value >= 0)
		return value;
	if (metric == report->options->tree.metric)
		report->remarks->negative += value;
	return 0;
}
