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

/* Who called it; of C the function of Python that its callers were called by. */
static uint32_t find_caller(const struct calltree *tree, uint32_t leaf)
{
	uint32_t caller = tree->nodes[leaf].parent;

	while (caller != NO_NODE && tree->nodes[caller].kind == TREE_C)
		caller = tree->nodes[caller].parent;
	return caller;
}

static bool is_nameless(const struct calltree *tree, uint32_t node)
{
	const struct profile *profile = tree->profile;

	return tree->nodes[node].kind == TREE_C &&
	       !*profile_string(profile, profile->sites[tree->nodes[node].site].name);
}

/* Of a leaf that has no name the function of C through which it was called: a stripped library's
 * addresses say little, and several paths through it would look the same. */
static uint32_t find_named(const struct calltree *tree, uint32_t leaf)
{
	uint32_t named = leaf;

	while (named != NO_NODE && is_nameless(tree, named))
		named = tree->nodes[named].parent;
	return named;
}

void report_path(const struct report *report, const struct calltree *tree, uint32_t leaf,
		 struct sink *sink)
{
	const struct tree_node *nodes = tree->nodes;
	const bool is_long = nodes[leaf].depth > MAX_WHOLE_DEPTH;
	const uint32_t caller = find_caller(tree, leaf), named = find_named(tree, leaf);
	bool after_dots = false;

	for (uint32_t node = leaf; node != NO_NODE; node = nodes[node].parent) {
		bool is_root = nodes[node].parent == NO_NODE;

		if (!is_long || node == leaf || node == caller || node == named || is_root) {
			write_label(report, tree, node, sink);
			sink_text(sink, is_root ? "" : " < ");
			after_dots = false;
		} else if (!after_dots) {
			sink_text(sink, "… < ");
			after_dots = true;
		}
	}
}
