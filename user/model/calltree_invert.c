/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callers below what they called; see calltree_passes.h.
 *
 * Each row that has something by itself becomes a chain: itself as a root, below it its caller, and
 * so on; chains share rows as far as they are alike. The amount stands at the chain's end and so in
 * the total of each of its rows. So do the calls, which are those of the root's function through
 * these callers.
 *
 * A tree of n rows may have chains of n rows each: when there are MAX_ROWS, or a chain is
 * longer than any stack, the callers that are left are a row of the kind TREE_CUT.
 */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"

#define MAX_ROWS (4U << 20)
#define MAX_CHAIN (MAX_FRAMES + 16)

/* Returns the chain's last row. */
static uint32_t add_chain(struct tree_builder *builder, const struct calltree *tree, uint32_t leaf,
			  uint32_t depth)
{
	uint32_t row = NO_NODE, length = 0;

	for (uint32_t node = leaf; node != NO_NODE; node = tree->nodes[node].parent) {
		if (depth && length > depth)
			break;
		if (++length > MAX_CHAIN || builder->tree->nr_nodes >= MAX_ROWS)
			return calltree_cut(builder, row);
		row = calltree_merge_node(builder, &tree->nodes[node], row);
	}
	return row;
}

struct calltree *calltree_invert(const struct calltree *tree, uint32_t depth)
{
	struct tree_builder builder = { .tree = calltree_like(tree) };

	builder.tree->is_inverted = true;
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		const struct cost self = calltree_self(tree, i);
		uint32_t row;

		if (calltree_is_opening(node) || node->kind == TREE_CUT) {
			row = calltree_copy_node(&builder, tree, i, NO_NODE); /* on no path */
			amounts_add(&builder.tree->totals, row, &self);
			continue;
		}
		if (cost_is_zero(&self) && !node->calls)
			continue;
		row = add_chain(&builder, tree, i, depth);
		calltree_add_calls(&builder.tree->nodes[row], tree, i);
		amounts_add(&builder.tree->totals, row, &self);
	}
	return calltree_finish(&builder);
}
