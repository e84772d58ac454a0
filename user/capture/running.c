/* SPDX-License-Identifier: BSD-2-Clause */
/* See running.h. */
#include "running.h"

#include <stdlib.h>

static int compare_rss(const void *a, const void *b)
{
	const struct running *first = a, *second = b;

	return (first->rss < second->rss) - (first->rss > second->rss);
}

size_t running_find(const struct profile *profile, struct running *ret)
{
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (process->end == END_RUNNING)
			ret[count++] = (struct running){ i, rss_of(process->kernel) };
	}
	if (count)
		qsort(ret, count, sizeof(*ret), compare_rss);
	return count;
}
