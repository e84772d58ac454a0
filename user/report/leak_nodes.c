/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak_nodes.h. */
#include "leak_nodes.h"

#include "memory.h"
#include "profile_history.h"

bool *leak_nodes(const struct profile *profile)
{
	bool *nodes = xcalloc(profile->nr_nodes, sizeof(*nodes));
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, NO_PROCESS, &count);

	for (size_t i = 0; i < count; i++)
		nodes[leaks[i].node] = true;
	return nodes;
}

enum tree_metric leak_metric(const struct profile *profile)
{
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, NO_PROCESS, &count);

	for (size_t i = 0; i < count; i++) {
		if (!leaks[i].is_allocated)
			return METRIC_LIVE;
	}
	return count ? METRIC_ALLOCATED : METRIC_LIVE;
}
