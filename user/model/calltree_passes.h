/* SPDX-License-Identifier: BSD-2-Clause */
/* The passes that a view is made of, each in the file of its name; private to calltree_view.c. */
#ifndef MEMPROBE_CALLTREE_PASSES_H
#define MEMPROBE_CALLTREE_PASSES_H

#include "calltree_view.h"

/* ---- calltree_kinds.c ---- */

/* Only these kinds of memory stay in the rows, in place; the others are a root of the kind
 * TREE_CUT. Swap, which is in no RSS, counts as if it were when it is one of them. */
void calltree_keep_kinds(struct calltree *tree, uint32_t kinds);

/* ---- calltree_pattern.c ---- */

/* Which rows a regular expression finds: by label, by name or by file. */
struct tree_pattern;

struct tree_pattern *tree_pattern_new(const struct profile *profile, const regex_t *regex,
				      const struct label_style *style);
void tree_pattern_free(struct tree_pattern *pattern);
bool tree_pattern_finds(struct tree_pattern *pattern, const struct calltree *tree, uint32_t node);

/* ---- calltree_filter.c ---- */

/* Paths with a row that `focus` finds and none that `ignore` finds; either may be NULL. What others
 * have is one root of the kind TREE_CUT. */
struct calltree *calltree_filter(const struct calltree *tree, struct tree_pattern *focus,
				 struct tree_pattern *ignore);

/* Only roots that are these threads, parted by commas, and what is below; the same. */
struct calltree *calltree_keep_threads(const struct calltree *tree, const char *threads);

/* ---- calltree_roll_up.c ---- */

/* Rows are groups of functions: what calls another of its group is one row with it. */
/* By site: the first of its group that the tree has, which its rows are named by: that of the whole
 * profile may be of a file that no process of the tree has run. The caller frees it. */
uint32_t *calltree_group_sites(const struct calltree *tree, const struct code_groups *groups);
struct calltree *calltree_roll_up(const struct calltree *tree, const struct code_groups *groups);

/* ---- calltree_tasks.c ---- */

/* The outermost coroutine of a path is a root, the same of all paths one. What is in none stays. */
struct calltree *calltree_tasks(const struct calltree *tree);

/* ---- calltree_imports.c ---- */

/* Rows are imports of modules, below each what it imports in turn. What no import has taken is a
 * root of the kind TREE_CUT. */
struct calltree *calltree_imports(const struct calltree *tree, const struct code_groups *groups,
				  const bool *is_machinery);

/* ---- calltree_depth.c ---- */

/* So many levels of rows; what is deeper is a row of the kind TREE_CUT below the last. */
struct calltree *calltree_limit_depth(const struct calltree *tree, uint32_t depth);

/* ---- calltree_invert.c ---- */

/* Callers below what they called: a root for each row that has something by itself, its total what
 * that has on all paths. Callers further away than `depth` are not looked for, 0: all are. */
struct calltree *calltree_invert(const struct calltree *tree, uint32_t depth);

#endif
