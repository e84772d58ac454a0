/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that do the same shown as one: the workers of a pool or a server. Of one are those that
 * began alike with one command and the same Python, where there are more than three. What one
 * process executes after the other are entries of their own, and still one process.
 */
#ifndef MEMPROBE_PROFILE_GROUP_H
#define MEMPROBE_PROFILE_GROUP_H

#include "profile.h"

#define MAX_UNGROUPED 3

/* Owns everything. */
struct profile_groups {
	struct profile *profile; /* each group is its first process, with the sums of all;
				  * nr_members of it says how many */
	uint32_t *processes;	 /* by process of the original: that of `profile` */
	uint32_t *nodes;	 /* by node of the original: that of `profile` */
	uint32_t *origins;	 /* by process of `profile`: the first of its members */
};

/* By entry of a profile: the first of its process, where an exec made it another. The caller frees
 * it. */
uint32_t *profile_first_images(const struct profile *profile);

/* NULL: there is no group. Borrows what the profile says of the run, and outlives it not. The
 * profile is settled (profile_held.h). */
struct profile_groups *profile_group(const struct profile *profile);
void profile_groups_free(struct profile_groups *groups);
void profile_groups_freep(struct profile_groups **groups);

#endif
