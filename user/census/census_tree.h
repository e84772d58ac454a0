/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of holders while it grows: roots, and below each the types and attributes by which its
 * objects were reached. Sums are a node's own until census_tree_finish() adds up.
 */
#ifndef MEMPROBE_CENSUS_TREE_H
#define MEMPROBE_CENSUS_TREE_H

#include "census.h"
#include "census_table.h"

struct census_node {
	uint32_t parent; /* CENSUS_NO_NODE: a root; else one that was made before */
	uint32_t root;	 /* itself for a root */
	uint32_t group; /* of a root: the one that it is part of where it is too small for a row, or
			   CENSUS_NO_NODE */
	uint32_t name;
	uint8_t kind; /* enum census_holder_kind */
	uint8_t depth;
	uint64_t objects, bytes, shared_bytes;
};

struct census_tree {
	struct census_node *nodes;
	size_t count, capacity;
	struct hash_table ids; /* by parent, kind and name */
};

void census_tree_clear(struct census_tree *tree);

/* The root of a name, made when there is none yet, in a group that was made before. */
uint32_t census_tree_root(struct census_tree *tree, enum census_holder_kind kind, uint32_t name,
			  uint32_t group);

/* The node below another; that one itself where it is six levels deep, or there are too many. */
uint32_t census_tree_child(struct census_tree *tree, uint32_t parent, enum census_holder_kind kind,
			   uint32_t name);

/*
 * Adds up, and fills in the census's holders: rows with a hundredth of all bytes, depth first,
 * the largest first; what is smaller is one row of each parent, or of the root's group.
 * ret_rows (as many as there
 * are nodes) tells in which row each node is counted.
 */
void census_tree_finish(struct census_tree *tree, struct census *census, uint32_t *ret_rows);

#endif
