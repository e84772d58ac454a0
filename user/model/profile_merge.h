/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two profiles put together: their sum, or what one has more than the other; and many, of which
 * each process stays what it is (profile_append).
 *
 * Of a sum or a difference rows are matched by call path, paths by function: file and qualified
 * name, and first line where the file did not change. A process is matched with one of the same
 * life (two dumps of one run), else with the same command's: the first with the first, the second
 * with the second. In a difference the first processes that run Python are matched whatever their
 * commands are, because two versions of a program are compared that way. A process without a match
 * stands for itself, in a difference with all signs turned.
 *
 * All amounts, calls and books are linear: profile + other - other = profile, and of each process
 * opening + growth = books stays true. What cannot be added goes its own way:
 * - losses are added in a difference too: what either run lost is missing in it;
 * - a series of RSS belongs to one run, so that a process with a match has none, nor has the whole
 * a highest moment;
 * - what was held at the highest moment is added, each process's at its own; of one process that a
 *   sum is of there is no time of it;
 * - histories (profile_history.h) belong to one run, too;
 * - who holds memory is known of a sum and of a difference if it is of both;
 * - calls that only one of two matched processes counted are a bound of the sum and of no use in a
 *   difference.
 */
#ifndef MEMPROBE_PROFILE_MERGE_H
#define MEMPROBE_PROFILE_MERGE_H

#include "profile.h"

enum merge_sign { MERGE_SUM = 1, MERGE_DIFFERENCE = -1 };

/* Adds `other` to `profile`, or takes it away. Both are settled (profile_held.h). Sums of all
 * amounts must fit their types. */
void profile_merge(struct profile *profile, const struct profile *other, enum merge_sign sign);

/* Adds all that `other` has as processes of their own: none is matched with one of `profile`'s, and
 * functions are the same where path, name and lines are. The sum is one after profile_append_end(),
 * which looks at every node, once for all that were added.
 */
void profile_append(struct profile *profile, const struct profile *other);
void profile_append_end(struct profile *profile);

/*
 * Adds all that `other` has, of each group of its processes one process with the sums of all.
 * `leaders` says by process which it is part of: a process with a smaller number, or itself. The
 * caller owns what is returned: by process and by node of `other`, that of `profile`.
 */
void profile_append_groups(struct profile *profile, const struct profile *other,
			   const uint32_t *leaders, uint32_t **ret_processes, uint32_t **ret_nodes);

#endif
