/* SPDX-License-Identifier: BSD-2-Clause */
/* What a row has grown, released, called; see calltree.h. */
#include "calltree_state.h"

bool calltree_is_opening(const struct tree_node *node)
{
	return node->kind == TREE_INHERITED || node->kind == TREE_BEFORE;
}

bool calltree_has_metric(const struct process *process, enum tree_metric metric)
{
	switch (metrics[metric].need) {
	case NEEDS_OWNERS:
		return process->has_owners;
	case NEEDS_MAPPED:
		return process->has_mapped;
	case NEEDS_UNSHARED:
		return process->has_unshared;
	case NEEDS_ALLOCS:
		return process->has_allocs;
	default:
		return true;
	}
}

static uint32_t index_of(const struct calltree *tree, const struct tree_node *node)
{
	return (uint32_t)(node - tree->nodes);
}

struct cost calltree_total(const struct calltree *tree, uint32_t node)
{
	return amounts_get(&tree->totals, node);
}

struct cost calltree_self(const struct calltree *tree, uint32_t node)
{
	struct cost self = amounts_get(&tree->totals, node);

	for (uint32_t child = tree->nodes[node].first_child; child != NO_NODE;
	     child = tree->nodes[child].next) {
		const struct cost total = amounts_get(&tree->totals, child);

		cost_subtract(&self, &total);
	}
	return self;
}

static int64_t bytes_of(const struct calltree *tree, const struct tree_node *node,
			const struct cost *cost)
{
	const struct metric *metric = &metrics[metric_of_bytes(tree->metric)];
	bool has_opening = metric->counts_opening && index_of(tree, node) == tree->opening_node;

	return metric->amount(cost) + (has_opening ? tree->opening : 0);
}

int64_t calltree_shown_bytes(const struct calltree *tree, const struct tree_node *node)
{
	const struct cost total = calltree_total(tree, index_of(tree, node));

	return bytes_of(tree, node, &total);
}

int64_t calltree_self_bytes(const struct calltree *tree, const struct tree_node *node)
{
	const struct cost self = calltree_self(tree, index_of(tree, node));

	return bytes_of(tree, node, &self);
}

/* Is it a line of a function other than the first, where its calls stand? */
static bool is_inside(const struct calltree *tree, const struct tree_node *node)
{
	const struct site *site;

	if (node->kind != TREE_PYTHON || tree->groups)
		return false;
	site = &tree->profile->sites[node->site];
	return site->at && site->at != site->line;
}

static enum tree_calls calls_of_run(const struct calltree *tree, const struct tree_node *node)
{
	const struct process *process = &tree->profile->processes[tree->process];
	bool is_function = node->kind == TREE_PYTHON || (node->kind == TREE_DEEPER && node->calls);

	if (node->kind == TREE_CUT)
		return node->summed_calls;
	if (process->calls_method == CALLS_BY_NOTHING || !is_function || is_inside(tree, node))
		return CALLS_UNKNOWN;
	if (tree->is_inverted)
		return node->summed_calls;
	if (process->calls_seen == CALLS_SEEN_ENDS)
		return node->kind == TREE_PYTHON && !tree->groups &&
				       !tree->profile->sites[node->site].is_resumable
			       ? CALLS_EXACT
			       : CALLS_BOUND;
	return process->calls_seen == CALLS_SEEN_ALL ? CALLS_EXACT : CALLS_BOUND;
}

/* One lower bound less another is a bound of nothing. What was left out is no function: its calls
 * are told to who asked for calls. */
enum tree_calls calltree_calls(const struct calltree *tree, const struct tree_node *node)
{
	enum tree_calls calls = calls_of_run(tree, node);

	if (node->kind == TREE_CUT && tree->metric != METRIC_CALLS)
		return CALLS_UNKNOWN;
	return calls == CALLS_BOUND && tree->is_difference ? CALLS_UNKNOWN : calls;
}

enum tree_calls calltree_function_calls(const struct calltree *tree, const struct tree_node *node)
{
	return tree->is_inverted && node->parent != NO_NODE ? CALLS_UNKNOWN
							    : calltree_calls(tree, node);
}

int64_t calltree_self_calls(const struct calltree *tree, uint32_t node)
{
	const struct tree_node *row = &tree->nodes[node];
	int64_t calls = row->calls;

	if (!tree->is_inverted && row->kind != TREE_CUT)
		return calltree_calls(tree, row) == CALLS_UNKNOWN ? 0 : calls;
	if (!tree->is_inverted)
		return calls;
	for (uint32_t child = tree->nodes[node].first_child; child != NO_NODE;
	     child = tree->nodes[child].next)
		calls -= tree->nodes[child].calls;
	return calls;
}

void calltree_add_calls(struct tree_node *row, const struct calltree *tree, uint32_t node)
{
	row->calls += calltree_self_calls(tree, node);
	calltree_join_calls(row, tree->is_inverted ? tree->nodes[node].summed_calls
						   : calls_of_run(tree, &tree->nodes[node]));
}

void calltree_add_cut_calls(struct tree_node *row, const struct calltree *tree,
			    const struct tree_node *like, int64_t calls)
{
	struct tree_node alone = *like;

	alone.calls = calls;
	if (calls_of_run(tree, &alone) != CALLS_UNKNOWN)
		row->calls += calls;
	calltree_join_calls(row, calls_of_run(tree, &alone));
}

void calltree_join_calls(struct tree_node *row, enum tree_calls calls)
{
	if (calls != CALLS_UNKNOWN && (row->summed_calls == CALLS_UNKNOWN || calls == CALLS_BOUND))
		row->summed_calls = calls;
}

int64_t calltree_amount(const struct calltree *tree, const struct tree_node *node)
{
	if (tree->metric == METRIC_CALLS)
		return node->calls;
	return calltree_shown_bytes(tree, node);
}

int64_t calltree_growth(const struct calltree *tree)
{
	int64_t growth = 0;

	for (uint32_t root = tree->first_root; root != NO_NODE; root = tree->nodes[root].next) {
		const struct cost total = calltree_total(tree, root);

		growth += cost_growth(&total);
	}
	return growth;
}

const char *calltree_change(const struct calltree *tree, const struct tree_node *node)
{
	int64_t amount = calltree_amount(tree, node);

	if (node->is_own != node->is_other)
		return node->is_own ? "new" : "gone";
	return amount > 0 ? "grown" : amount < 0 ? "shrunk" : "same";
}
