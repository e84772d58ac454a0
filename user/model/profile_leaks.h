/* SPDX-License-Identifier: BSD-2-Clause */
/* Which nodes kept growing all through the last third of a process's life, by their histories. */
#ifndef MEMPROBE_PROFILE_LEAKS_H
#define MEMPROBE_PROFILE_LEAKS_H

#include "leak.h"
#include "profile.h"

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
 *
 * None is what would not come to 256 KiB in the whole life, as fast as it grew in the last third;
 * what grew by less than a hundredth of a sure leak of the process is LEAK_SLIGHT: blocks that a
 * library keeps for itself and hands on.
 *
 * What a process as a whole did bounds its leaks: see leak_exchange.h.
 */
struct leak *profile_leaks(const struct profile *profile, uint32_t process, size_t *ret_count);

#endif
