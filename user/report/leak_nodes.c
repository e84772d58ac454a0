/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak_nodes.h. */
#include "leak_nodes.h"

#include "memory.h"
#include "profile_leaks.h"

bool *leak_nodes(const struct profile *profile)
{
	bool *nodes = xcalloc(profile->nr_nodes, sizeof(*nodes));
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, NO_PROCESS, &count);

	for (size_t i = 0; i < count; i++)
		nodes[leaks[i].node] |= leak_is_one(&leaks[i]);
	return nodes;
}

enum tree_metric leak_metric(const struct profile *profile)
{
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, NO_PROCESS, &count);
	bool has_blocks = false;

	for (size_t i = 0; i < count; i++) {
		if (leak_is_one(&leaks[i]) && !leaks[i].is_allocated)
			return METRIC_LIVE;
		has_blocks |= leak_is_one(&leaks[i]);
	}
	return has_blocks ? METRIC_ALLOCATED : METRIC_LIVE;
}
