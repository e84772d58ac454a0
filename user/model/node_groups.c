/* SPDX-License-Identifier: BSD-2-Clause */
/* A counting sort; see node_groups.h. */
#include "node_groups.h"

#include "memory.h"

static uint32_t group_of(const struct profile *profile, const uint32_t *groups, size_t node)
{
	uint32_t process = profile->nodes[node].process;

	return groups ? groups[process] : process;
}

struct node_groups node_groups_make(const struct profile *profile, const uint32_t *groups,
				    size_t nr_groups)
{
	struct node_groups made = {
		.nodes = xcalloc(profile->nr_nodes, sizeof(*made.nodes)),
		.starts = xcalloc(nr_groups + 2, sizeof(*made.starts)),
	};

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		uint32_t group = group_of(profile, groups, i);

		if (group != NO_PROCESS)
			made.starts[group + 2]++;
	}
	for (size_t group = 2; group < nr_groups + 2; group++)
		made.starts[group] += made.starts[group - 1];
	/* starts[g + 1] is where g begins, and moves to where it ends. */
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		uint32_t group = group_of(profile, groups, i);

		if (group != NO_PROCESS)
			made.nodes[made.starts[group + 1]++] = (uint32_t)i;
	}
	return made;
}

void node_groups_free(struct node_groups *groups)
{
	free(groups->nodes);
	free(groups->starts);
}
