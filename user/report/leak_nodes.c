/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak_nodes.h. */
#include "leak_nodes.h"

#include "memory.h"
#include "profile_history.h"

bool *leak_nodes(const struct profile *profile)
{
	bool *nodes = xcalloc(profile->nr_nodes, sizeof(*nodes));

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		size_t count;
		_cleanup_(freep) struct leak *leaks = profile_leaks(profile, i, &count);

		for (size_t k = 0; k < count; k++)
			nodes[leaks[k].node] = true;
	}
	return nodes;
}
