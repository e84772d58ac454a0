/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of functions as rows; see calltree_passes.h. */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"

/* Does the row above stand for this function, too? */
static bool is_of(const struct calltree *rolled, uint32_t row, const struct code_groups *groups,
		  const struct tree_node *node)
{
	const struct tree_node *above = row == NO_NODE ? NULL : &rolled->nodes[row];

	if (!above || above->kind != TREE_PYTHON || node->kind != TREE_PYTHON)
		return false;
	return groups->is_made[node->site] || above->site == groups->sites[node->site];
}

static uint32_t place_node(struct tree_builder *builder, const struct code_groups *groups,
			   const struct tree_node *node, uint32_t parent)
{
	uint32_t site = node->kind == TREE_PYTHON ? groups->sites[node->site] : node->site;

	if (calltree_is_opening(node) || node->kind == TREE_CUT)
		return calltree_copy_node(builder, node, parent);
	if (is_of(builder->tree, parent, groups, node))
		return parent;
	return calltree_child(builder, parent, site, node->kind);
}

struct calltree *calltree_roll_up(const struct calltree *tree, const struct code_groups *groups)
{
	struct tree_builder builder = { .tree = calltree_like(tree) };
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));

	builder.tree->groups = groups;
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		const struct cost self = calltree_self(tree, i);
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		struct tree_node *row;

		places[i] = place_node(&builder, groups, node, parent);
		row = &builder.tree->nodes[places[i]];
		if (!calltree_is_opening(node))
			row->calls += node->calls;
		if (node->first_ns < row->first_ns)
			row->first_ns = node->first_ns;
		amounts_add(&builder.tree->totals, places[i], &self);
	}
	return calltree_finish(&builder);
}
