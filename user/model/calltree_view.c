/* SPDX-License-Identifier: BSD-2-Clause */
/* The passes in their order; see calltree_view.h. */
#include "calltree_view.h"

#include "calltree_passes.h"
#include "memory.h"

struct tree_viewer {
	const struct tree_view *view;
	struct tree_pattern *focus, *ignore; /* NULL: none */
	struct code_grouping *grouping;	     /* the same */
	bool *is_machinery;		     /* by site; the same */
};

const char *tree_view_kind(size_t kind)
{
	static const char *const names[NR_KINDS] = {
		[KIND_FILE] = "file",
		[KIND_ANON] = "anon",
		[KIND_SWAP] = "swap",
		[KIND_SHMEM] = "shmem",
	};

	return kind < NR_KINDS ? names[kind] : NULL;
}

struct tree_viewer *tree_viewer_new(const struct profile *profile, const struct tree_view *view,
				    const struct label_style *style)
{
	struct tree_viewer *viewer = xcalloc(1, sizeof(*viewer));

	viewer->view = view;
	if (view->focus)
		viewer->focus = tree_pattern_new(profile, view->focus, style);
	if (view->ignore)
		viewer->ignore = tree_pattern_new(profile, view->ignore, style);
	if (view->imports || (view->by != TREE_BY_PATH && view->by != TREE_BY_TASK))
		viewer->grouping = code_grouping_new(profile,
						     view->imports ? TREE_BY_MODULE : view->by);
	if (view->imports)
		viewer->is_machinery = calltree_find_machinery(profile);
	return viewer;
}

void tree_viewer_free(struct tree_viewer *viewer)
{
	if (!viewer)
		return;
	tree_pattern_free(viewer->focus);
	tree_pattern_free(viewer->ignore);
	code_grouping_free(viewer->grouping);
	free(viewer->is_machinery);
	free(viewer);
}

/* A pass has made the next tree of the last. */
static void replace(struct calltree **tree, struct calltree *next)
{
	calltree_free(*tree);
	*tree = next;
}

/* NULL: the view has none. */
static const struct code_groups *groups_of(const struct tree_viewer *viewer,
					   const struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];

	if (!viewer->grouping)
		return NULL;
	return &viewer->grouping->groups[code_grouping_program(viewer->grouping, process)];
}

struct calltree *tree_viewer_apply(struct tree_viewer *viewer, struct calltree *tree)
{
	const struct tree_view *view = viewer->view;
	const struct code_groups *groups = groups_of(viewer, tree);

	if (view->kinds)
		calltree_keep_kinds(tree, view->kinds);
	if (view->threads)
		replace(&tree, calltree_keep_threads(tree, view->threads));
	if (viewer->focus || viewer->ignore)
		replace(&tree, calltree_filter(tree, viewer->focus, viewer->ignore));
	if (view->imports)
		replace(&tree, calltree_imports(tree, groups, viewer->is_machinery));
	else if (groups)
		replace(&tree, calltree_roll_up(tree, groups));
	else if (view->by == TREE_BY_TASK)
		replace(&tree, calltree_tasks(tree));
	if (view->is_inverted)
		replace(&tree, calltree_invert(tree, view->depth));
	if (view->depth)
		replace(&tree, calltree_limit_depth(tree, view->depth));
	return tree;
}
