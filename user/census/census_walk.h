/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reaching objects from roots, breadth first: each is counted once, in the node of the root from
 * which it is reached first. Roots are put in the queue by others (census_roots.h), in the order in
 * which they are to be preferred.
 */
#ifndef MEMPROBE_CENSUS_WALK_H
#define MEMPROBE_CENSUS_WALK_H

#include "census_count.h"
#include "census_refs.h"
#include "census_tree.h"

struct census_walk {
	struct census_classes *classes;
	struct census_table *table;
	struct census_count *count;
	struct census_names *names;
	struct census_tree tree;
	uint32_t *queue; /* entries of objects that may refer to others */
	size_t first, end, capacity;
	uint64_t max_bytes; /* of table and queue */
	bool is_cut;
	struct hash_table lost; /* addresses of what would be objects if it could be read */
	bool is_quiet;		/* further references to what is counted already share nothing */
	/* While an object's references are told: */
	uint32_t node;
};

void census_walk_clear(struct census_walk *walk);

/* What census_refs.h needs to tell this walk of words: a reference to something of no name is
 * counted below `walk->node` by its type, or there itself with CENSUS_IS_NAMES. */
struct census_refs census_walk_refs(struct census_walk *walk);

/* Counts the object at a word in a node, and what it refers to below: unless it is none, or has
 * been counted. true: it is one. */
bool census_walk_put(struct census_walk *walk, uint64_t word, uint32_t node);
/* The same, and its names are attributes of what the node is of. */
bool census_walk_put_names(struct census_walk *walk, uint64_t word, uint32_t node);

/* The same of a word that nobody knows the meaning of. */
bool census_walk_put_found(struct census_walk *walk, uint64_t word, uint32_t node);

/* Follows all references of what is in the queue. */
void census_walk_run(struct census_walk *walk);

#endif
