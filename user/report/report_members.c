/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_members.h. */
#include "report_members.h"

#include <stdlib.h>

#include "memory.h"

/* A process is born, or goes. */
struct turn {
	uint64_t time_ns;
	int64_t bytes; /* its peak, less than 0 where it goes */
};

/* Of one moment births come first: together they may have been. */
static int compare_turns(const void *left, const void *right)
{
	const struct turn *a = left, *b = right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

static int64_t highest_sum(struct turn *turns, size_t count)
{
	int64_t sum = 0, highest = 0;

	qsort(turns, count, sizeof(*turns), compare_turns);
	for (size_t i = 0; i < count; i++) {
		sum += turns[i].bytes;
		if (sum > highest)
			highest = sum;
	}
	return highest;
}

struct members_height report_members_height(const struct report *report, uint32_t group)
{
	const struct profile *profile = report->original;
	_cleanup_(freep) struct turn *turns = xcalloc(2 * profile->nr_processes, sizeof(*turns));
	struct members_height height = { 0 };
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];
		bool is_over = process->end != END_RUNNING && process->end_ns > process->start_ns;

		if (report_group(report, i) != group)
			continue;
		if (process->peak > height.highest)
			height.highest = process->peak;
		turns[count++] = (struct turn){ process->start_ns, process->peak };
		turns[count++] = (struct turn){ is_over ? process->end_ns : UINT64_MAX,
						-process->peak };
	}
	/* Times of several captures, merged, are no one clock's: there is no highest moment then.
	 */
	if (profile->highest.bytes)
		height.together = highest_sum(turns, count);
	return height;
}
