/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that are on no row of their own. A call of a path that found no room in the tables stands
 * on the [deeper] row of its nearest caller that has one, and one without even that is counted as
 * lost. Nobody knows which rows lack them, so all numbers of the process are bounds.
 */
#ifndef MEMPROBE_PROFILE_CALLS_H
#define MEMPROBE_PROFILE_CALLS_H

#include "profile.h"

/* Says so of each process that has such calls, with the reason and the loss calls_unplaced. Nothing
 * happens when it is called again. Not for a difference, whose numbers are none of calls. */
void profile_judge_calls(struct profile *profile);

/* Are there calls without a row of their own that larger tables would have given one? Else it was
 * the ring buffer or the kernel's memory that was short. */
bool losses_ask_for_rows(const struct loss_count losses[NR_LOSSES]);

#endif
