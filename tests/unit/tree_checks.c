/* SPDX-License-Identifier: BSD-2-Clause */
/* See tree_checks.h. */
#include "tree_checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory.h"
#include "report.h"

void tree_checks_sums(const struct calltree *tree)
{
	struct cost all = { 0 }, nodes = { 0 };

	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct cost self = calltree_self(tree, i);

		cost_add(&all, &self);
		assert_true(tree->nodes[i].parent == NO_NODE || tree->nodes[i].parent < i);
	}
	for (size_t i = 0; i < tree->profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(tree->profile, i);

		if (tree->profile->nodes[i].process == tree->process)
			cost_add(&nodes, &cost);
	}
	assert_memory_equal(&all, &nodes, sizeof(all));
	assert_int_equal(calltree_growth(tree), cost_growth(&all));
	assert_int_equal(report_balance(tree).unexplained, 0);
}

/* Every node is reached once, below its parent. */
void tree_checks_links(const struct calltree *tree)
{
	uint32_t depth = 0, entered = 0;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];

		if (walk.is_leaving) {
			depth--;
			continue;
		}
		assert_int_equal(node->depth, depth);
		if (node->first_child != NO_NODE)
			assert_int_equal(tree->nodes[node->first_child].parent, walk.node);
		if (node->next != NO_NODE)
			assert_int_equal(tree->nodes[node->next].parent, node->parent);
		depth++;
		entered++;
	}
	assert_int_equal(entered, tree->nr_nodes);
}

void tree_checks_cuts(const struct calltree *tree)
{
	_cleanup_(freep) bool *has_cut = xcalloc(tree->nr_nodes + 1, sizeof(*has_cut));

	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		size_t parent = node->parent == NO_NODE ? tree->nr_nodes : node->parent;

		if (node->kind != TREE_CUT)
			continue;
		assert_false(has_cut[parent]);
		has_cut[parent] = true;
	}
}
