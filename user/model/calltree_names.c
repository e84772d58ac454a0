/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the code of a row is; see calltree.h. */
#include "calltree.h"
#include "code_groups.h"

static struct tree_place place_of_group(const struct calltree *tree, const struct site *site,
					uint32_t index)
{
	const char *file = profile_string(tree->profile, site->file);
	const char *name = code_groups_name(tree->groups, index);

	switch (tree->groups->by) {
	case TREE_BY_PACKAGE:
		return (struct tree_place){ .function = name };
	case TREE_BY_MODULE:
		return (struct tree_place){ .function = name, .file = file };
	case TREE_BY_FILE:
		return (struct tree_place){ .file = file };
	default:
		return (struct tree_place){
			.file = file, .line = site->at, .at = site->at, .has_line = true
		};
	}
}

/* Grouped, it is all that is of its library. */
static struct tree_place place_of_c(const struct calltree *tree, const struct tree_node *node)
{
	const struct site *site = &tree->profile->sites[node->site];
	const char *name = tree->groups ? "" : profile_string(tree->profile, site->name);

	return (struct tree_place){
		.function = *name ? name : NULL,
		.file = profile_string(tree->profile, site->file),
	};
}

struct tree_place calltree_place(const struct calltree *tree, const struct tree_node *node)
{
	const struct site *site;

	if (node->kind == TREE_C)
		return place_of_c(tree, node);
	if (node->kind != TREE_PYTHON)
		return (struct tree_place){ 0 };
	site = &tree->profile->sites[node->site];
	if (tree->groups)
		return place_of_group(tree, site, node->site);
	return (struct tree_place){
		.function = profile_string(tree->profile, site->name),
		.file = profile_string(tree->profile, site->file),
		.line = site->line,
		.at = site->at,
		.has_line = true,
	};
}
