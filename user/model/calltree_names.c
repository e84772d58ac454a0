/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the code of a row is; see calltree.h. */
#include "calltree.h"

struct tree_place calltree_place(const struct calltree *tree, const struct tree_node *node)
{
	const struct site *site;

	if (node->kind != TREE_PYTHON)
		return (struct tree_place){ 0 };
	site = &tree->profile->sites[node->site];
	return (struct tree_place){
		.function = profile_string(tree->profile, site->name),
		.file = profile_string(tree->profile, site->file),
		.line = site->line,
		.at = site->at,
		.has_line = true,
	};
}
