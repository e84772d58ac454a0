/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether paths that kept growing only took the place of what others gave back meanwhile, as a
 * cache does that is full: of its entries that were there at an attach or a fork, or that another
 * path had made, one goes for each that comes, and the process does not grow.
 *
 * All paths together can have leaked no more than the process grew by: what rose, less what fell.
 * As fallen counts only a row that never rose in the last third, and in both halves of it, so that
 * neither what comes and goes nor what is given back once hides a leak. Room that is free in an
 * allocator is nobody's that gives back.
 */
#ifndef MEMPROBE_LEAK_EXCHANGE_H
#define MEMPROBE_LEAK_EXCHANGE_H

#include "leak.h"
#include "profile.h"

struct leak_exchange;

/* Of a process, or of all with NO_PROCESS; free() it. */
struct leak_exchange *leak_exchange_new(const struct profile *profile, uint32_t process);
/* What became of the others while it grew; LEAK_IN_BLOCKS is not among it. */
enum leak_beside leak_exchange_judge(const struct profile *profile,
				     const struct leak_exchange *exchange, const struct leak *leak);

/* Marks those pages that the edges of others' blocks, which are told, explain: LEAK_IN_BLOCKS.
 * Whole pages of blocks are their path's, what is at the edges belongs to who touched it first. */
void leak_exchange_find_edges(const struct profile *profile, struct leak *leaks, size_t count);

#endif
