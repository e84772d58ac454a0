/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks as roots; see calltree_passes.h. An event loop calls every task from one place, so that by
 * path all that they do lies below it (`Handle._run`; of loops written in C whoever runs the
 * loop). What a task awaits stands below it on the interpreter's stack, so its outermost coroutine
 * tells the task, whichever loop runs it. Not of what runs when an exception is thrown into a task
 * of 3.9 or before (bpf/shadow.h): to 3.8 nothing shows that those who await are missing.
 */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"

static bool is_coroutine(const struct calltree *tree, const struct tree_node *node)
{
	return node->kind == TREE_PYTHON && tree->profile->sites[node->site].is_coroutine;
}

/* 3.9 knows no caller of the coroutine that an exception was passed through last. */
static bool has_lost_task(const struct calltree *tree, const struct tree_node *node)
{
	return is_coroutine(tree, node) && tree->profile->sites[node->site].version == 0x0309 &&
	       (node->parent == NO_NODE || tree->nodes[node->parent].kind != TREE_PYTHON);
}

/* `in_task`: by node of `tree`, is it within a task? */
static uint32_t place_node(struct tree_builder *builder, const struct calltree *tree,
			   uint32_t index, uint32_t parent, bool *in_task)
{
	const struct tree_node *node = &tree->nodes[index];
	uint32_t row;

	if (calltree_is_opening(node) || node->kind == TREE_CUT)
		return calltree_copy_node(builder, tree, index, parent);
	in_task[index] = node->parent != NO_NODE && in_task[node->parent];
	if (in_task[index] || !is_coroutine(tree, node))
		return calltree_merge_node(builder, node, parent);
	in_task[index] = true; /* or below what cannot be told */
	if (has_lost_task(tree, node))
		return calltree_merge_node(builder, node, parent);
	row = calltree_merge_node(builder, node, NO_NODE);
	builder->tree->nodes[row].is_task = true;
	return row;
}

struct calltree *calltree_tasks(const struct calltree *tree)
{
	struct tree_builder builder = { .tree = calltree_like(tree) };
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));
	_cleanup_(freep) bool *in_task = xcalloc(tree->nr_nodes + 1, sizeof(*in_task));

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		const struct cost self = calltree_self(tree, i);
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		struct tree_node *row;

		places[i] = place_node(&builder, tree, i, parent, in_task);
		row = &builder.tree->nodes[places[i]];
		if (!calltree_is_opening(node) && node->kind != TREE_CUT)
			row->calls += node->calls;
		row->is_own |= node->is_own;
		row->is_other |= node->is_other;
		amounts_add(&builder.tree->totals, places[i], &self);
	}
	return calltree_finish(&builder);
}
