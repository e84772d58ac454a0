/* SPDX-License-Identifier: BSD-2-Clause */
/* What the trees of all processes share, found once for a profile; see calltree.h. */
#include "calltree_state.h"

#include "memory.h"

/* Which rows get the children of folded nodes. `tree_node` serves as room for the nearest node that
 * is not folded: a node itself, or an ancestor. */
static void find_gathering(struct tree_source *source)
{
	const struct profile *profile = source->profile;
	uint32_t *nearest = source->tree_node;

	source->has_folded = xcalloc(profile->nr_nodes, sizeof(*source->has_folded));
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		nearest[i] = (uint32_t)i;
		if (!calltree_folds(source, node))
			continue;
		nearest[i] = node->parent == NO_NODE ? NO_NODE : nearest[node->parent];
		if (nearest[i] != NO_NODE)
			source->has_folded[nearest[i]] = true;
	}
}

/* The caller frees it. */
static bool *find_kept(const struct profile *profile, const bool *only)
{
	bool *is_kept = xcalloc(profile->nr_nodes, sizeof(*is_kept));

	for (size_t i = profile->nr_nodes; i--;) {
		const uint32_t parent = profile->nodes[i].parent;

		is_kept[i] |= only[i];
		if (is_kept[i] && parent != NO_NODE)
			is_kept[parent] = true;
	}
	return is_kept;
}

struct tree_source *calltree_source_new(const struct profile *profile,
					const struct tree_options *options)
{
	struct tree_source *source = xcalloc(1, sizeof(*source));

	source->profile = profile;
	source->options = *options;
	if (!options->import_frames)
		source->is_folded = calltree_find_machinery(profile);
	if (options->folds) {
		source->is_runner = calltree_find_runners(profile);
		source->is_interpreter = calltree_find_interpreters(profile);
		source->is_c_library = calltree_find_c_libraries(profile);
	}
	source->groups = node_groups_make(profile, NULL, profile->nr_processes);
	source->tree_node = xcalloc(profile->nr_nodes, sizeof(*source->tree_node));
	find_gathering(source);
	if (options->only)
		source->is_kept = find_kept(profile, options->only);
	return source;
}

void calltree_source_free(struct tree_source *source)
{
	if (!source)
		return;
	free(source->is_folded);
	free(source->is_runner);
	free(source->is_interpreter);
	free(source->is_c_library);
	node_groups_free(&source->groups);
	free(source->tree_node);
	free(source->has_folded);
	free(source->is_kept);
	free(source);
}
