/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes of a profile, parted into groups of processes. */
#ifndef MEMPROBE_NODE_GROUPS_H
#define MEMPROBE_NODE_GROUPS_H

#include "profile.h"

/* Owns its arrays; empty when zeroed. */
struct node_groups {
	uint32_t *nodes;  /* group after group, each in the profile's order */
	uint32_t *starts; /* by group: where its nodes begin; one more at the end */
};

/* `groups` has the group of each process, NO_PROCESS: its nodes are left out; NULL: each process is
 * one. */
struct node_groups node_groups_make(const struct profile *profile, const uint32_t *groups,
				    size_t nr_groups);
void node_groups_free(struct node_groups *groups);

#endif
