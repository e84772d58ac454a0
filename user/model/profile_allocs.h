/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nodes have allocated, as it is measured, and what of it reports see: kept and settled as
 * what they hold is (profile_held.h). The highest moment is one of its own, that of the highest sum
 * of what is allocated; the end is the same: the runtime's finalizing, where it does.
 */
#ifndef MEMPROBE_PROFILE_ALLOCS_H
#define MEMPROBE_PROFILE_ALLOCS_H

#include "profile.h"

/* The same as `allocs` with all that is not of the process's moments left out. */
struct node_allocs allocs_now(const struct node_allocs *allocs, const struct process *process);
bool allocs_are_zero(const struct node_allocs *allocs);
/* From its beginning on, and there was room for each block; of a group each process was followed.
 */
bool allocs_are_whole(const struct process *process);
/* Frees of blocks that a path may have had unseen. There are none where the process's are whole:
 * counted were then only blocks smaller than those that are followed, and what an allocator frees
 * of its own, as glibc does when a thread ends (tcache_thread_shutdown(), malloc/malloc.c: what the
 * program has freed long before, and the cache itself). */
uint64_t allocs_unknown_frees(const struct process *process);

/* As the options say that the capture was given. */
bool allocs_were_asked_for(const struct profile_meta *meta);
/* Bytes of the smallest blocks that were followed, by the same; 0: all were. */
uint64_t allocs_least_block(const struct profile_meta *meta);

/* A part of a node's amounts is another than before: several paths of the kernel's side may be one
 * node. All began as zeroes. */
void allocs_replace(struct node_allocs *sum, const struct node_allocs *before,
		    const struct node_allocs *after);

/* NULL: it never allocated anything. Until the next profile_allocate. */
const struct node_allocs *profile_allocs(const struct profile *profile, uint32_t node);
/* To be changed, but for the number of the node. Until the next call. */
struct node_allocs *profile_allocate(struct profile *profile, uint32_t node);
/* Is it what is free in an allocator? That is no path's, however much it grows. */
bool profile_is_free_room(const struct profile *profile, uint32_t node);

/*
 * Writes the columns of all nodes. In a process with allocations their sums are process.alloc_end
 * and process.alloc_peak afterwards: what is missing, or too much, is [unowned]'s from now on, and
 * counted as a loss of the process. Nothing happens when it is called again.
 */
void profile_settle_allocs(struct profile *profile);
/* The other way round: raw amounts from columns, which were summed up, of no moment in particular.
 */
void profile_unsettle_allocs(struct profile *profile);

#endif
