/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows a minimum shows, and the tree without the others; see calltree.h. */
#include "calltree_state.h"

#include "memory.h"

/* What is given back counts as what is taken. */
static bool is_above(const struct calltree *tree, const struct tree_node *node, int64_t minimum)
{
	int64_t amount = calltree_amount(tree, node);

	return (amount < 0 ? -amount : amount) > minimum;
}

uint8_t *calltree_rows(const struct calltree *tree, int64_t minimum)
{
	uint8_t *rows = xcalloc(tree->nr_nodes, sizeof(*rows));

	for (size_t i = tree->nr_nodes; i--;) {
		const struct tree_node *node = &tree->nodes[i];

		if (is_above(tree, node, minimum))
			rows[i] = ROW_SHOWN;
		if (rows[i] != ROW_HIDDEN && node->parent != NO_NODE)
			rows[node->parent] = ROW_SKIPPED;
	}
	return rows;
}

/* Deeper rows have their bytes in the rows above, too, but their calls in none. */
static bool is_filtered(const struct calltree *tree, const struct tree_node *node)
{
	return node->kind == TREE_CUT && (tree->metric != METRIC_CALLS || node->parent == NO_NODE);
}

bool calltree_has_row_above(const struct calltree *tree, int64_t minimum)
{
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (!calltree_is_opening(node) && !is_filtered(tree, node) &&
		    is_above(tree, node, minimum))
			return true;
	}
	return false;
}

static bool is_kept(const struct tree_node *node, enum tree_row row)
{
	return row == ROW_SHOWN || calltree_is_opening(node);
}

/* The cut row of a node below `parent`. */
static uint32_t cut_node(struct tree_builder *builder, enum tree_row row, uint32_t parent)
{
	if (row == ROW_HIDDEN && parent != NO_NODE && builder->tree->nodes[parent].kind == TREE_CUT)
		return parent;
	return calltree_cut(builder, parent);
}

/* The place of a node in the pruned tree below `parent`, its place there. What is hidden with all
 * that is below it needs no place of its own below a cut node. */
static uint32_t prune_node(struct tree_builder *builder, const struct calltree *tree, uint32_t node,
			   enum tree_row row, uint32_t parent)
{
	uint32_t place;

	if (is_kept(&tree->nodes[node], row))
		return calltree_copy_node(builder, tree, node, parent);
	place = cut_node(builder, row, parent);
	calltree_add_calls(&builder->tree->nodes[place], tree, node);
	return place;
}

/* Appended in the order of the walk, so that first-come order keeps whatever order there was. */
static void prune_nodes(struct tree_builder *builder, const struct calltree *tree,
			const uint8_t *rows)
{
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes, sizeof(*places));

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		struct cost self;

		if (walk.is_leaving)
			continue;
		self = calltree_self(tree, walk.node);
		places[walk.node] = prune_node(builder, tree, walk.node, rows[walk.node], parent);
		builder->tree->nodes[places[walk.node]].first_ns = 0;
		amounts_add(&builder->tree->totals, places[walk.node], &self);
	}
}

struct calltree *calltree_prune(const struct calltree *tree, int64_t minimum)
{
	_cleanup_(freep) uint8_t *rows = calltree_rows(tree, minimum);
	struct tree_builder builder = { .tree = calltree_like(tree) };

	builder.tree->sort = SORT_FIRST;
	prune_nodes(&builder, tree, rows);
	return calltree_finish(&builder);
}
