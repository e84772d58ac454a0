/* SPDX-License-Identifier: BSD-2-Clause */
/* What passes have in common that make a tree of a tree; see calltree_state.h. */
#include "calltree_state.h"

#include "memory.h"

struct calltree *calltree_like(const struct calltree *tree)
{
	struct calltree *copy = xcalloc(1, sizeof(*copy));

	copy->profile = tree->profile;
	copy->process = tree->process;
	copy->metric = tree->metric;
	copy->sort = tree->sort;
	copy->is_difference = tree->is_difference;
	copy->is_chosen = tree->is_chosen;
	copy->is_inverted = tree->is_inverted;
	copy->groups = tree->groups;
	copy->opening_node = NO_NODE;
	copy->opening = tree->opening;
	copy->native_name = tree->native_name ? xstrdup(tree->native_name) : NULL;
	return copy;
}

uint32_t calltree_copy_node(struct tree_builder *builder, const struct calltree *tree,
			    uint32_t source, uint32_t parent)
{
	const struct tree_node *node = &tree->nodes[source];
	struct tree_node *copy;
	uint32_t index;

	if (node->kind == TREE_CUT) {
		index = calltree_cut(builder, parent);
		calltree_add_calls(&builder->tree->nodes[index], tree, source);
		return index;
	}
	index = calltree_append(builder->tree, parent, node->kind);
	copy = &builder->tree->nodes[index];
	if (calltree_is_opening(node))
		builder->tree->opening_node = index;
	copy->site = node->site;
	copy->calls = tree->is_inverted ? calltree_self_calls(tree, source) : node->calls;
	copy->summed_calls = node->summed_calls;
	copy->object = node->object;
	copy->nr_objects = node->nr_objects;
	copy->is_crowded = node->is_crowded;
	copy->is_one_class = node->is_one_class;
	copy->first_ns = node->first_ns;
	copy->is_own = node->is_own;
	copy->is_other = node->is_other;
	copy->is_task = node->is_task;
	copy->is_inferred = node->is_inferred;
	copy->nr_threads = node->nr_threads;
	return index;
}

uint32_t calltree_merge_node(struct tree_builder *builder, const struct tree_node *node,
			     uint32_t parent)
{
	size_t before = builder->tree->nr_nodes;
	uint32_t index = calltree_child(builder, parent, node->site, node->kind);
	struct tree_node *row = &builder->tree->nodes[index];

	if (builder->tree->nr_nodes > before) {
		row->object = node->object;
		row->nr_objects = node->nr_objects;
		row->is_crowded = node->is_crowded;
		row->is_one_class = node->is_one_class;
	} else if (row->object != node->object || row->nr_objects != node->nr_objects) {
		/* Of other paths on other objects: their number is not known any more. */
		row->object = NO_OBJECT;
		row->nr_objects = 0;
	}
	row->is_task |= node->is_task;
	row->is_inferred |= node->is_inferred;
	if (node->nr_threads > row->nr_threads)
		row->nr_threads = node->nr_threads;
	if (node->first_ns < row->first_ns)
		row->first_ns = node->first_ns;
	return index;
}

uint32_t calltree_cut_root(struct calltree *tree)
{
	if (!tree->cut_root) {
		calltree_append(tree, NO_NODE, TREE_CUT);
		tree->cut_root = (uint32_t)tree->nr_nodes;
	}
	return tree->cut_root - 1;
}

uint32_t calltree_cut(struct tree_builder *builder, uint32_t parent)
{
	if (parent == NO_NODE)
		return calltree_cut_root(builder->tree);
	return calltree_child(builder, parent, NO_SITE, TREE_CUT);
}

/* Rows of which something was counted, or of one below; before the totals are summed up. The caller
 * frees it. */
static bool *find_counted(const struct calltree *tree)
{
	bool *is_counted = xcalloc(tree->nr_nodes, sizeof(*is_counted));

	for (size_t i = tree->nr_nodes; i--;) {
		const struct cost own = amounts_get(&tree->totals, i);

		is_counted[i] |= tree->nodes[i].calls || !cost_is_zero(&own) ||
				 (i == tree->opening_node && tree->opening);
		if (is_counted[i] && tree->nodes[i].parent != NO_NODE)
			is_counted[tree->nodes[i].parent] = true;
	}
	return is_counted;
}

struct calltree *calltree_finish(struct tree_builder *builder)
{
	bool leaves_out = builder->tree->is_difference || builder->tree->is_chosen;
	_cleanup_(freep) bool *is_counted = leaves_out ? find_counted(builder->tree) : NULL;

	hash_table_free(&builder->children);
	hash_table_free(&builder->objects);
	calltree_sum(builder->tree);
	calltree_link(builder->tree, builder->tree->sort, is_counted);
	return builder->tree;
}
