/* SPDX-License-Identifier: BSD-2-Clause */
/* A node that kept growing: what profile_leaks() tells of it. */
#ifndef MEMPROBE_LEAK_H
#define MEMPROBE_LEAK_H

#include <stdbool.h>
#include <stdint.h>

/* What became of the rest of the process meanwhile, so that a path that grew may be no leak. */
enum leak_beside {
	LEAK_ALONE,	     /* others gave back less than half as much */
	LEAK_BESIDE_FALL,    /* or more: it may have taken their place */
	LEAK_BESIDE_UNKNOWN, /* so many blocks that nobody had followed were freed: the same */
	LEAK_REPLACES,	     /* the process did not grow by half as much: it took their place */
	LEAK_IN_BLOCKS,	     /* its pages are explained by blocks of other paths, which are told */
	LEAK_SLIGHT,	     /* less than a hundredth of what another leaks, which is told */
};

/* A node that took more in each slot of the last third of its process's life, and never gave back.
 */
struct leak {
	uint32_t node;
	bool is_allocated; /* what is told is of blocks, not of pages */
	bool is_heap;	   /* pages that another may keep: see profile_leaks */
	enum leak_beside beside;
	int64_t live;  /* in the end */
	int64_t grown; /* of it, between these, about the last third: */
	uint64_t since_ns, end_ns;
	/* Of it, between these, to a slot: it never fell, and grew about as fast as in the last
	 * third. What it held before is a table, or a cache that had become full. */
	int64_t risen;
	uint64_t first_ns, last_ns;
	/* Of blocks: how much of it is older than a third of the process's life, at least and at
	 * most, and how old that is. The same where the path gives nothing back. */
	int64_t older_least, older_most;
	uint64_t older_ns;
};

/* Those that took others' place, lie in others' blocks, or are next to nothing beside another, are
 * none as far as can be known. */
bool leak_is_one(const struct leak *leak);

#endif
