/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How low what a node holds fell, in up to 32 slots of time that double in width when the run gets
 * longer than they are: 16 s in slots of half a second, 32 s in slots of a second. What is used
 * and given back shows its low; what leaks has a low that rises in every slot. What a node has
 * allocated has a history of its own: pages tell who was the first to touch the heap, blocks who
 * keeps it. With it goes one of what it has taken in all, from which follows how much is old.
 *
 * Only nodes that have held a quarter of a MiB are kept. A history is brought up to date when its
 * node changes: in the slots between nothing happened.
 */
#ifndef MEMPROBE_PROFILE_HISTORY_H
#define MEMPROBE_PROFILE_HISTORY_H

#include "profile.h"

#define HISTORY_SLOT_NS 500000000ULL /* of one slot, not yet doubled: as often as is read */
#define HISTORY_MIN_BYTES (256 << 10)
#define HISTORY_MAX_DOUBLINGS 33 /* slots are within all times there are */

/* A node holds `after` from now on, and held `before` until then. */
void profile_note_history(struct profile *profile, uint32_t node, const struct held *before,
			  const struct held *after, uint64_t time_ns);
/* The same of what it has allocated. */
void profile_note_alloc_history(struct profile *profile, const struct node_allocs *before,
				const struct node_allocs *after, uint64_t time_ns);
/* NULL: there is none. Until the next one is added. */
struct node_history *profile_history(const struct profile *profile, uint32_t node,
				     enum history_kind kind);
/* One that was read back; the node has none of the kind yet, or it is replaced. */
void profile_set_history(struct profile *profile, const struct node_history *history);

/* Of two runs there is none. */
void profile_forget_histories(struct profile *profile);

/* A node that took more in each slot of the last third of its process's life, and never gave back.
 */
struct leak {
	uint32_t node;
	bool is_allocated; /* what is told is of blocks, not of pages */
	bool is_heap;	   /* pages that another may keep: see profile_leaks */
	int64_t live;	   /* in the end */
	int64_t grown;	   /* of it, between these, about the last third: */
	uint64_t since_ns, end_ns;
	uint64_t first_ns, last_ns; /* from when to when it grew and never fell, to a slot */
	/* Of blocks: how much of it is older than a third of the process's life, at least and at
	 * most, and how old that is. The same where the path gives nothing back. */
	int64_t older_least, older_most;
	uint64_t older_ns;
};

/*
 * Those of a process, or of all with NO_PROCESS, the one that grew most first; owned by the caller.
 * A process with less than 6 slots has none: nobody can tell. The profile is settled.
 *
 * A node that holds anonymous pages of which it and those below it have mapped less than half, the
 * heap that brk() grows left out, or that has touched more than twice of what it holds, may have
 * been the first to touch an allocator's heap that another keeps: is_heap. Where blocks were
 * followed they tell, and pages of a node that its blocks explain are not told again; but small
 * Python objects are in no block. What grows by steps, as a list's block, need not rise in each
 * slot where its pages do, if it explains them.
 */
struct leak *profile_leaks(const struct profile *profile, uint32_t process, size_t *ret_count);

#endif
