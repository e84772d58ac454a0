/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How low what a node holds fell, in up to 32 slots of time that double in width when the run gets
 * longer than they are: 16 s in slots of half a second, 32 s in slots of a second. What is used
 * and given back shows its low; what leaks has a low that rises in every slot. What a node has
 * allocated has a history of its own: pages tell who was the first to touch the heap, blocks who
 * keeps it. With it goes one of what it has taken in all, from which follows how much is old.
 * Lows are of all the time, not only of the moments in which the BPF side's nodes are read.
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

/* From one look at a node to the next. */
struct history_step {
	uint64_t since_ns, time_ns;
	int64_t fallen; /* how many bytes less than in the end it had at the least */
};

/* A node holds `after` now, and held `before` at the last look and for as long as it had not
 * changed. */
void profile_note_history(struct profile *profile, uint32_t node, const struct held *before,
			  const struct held *after, const struct history_step *step);
/* The same of what it has allocated. */
void profile_note_alloc_history(struct profile *profile, const struct node_allocs *before,
				const struct node_allocs *after, const struct history_step *step);
/* NULL: there is none. Until the next one is added. */
struct node_history *profile_history(const struct profile *profile, uint32_t node,
				     enum history_kind kind);
/* One that was read back; the node has none of the kind yet, or it is replaced. */
void profile_set_history(struct profile *profile, const struct node_history *history);

/* Of two runs there is none. */
void profile_forget_histories(struct profile *profile);

static inline int64_t history_lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

uint64_t history_width(const struct node_history *history); /* of a slot, in ns */
/* Until `time_ns` it was `held`. Returns whether a slot more was begun. */
bool history_bring_up(struct node_history *history, int64_t held, uint64_t time_ns);

#endif
