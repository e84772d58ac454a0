/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of calltree have in common, private to them: a tree while it grows, in whole from
 * a profile (calltree_build.c) or in part from another tree (calltree_minimum.c).
 */
#ifndef MEMPROBE_CALLTREE_STATE_H
#define MEMPROBE_CALLTREE_STATE_H

#include "calltree.h"
#include "node_groups.h"

/* Owns its arrays. */
struct tree_source {
	const struct profile *profile;
	struct tree_options options;
	bool *is_folded;	   /* by site */
	struct node_groups groups; /* by process */
	uint32_t *tree_node;	   /* by profile node: the tree node that it was mapped to */
	bool *is_runner; /* by site: a frame of a program that runs others; NULL: none matters */
	bool *is_interpreter, *is_c_library; /* by site of C: of which file; the same */
	bool *has_folded; /* by profile node: children of folded nodes come to its row, too */
	bool *is_kept;	  /* by profile node: chosen by options.only, or above one; NULL: all */
};
/* A tree while it grows. */
struct tree_builder {
	const struct tree_source *source;
	struct calltree *tree;
	struct hash_table children; /* (parent, site or kind) to tree node */
	struct hash_table objects;  /* (tree node, object), or (tree node, native thread's site) */
	uint32_t *levels;	    /* by profile node: folded frames above it, its own counted */
};
/* ---- calltree.c ---- */

/* A fresh node below `parent`, the last of its children. */
uint32_t calltree_append(struct calltree *tree, uint32_t parent, enum tree_kind kind);
/* The child of `parent` with this site, or of this kind when one row stands for all of that kind.
 */
uint32_t calltree_child(struct tree_builder *builder, uint32_t parent, uint32_t site,
			enum tree_kind kind);
/* From each row's own amounts, which the columns have at first, to its total. */
void calltree_sum(struct calltree *tree);

/* ---- calltree_copy.c ---- */

/* An empty tree of the same process. */
struct calltree *calltree_like(const struct calltree *tree);
/* The same row below `parent`, which is of the tree that grows; without its amounts. */
uint32_t calltree_copy_node(struct tree_builder *builder, const struct calltree *tree,
			    uint32_t source, uint32_t parent);
/* The same, and one with what is there of this site or kind; its calls are left to the caller. */
uint32_t calltree_merge_node(struct tree_builder *builder, const struct tree_node *node,
			     uint32_t parent);
/* The one root that stands for all that filters leave out. */
uint32_t calltree_cut_root(struct calltree *tree);
/* The row of what is left out below a row; NO_NODE: that root. */
uint32_t calltree_cut(struct tree_builder *builder, uint32_t parent);
/* From each row's own amounts to totals and order. Returns the builder's tree. */
struct calltree *calltree_finish(struct tree_builder *builder);

/* ---- calltree_fold.c ---- */

/* By site: is it a frame of what runs programs and tests, rather than of one? The caller frees it,
 * and those that follow. */
bool *calltree_find_runners(const struct profile *profile);
/* Is it a function of C of the interpreter's own file, or of the C library? */
bool *calltree_find_interpreters(const struct profile *profile);
bool *calltree_find_c_libraries(const struct profile *profile);

/* Is a node's row its parent's? */
bool calltree_folds(const struct tree_source *source, const struct node *node);

/* ---- calltree_amounts.c ---- */

/* Does it stand for what was there at the opening? */
bool calltree_is_opening(const struct tree_node *node);

/* The calls that a row of a tree has by itself go to a row of the tree that grows. */
void calltree_add_calls(struct tree_node *row, const struct calltree *tree, uint32_t node);
/* The same of a node that would be part of the row `like`, had it not been left out. */
void calltree_add_cut_calls(struct tree_node *row, const struct calltree *tree,
			    const struct tree_node *like, int64_t calls);
/* A row's calls are the sum of such ones, too: one that may be more makes a sum that may be. */
void calltree_join_calls(struct tree_node *row, enum tree_calls calls);

/* ---- calltree_order.c ---- */

/* Links siblings in their order, those of `keep` only; NULL: all. */
void calltree_link(struct calltree *tree, enum tree_sort sort, const bool *keep);

#endif
