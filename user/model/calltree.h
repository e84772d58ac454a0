/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of one process as reports show it, made from the profile's nodes: import machinery
 * folded, rows named that no site stands for, totals summed, siblings in order.
 * The profile is only read, and outlives what is made here.
 */
#ifndef MEMPROBE_CALLTREE_H
#define MEMPROBE_CALLTREE_H

#include "profile.h"

#define NO_SITE UINT32_MAX

/* What a row is. Names as in JSON: calltree_kind_name. */
enum tree_kind {
	TREE_PYTHON,
	TREE_STARTUP,
	TREE_SHUTDOWN,
	TREE_NATIVE,
	TREE_KERNEL,
	TREE_TRUNCATED,
	TREE_INHERITED, /* memory there at the fork; no growth */
	TREE_BEFORE,	/* memory there at the attach; no growth */
	TREE_UNOWNED,
	TREE_DEEPER,
	TREE_CUT, /* what a filter hides */
	TREE_LOST,
	NR_TREE_KINDS,
};

const char *calltree_kind_name(enum tree_kind kind);

/* Order of siblings; the larger growth first, equals by first call. */
enum tree_sort { SORT_FIRST, SORT_TOTAL, SORT_SELF };

struct tree_options {
	enum tree_sort sort;
	bool import_frames; /* keep the import machinery */
};

/* Parents have smaller indices than their children. */
struct tree_node {
	uint32_t parent;      /* NO_NODE: a root */
	uint32_t first_child; /* NO_NODE: none */
	uint32_t next;	      /* sibling, NO_NODE: the last */
	uint32_t depth;	      /* 0: a root */
	uint32_t site;	      /* NO_SITE: no site stands for it */
	enum tree_kind kind;
	uint64_t first_ns;
	int64_t opening; /* bytes that TREE_INHERITED and TREE_BEFORE show; 0 else */
	struct cost self, total;
};

/* Owns its nodes and the name. */
struct calltree {
	const struct profile *profile;
	uint32_t process;
	struct tree_node *nodes;
	size_t nr_nodes, nodes_capacity;
	uint32_t first_root; /* NO_NODE: an empty tree */
	char *native_name;   /* the main thread's, when the process runs no Python; else NULL */
};

/* What the trees of all processes of a profile share: nodes by process, folded sites. */
struct tree_source;

struct tree_source *calltree_source_new(const struct profile *profile,
					const struct tree_options *options);
void calltree_source_free(struct tree_source *source);

struct calltree *calltree_new(const struct tree_source *source, uint32_t process);
void calltree_free(struct calltree *tree);
void calltree_freep(struct calltree **tree);

/* Growth of all rows: what the process gained since its opening. */
int64_t calltree_growth(const struct calltree *tree);
/* Bytes that the row shows: total growth, or what was there at the opening. */
int64_t calltree_shown_bytes(const struct tree_node *node);

/* How a row fares under a minimum. */
enum tree_row {
	ROW_HIDDEN,  /* and so is all below it */
	ROW_SKIPPED, /* hidden, with a shown row somewhere below */
	ROW_SHOWN,
};

/* One enum tree_row a node; shown are rows with more than min_bytes. The caller frees it. */
uint8_t *calltree_rows(const struct calltree *tree, int64_t min_bytes);
/* Has it a row with more growth than min_bytes? What was there at the opening does not count. */
bool calltree_has_growth_above(const struct calltree *tree, int64_t min_bytes);

/* A copy in which what is not above min_bytes is one TREE_CUT node a parent; shown rows below a
 * hidden one hang below that node, as deep as they were. Sums are kept. */
struct calltree *calltree_prune(const struct calltree *tree, int64_t min_bytes);

/* Depth-first, each node once on the way down and once on the way up; no recursion. */
struct tree_walk {
	const struct calltree *tree;
	uint32_t node; /* NO_NODE: over */
	bool is_leaving;
};

struct tree_walk calltree_walk(const struct calltree *tree);
void calltree_walk_next(struct tree_walk *walk);
/* The next step leaves the node without visiting its children. */
void calltree_walk_skip(struct tree_walk *walk);

#endif
