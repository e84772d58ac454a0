/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths that are wanted; see calltree_passes.h. */
#include "calltree_passes.h"
#include "calltree_state.h"
#include "memory.h"
#include "profile_roots.h"

/* How a path that ends with a row fares. */
enum path {
	PATH_OTHER, /* nothing on it was found */
	PATH_ABOVE, /* the same, but it leads to one that is wanted */
	PATH_WANTED,
	PATH_IGNORED,
};

static enum path path_of(const struct calltree *tree, uint32_t node, enum path above,
			 struct tree_pattern *focus, struct tree_pattern *ignore)
{
	if (above == PATH_IGNORED || (ignore && tree_pattern_finds(ignore, tree, node)))
		return PATH_IGNORED;
	if (above == PATH_WANTED || !focus || tree_pattern_finds(focus, tree, node))
		return PATH_WANTED;
	return PATH_OTHER;
}

static uint8_t *find_paths(const struct calltree *tree, struct tree_pattern *focus,
			   struct tree_pattern *ignore)
{
	uint8_t *paths = xcalloc(tree->nr_nodes + 1, sizeof(*paths));

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		uint32_t parent = tree->nodes[i].parent;

		paths[i] = path_of(tree, i, parent == NO_NODE ? PATH_OTHER : paths[parent], focus,
				   ignore);
	}
	for (uint32_t i = (uint32_t)tree->nr_nodes; i--;) {
		uint32_t parent = tree->nodes[i].parent;

		if ((paths[i] == PATH_WANTED || paths[i] == PATH_ABOVE) && parent != NO_NODE &&
		    paths[parent] == PATH_OTHER)
			paths[parent] = PATH_ABOVE;
	}
	return paths;
}

/* Is it a row of the filtered tree? What was there at the opening is on no path. */
static bool is_row(const struct tree_node *node, enum path path)
{
	return node->kind != TREE_CUT &&
	       (path == PATH_WANTED || path == PATH_ABOVE || calltree_is_opening(node));
}

/* A row that leads to one that is wanted keeps its calls: only its bytes are left out. */
static void filter_nodes(struct tree_builder *builder, const struct calltree *tree,
			 const uint8_t *paths)
{
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes + 1, sizeof(*places));

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent], payer;
		const struct cost self = calltree_self(tree, i);
		bool is_kept = is_row(node, paths[i]);

		payer = NO_NODE;
		if (is_kept)
			places[i] = calltree_copy_node(builder, tree, i, parent);
		if (is_kept && paths[i] == PATH_WANTED)
			payer = places[i];
		if (cost_is_zero(&self) && (is_kept || !node->calls))
			continue;
		if (payer == NO_NODE)
			payer = calltree_cut_root(builder->tree);
		amounts_add(&builder->tree->totals, payer, &self);
		if (!is_kept)
			calltree_add_calls(&builder->tree->nodes[payer], tree, i);
	}
}

struct calltree *calltree_filter(const struct calltree *tree, struct tree_pattern *focus,
				 struct tree_pattern *ignore)
{
	_cleanup_(freep) uint8_t *paths = find_paths(tree, focus, ignore);
	struct tree_builder builder = { .tree = calltree_like(tree) };

	filter_nodes(&builder, tree, paths);
	return calltree_finish(&builder);
}

static bool is_wanted_root(const struct calltree *tree, const struct tree_node *node,
			   const char *threads)
{
	static const uint8_t kinds[NR_TREE_KINDS] = {
		[TREE_STARTUP] = SITE_STARTUP,
		[TREE_SHUTDOWN] = SITE_SHUTDOWN,
	};
	const struct profile *profile = tree->profile;
	const struct site plain = { .kind = kinds[node->kind] };
	const struct site *site = node->site == NO_SITE ? &plain : &profile->sites[node->site];

	return profile_is_root_of(profile, site, profile->processes[tree->process].pid, threads);
}

struct calltree *calltree_keep_threads(const struct calltree *tree, const char *threads)
{
	_cleanup_(freep) uint8_t *paths = xcalloc(tree->nr_nodes + 1, sizeof(*paths));
	struct tree_builder builder = { .tree = calltree_like(tree) };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->parent != NO_NODE)
			paths[i] = paths[node->parent];
		else
			paths[i] = is_wanted_root(tree, node, threads) ? PATH_WANTED : PATH_IGNORED;
	}
	filter_nodes(&builder, tree, paths);
	return calltree_finish(&builder);
}
