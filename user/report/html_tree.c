/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_tree.h. */
#include "html_tree.h"

#include "memory.h"

#define NS_PER_MS 1000000

/* By row of the tree; owned by html_tree_add. */
struct tree_state {
	struct html_page *page;
	const struct calltree *tree;
	bool *keep;
	uint32_t *places;   /* in the columns */
	int64_t *calls;	    /* of it and all below */
	uint32_t *nr_below; /* it and all below */
};

/* None where JSON has none. */
static int64_t known_calls(const struct tree_state *state, const struct tree_node *node)
{
	return calltree_function_calls(state->tree, node) == CALLS_UNKNOWN ? 0
									   : (int64_t)node->calls;
}

static void sum_up(struct tree_state *state)
{
	for (size_t row = state->tree->nr_nodes; row-- > 0;) {
		const struct tree_node *node = &state->tree->nodes[row];

		state->calls[row] += known_calls(state, node);
		state->nr_below[row]++;
		if (node->parent == NO_NODE)
			continue;
		state->calls[node->parent] += state->calls[row];
		state->nr_below[node->parent] += state->nr_below[row];
	}
}

static void set_parent(const struct tree_state *state, uint32_t parent, struct html_row *row)
{
	if (parent != NO_NODE)
		row->fields[HTML_PARENT] = (int64_t)(state->page->columns.table.nr_rows -
						     state->places[parent]);
}

static void add_row(struct tree_state *state, uint32_t index)
{
	const struct tree_node *node = &state->tree->nodes[index];
	struct html_row row = { .self = calltree_self(state->tree, index) };

	state->places[index] = (uint32_t)state->page->columns.table.nr_rows;
	set_parent(state, node->parent, &row);
	row.fields[HTML_LABEL] = html_rows_label(&state->page->rows, state->tree, index);
	row.fields[HTML_FIRST_MS] = (int64_t)(node->first_ns / NS_PER_MS);
	row.fields[HTML_CALLS] = known_calls(state, node);
	row.fields[HTML_CALLS_KIND] = calltree_function_calls(state->tree, node);
	html_columns_add(&state->page->columns, &row);
}

/* One row for those of these siblings that are left out. */
static void add_merged(struct tree_state *state, uint32_t parent, uint32_t first)
{
	struct html_row row = { 0 };

	for (uint32_t i = first; i != NO_NODE; i = state->tree->nodes[i].next) {
		const struct cost total = calltree_total(state->tree, i);

		if (state->keep[i])
			continue;
		cost_add(&row.self, &total);
		row.fields[HTML_CALLS] += state->calls[i];
		row.fields[HTML_MERGED_ROWS] += state->nr_below[i];
	}
	if (!row.fields[HTML_MERGED_ROWS])
		return;
	set_parent(state, parent, &row);
	row.fields[HTML_LABEL] = html_rows_merged(&state->page->rows);
	row.fields[HTML_CALLS_KIND] = row.fields[HTML_CALLS] && !state->tree->is_difference
					      ? CALLS_BOUND
					      : CALLS_UNKNOWN;
	html_columns_add(&state->page->columns, &row);
}

static void walk(struct tree_state *state)
{
	const struct calltree *tree = state->tree;
	struct tree_walk walk = calltree_walk(tree);

	for (; walk.node != NO_NODE; calltree_walk_next(&walk)) {
		if (!state->keep[walk.node])
			calltree_walk_skip(&walk);
		else if (!walk.is_leaving)
			add_row(state, walk.node);
		else
			add_merged(state, walk.node, tree->nodes[walk.node].first_child);
	}
	add_merged(state, NO_NODE, tree->first_root);
}

void html_tree_add(struct html_page *page, const struct calltree *tree)
{
	struct tree_state state = {
		.page = page,
		.tree = tree,
		.keep = html_cut_keep(&page->cut, tree),
		.places = xcalloc(tree->nr_nodes, sizeof(*state.places)),
		.calls = xcalloc(tree->nr_nodes, sizeof(*state.calls)),
		.nr_below = xcalloc(tree->nr_nodes, sizeof(*state.nr_below)),
	};

	sum_up(&state);
	walk(&state);
	free(state.keep);
	free(state.places);
	free(state.calls);
	free(state.nr_below);
}
