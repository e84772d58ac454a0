/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_path.h. */
#include "report_path.h"

#include "memory.h"

#define MAX_WHOLE_DEPTH 3 /* of a path that is shown as a whole */

static void write_label(const struct report *report, const struct calltree *tree, uint32_t node,
			struct sink *sink)
{
	_cleanup_(freep) char *label = label_text(&report->labels, tree, node);

	report_escaped(sink, label);
}

void report_path(const struct report *report, const struct calltree *tree, uint32_t leaf,
		 struct sink *sink)
{
	const struct tree_node *nodes = tree->nodes;
	const bool is_long = nodes[leaf].depth > MAX_WHOLE_DEPTH;
	uint32_t step = 0;

	for (uint32_t node = leaf; node != NO_NODE; node = nodes[node].parent, step++) {
		bool is_root = nodes[node].parent == NO_NODE;

		if (is_long && step > 2 && !is_root)
			continue;
		if (is_long && step == 2)
			sink_text(sink, "…");
		else
			write_label(report, tree, node, sink);
		if (!is_root)
			sink_text(sink, " < ");
	}
}
