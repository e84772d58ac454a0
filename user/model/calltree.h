/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of one process as reports show it, made from the profile's nodes: import machinery
 * folded, rows named that no site stands for, totals summed, siblings in order.
 * The profile is only read, and outlives what is made here.
 */
#ifndef MEMPROBE_CALLTREE_H
#define MEMPROBE_CALLTREE_H

#include "metric.h"
#include "profile.h"

#define NO_SITE UINT32_MAX

/* What a row is. Names as in JSON: calltree_kind_name. */
enum tree_kind {
	TREE_PYTHON,
	TREE_STARTUP,
	TREE_SHUTDOWN,
	TREE_NATIVE,
	TREE_THREAD, /* with --threads: what it runs is below */
	TREE_KERNEL,
	TREE_TRUNCATED,
	TREE_INHERITED, /* memory there at the fork; no growth */
	TREE_BEFORE,	/* memory there at the attach; no growth */
	TREE_UNOWNED,
	TREE_FREE, /* within blocks that were given back to malloc */
	TREE_DEEPER,
	TREE_CUT, /* what a filter hides */
	TREE_LOST,
	TREE_C, /* with --native: a function that is no Python, below one that is */
	NR_TREE_KINDS,
};

const char *calltree_kind_name(enum tree_kind kind);

/* Order of siblings; the larger of the metric first, or of the calls, equals by first call. */
enum tree_sort { SORT_FIRST, SORT_TOTAL, SORT_SELF, SORT_CALLS };

/* Names in the order of enum tree_sort; NULL behind the last. */
const char *calltree_sort_name(size_t sort);

struct tree_options {
	enum tree_sort sort;
	enum tree_metric metric; /* what a minimum counts, and what rows are sorted by */
	bool import_frames;	 /* keep the import machinery */
	bool folds;		 /* recursion is one row, frames of a runner below each other too */
	bool is_difference;	 /* of two profiles: rows are left out of which, and of all below,
				  * nothing differs */
	const bool *only; /* by profile node: what others cost is one row, TREE_CUT, but for the
			   * calls of those above; NULL: all count; borrowed */
};

/* Parents have smaller indices than their children. A dump may have a million: what a row has grown
 * stands in columns (struct calltree), and by itself it has grown its total less its children's. */
struct tree_node {
	uint32_t parent;       /* NO_NODE: a root */
	uint32_t first_child;  /* NO_NODE: none */
	uint32_t next;	       /* sibling, NO_NODE: the last */
	uint32_t depth;	       /* 0: a root */
	uint32_t site;	       /* NO_SITE: no site stands for it */
	uint8_t kind;	       /* enum tree_kind */
	bool is_crowded;       /* it ran on more objects than nr_objects */
	bool is_one_class;     /* all of them are of one name */
	bool is_own, is_other; /* of a difference: whose path it is (enum node_origin) */
	bool is_task;	       /* the outermost coroutine, with what it awaits and calls below */
	bool is_inferred;      /* native threads below the path that they are taken to work for */
	bool is_searched;      /* its children are found by their sites: two nodes may be one row */
	uint32_t object;       /* one of those that a method ran on, NO_OBJECT: none is known */
	uint32_t nr_objects;   /* distinct ones */
	uint32_t nr_folded;    /* frames on the deepest path that are in the row beside its own */
	bool has_recursed;     /* they are calls of the function by itself */
	uint32_t nr_threads;   /* of a row that is inferred: names of threads that it stands for */
	uint64_t first_ns;
	/* Of TREE_PYTHON and TREE_DEEPER, as far as they were counted; 0 else. In an inverted tree
	 * those of the root through the callers down to this row. Of TREE_CUT those known of all
	 * rows that it stands for. */
	int64_t calls;
	uint8_t summed_calls; /* enum tree_calls of what `calls` is the sum of, where it is one */
};

/* Owns its nodes and the name. */
struct code_groups;
struct calltree {
	const struct profile *profile;
	uint32_t process;
	enum tree_metric metric;
	enum tree_sort sort;
	bool is_difference; /* of two profiles: rows without one are left out */
	bool is_chosen;	    /* of chosen nodes: rows that only others have are left out */
	bool is_inverted;   /* callers below what they called: calls are totals, as amounts are */
	struct tree_node *nodes;
	size_t nr_nodes, nodes_capacity;
	struct amounts totals; /* by node */
	uint32_t first_root;   /* NO_NODE: an empty tree */
	uint32_t opening_node; /* of TREE_INHERITED or TREE_BEFORE, NO_NODE: there is none */
	int64_t opening;       /* bytes that were there then; no growth */
	const struct code_groups *groups; /* NULL: rows are functions; borrowed (code_groups.h) */
	uint32_t cut_root; /* row + 1 of all that filters leave out, 0: there is none yet */
	char *native_name; /* the main thread's, when the process runs no Python; else NULL */
};

/* What the trees of all processes of a profile share: nodes by process, folded sites. */
struct tree_source;

/* By site: is it of the machinery that imports modules? The caller frees it. */
bool *calltree_find_machinery(const struct profile *profile);

struct tree_source *calltree_source_new(const struct profile *profile,
					const struct tree_options *options);
void calltree_source_free(struct tree_source *source);

struct calltree *calltree_new(const struct tree_source *source, uint32_t process);
/* By another metric than the source's. */
struct calltree *calltree_new_by(const struct tree_source *source, uint32_t process,
				 enum tree_metric metric);
/* Which row a node of the profile is part of, in the tree of its process that was made last. */
uint32_t calltree_row_of(const struct tree_source *source, uint32_t node);
void calltree_free(struct calltree *tree);
void calltree_freep(struct calltree **tree);

struct cost calltree_total(const struct calltree *tree, uint32_t node);
struct cost calltree_self(const struct calltree *tree, uint32_t node);

/* Where the code of a row is; of C its file is the library's. */
struct tree_place {
	const char *function, *file; /* NULL: there is none */
	int32_t line, at;	     /* of the function; that is executed, 0: any */
	bool has_line;
};

struct tree_place calltree_place(const struct calltree *tree, const struct tree_node *node);

/* Growth of all rows: what the process gained since its opening. */
int64_t calltree_growth(const struct calltree *tree);
/* What a minimum counts: the row's total, of calls those of the row alone. */
int64_t calltree_amount(const struct calltree *tree, const struct tree_node *node);
/* Bytes that the row shows: its total of the metric, or of that which stands beside a number, with
 * what was there at the opening. */
int64_t calltree_shown_bytes(const struct calltree *tree, const struct tree_node *node);
/* The same of the node by itself. */
int64_t calltree_self_bytes(const struct calltree *tree, const struct tree_node *node);

/* Was what the metric needs followed in the process? */
bool calltree_has_metric(const struct process *process, enum tree_metric metric);

/* What a row of a difference is: the word for it. */
const char *calltree_change(const struct calltree *tree, const struct tree_node *node);

/* What a row's calls are. */
enum tree_calls {
	CALLS_UNKNOWN, /* nothing was counted, or the row is no function */
	CALLS_BOUND,   /* there may have been more */
	CALLS_EXACT,
};

enum tree_calls calltree_calls(const struct calltree *tree, const struct tree_node *node);
/* The same for sums by function: in an inverted tree a caller's row has the calls of another. */
enum tree_calls calltree_function_calls(const struct calltree *tree, const struct tree_node *node);
/* Of the calls those that no row below has, too: over all rows they add up to what was called; 0
 * where they are not known. */
int64_t calltree_self_calls(const struct calltree *tree, uint32_t node);

/* How a row fares under a minimum. */
enum tree_row {
	ROW_HIDDEN,  /* and so is all below it */
	ROW_SKIPPED, /* hidden, with a shown row somewhere below */
	ROW_SHOWN,
};

/* One enum tree_row a node; shown are rows with more than `minimum` of the metric, in bytes or
 * calls. The caller frees it. */
uint8_t *calltree_rows(const struct calltree *tree, int64_t minimum);
/* Has it a row with more than the minimum? What was there at the opening, and what
 * a filter left out, does not count; calls of rows that are too deep do. */
bool calltree_has_row_above(const struct calltree *tree, int64_t minimum);

/* A copy in which what is not above the minimum is one TREE_CUT node a parent; shown rows below a
 * hidden one hang below that node, as deep as they were. Sums are kept. */
struct calltree *calltree_prune(const struct calltree *tree, int64_t minimum);

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
