/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nodes hold, as it is measured, and what of it reports see.
 *
 * A node's amounts at the process's highest moment change when *other* nodes make a new one: then
 * they are what the node holds now. So they are kept as the kernel's side keeps them (wire.h,
 * struct wire_held): with the number of the moment that they are of, and of another moment they say
 * nothing. To settle is to bring them up to date, as the columns `live` and `peak` of its cost. The
 * raw amounts stay, so that measuring, or reading a dump, can go on.
 */
#ifndef MEMPROBE_PROFILE_HELD_H
#define MEMPROBE_PROFILE_HELD_H

#include "profile.h"

/* The same as `held` with all that is not of the process's moments left out. */
struct held held_now(const struct held *held, const struct process *process);
bool held_is_zero(const struct held *held);

/* A part of a node's amounts is another than before: several paths of the kernel's side may be one
 * node. All began as zeroes. */
void held_replace(struct held *sum, const struct held *before, const struct held *after);

/* NULL: it never held anything. Until the next profile_hold. */
const struct held *profile_held(const struct profile *profile, uint32_t node);
/* To be changed. Until the next call. */
struct held *profile_hold(struct profile *profile, uint32_t node);

/*
 * Writes the columns of all nodes, and those of what they have allocated (profile_allocs.h). In a
 * process with owners their sums are process.live and
 * process.peak_held afterwards: what is missing, or too much, is [unowned]'s from now on, and
 * counted as a loss of the process. Nothing happens when it is called again.
 */
void profile_settle(struct profile *profile);

/* The other way round: raw amounts from columns, which were summed up, of no moment in particular.
 */
void profile_unsettle(struct profile *profile);

#endif
