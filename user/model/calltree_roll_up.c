/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of functions as rows; see calltree_passes.h. */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"

static bool is_code(const struct tree_node *node)
{
	return node->kind == TREE_PYTHON || node->kind == TREE_C;
}

uint32_t *calltree_group_sites(const struct calltree *tree, const struct code_groups *groups)
{
	size_t count = tree->profile->nr_sites;
	_cleanup_(freep) uint32_t *first = xcalloc(count + 1, sizeof(*first)); /* + 1 */
	uint32_t *sites = xcalloc(count + 1, sizeof(*sites));

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		uint32_t site = tree->nodes[i].site;

		if (is_code(&tree->nodes[i]) && !first[groups->sites[site]])
			first[groups->sites[site]] = site + 1;
	}
	for (size_t i = 0; i < count; i++)
		sites[i] = first[groups->sites[i]] - 1;
	return sites;
}

/* What rows are named by. */
struct roller {
	const struct code_groups *groups;
	const uint32_t *sites; /* of calltree_group_sites() */
};

/* Does the row above stand for this function, too? */
static bool is_of(const struct calltree *rolled, uint32_t row, const struct roller *roller,
		  const struct tree_node *node)
{
	const struct tree_node *above = row == NO_NODE ? NULL : &rolled->nodes[row];

	if (!above || !is_code(above) || !is_code(node))
		return false;
	return roller->groups->is_callers[node->site] || above->site == roller->sites[node->site];
}

static uint32_t place_node(struct tree_builder *builder, const struct roller *roller,
			   const struct calltree *tree, uint32_t index, uint32_t parent)
{
	const struct tree_node *node = &tree->nodes[index];
	uint32_t site = is_code(node) ? roller->sites[node->site] : node->site;

	if (calltree_is_opening(node) || node->kind == TREE_CUT)
		return calltree_copy_node(builder, tree, index, parent);
	if (is_of(builder->tree, parent, roller, node))
		return parent;
	return calltree_child(builder, parent, site, node->kind);
}

struct calltree *calltree_roll_up(const struct calltree *tree, const struct code_groups *groups)
{
	struct tree_builder builder = { .tree = calltree_like(tree) };
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));
	_cleanup_(freep) uint32_t *sites = calltree_group_sites(tree, groups);
	const struct roller roller = { groups, sites };

	builder.tree->groups = groups;
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		const struct cost self = calltree_self(tree, i);
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		struct tree_node *row;

		places[i] = place_node(&builder, &roller, tree, i, parent);
		row = &builder.tree->nodes[places[i]];
		if (!calltree_is_opening(node) && node->kind != TREE_CUT)
			row->calls += node->calls;
		if (node->first_ns < row->first_ns)
			row->first_ns = node->first_ns;
		amounts_add(&builder.tree->totals, places[i], &self);
	}
	return calltree_finish(&builder);
}
