/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown of a tree, and how it is put together: passes over struct calltree, one a file,
 * each of which makes a tree of a tree and keeps every sum. What a pass leaves out is a row of the
 * kind TREE_CUT.
 */
#ifndef MEMPROBE_CALLTREE_VIEW_H
#define MEMPROBE_CALLTREE_VIEW_H

#include <regex.h>

#include "code_groups.h"
#include "label.h"

/* Zeroed is the tree as it is. */
struct tree_view {
	const regex_t *focus, *ignore; /* of paths; NULL: none; borrowed */
	const char *threads; /* parted by commas: names or numbers of those whose roots are wanted;
				NULL */
	uint32_t kinds;	 /* of memory that count, a bit for each enum wire_kind; 0: all but swap */
	uint32_t depth;	 /* levels of rows; 0: all */
	enum tree_by by; /* what a row is */
	bool imports; /* rows are imports: calltree_imports.c; the tree has the machinery's frames
		       */
	bool is_inverted;
};

/* Names in the order of enum wire_kind; NULL behind the last. */
const char *tree_view_kind(size_t kind);

/* What the trees of a profile share while a view is made of them. */
struct tree_viewer;

/* Borrows all three. */
struct tree_viewer *tree_viewer_new(const struct profile *profile, const struct tree_view *view,
				    const struct label_style *style);
void tree_viewer_free(struct tree_viewer *viewer);
/* The view of a tree, which is freed or is the view itself. */
struct calltree *tree_viewer_apply(struct tree_viewer *viewer, struct calltree *tree);

#endif
