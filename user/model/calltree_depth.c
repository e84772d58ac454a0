/* SPDX-License-Identifier: BSD-2-Clause */
/* The upper levels of a tree; see calltree_passes.h. */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"

struct calltree *calltree_limit_depth(const struct calltree *tree, uint32_t depth)
{
	struct tree_builder builder = { .tree = calltree_like(tree) };
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		const struct cost self = calltree_self(tree, i);

		if (node->depth < depth)
			places[i] = calltree_copy_node(&builder, tree, i, parent);
		else
			places[i] = node->depth == depth ? calltree_cut(&builder, parent) : parent;
		if (node->depth >= depth)
			calltree_add_calls(&builder.tree->nodes[places[i]], tree, i);
		amounts_add(&builder.tree->totals, places[i], &self);
	}
	return calltree_finish(&builder);
}
