/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How large the BPF side's tables are, and whether their entries are allocated when they are made
 * or all before. Every map that is larger than a few pages is decided about here.
 */
#ifndef MEMPROBE_MAP_SIZES_H
#define MEMPROBE_MAP_SIZES_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_features;
struct loader_sizes;
struct memprobe; /* the skeleton */

/* What follows from what was asked for. */
struct map_sizes {
	uint32_t max_nodes, max_sites;	 /* rows of Python, more than asked for while all calls
					    count, or lines of what allocates */
	uint32_t call_nodes, call_sites; /* of them, for calls and blocks alone */
	uint32_t nr_ids;		 /* of nodes, 0 included; a multiple of NODE_BLOCK */
	uint32_t id_run;		 /* how many ids a program takes at once */
	uint32_t ring_bytes;
	uint32_t recent_ids; /* a power of two */
};

void map_sizes_choose(const struct loader_sizes *sizes, struct map_sizes *ret);
/* Before the skeleton is loaded. */
void map_sizes_apply(const struct map_sizes *chosen, const struct loader_sizes *sizes,
		     const struct kernel_features *features, struct memprobe *skeleton);
/* The tables of who owns each page; without them no program may need them. */
void map_sizes_owners(const struct map_sizes *chosen, bool has_owners, struct memprobe *skeleton);
/* The tables of who gives pools their work. */
void map_sizes_submitters(bool has_submitters, struct memprobe *skeleton);
/* The tables of blocks of allocators; 0: none are followed. */
void map_sizes_allocs(const struct map_sizes *chosen, uint32_t max_blocks,
		      struct memprobe *skeleton);
/* Tables that unwind C stacks; 0 rows: none. */
void map_sizes_native(uint32_t rows, const struct loader_sizes *sizes, struct memprobe *skeleton);

#endif
