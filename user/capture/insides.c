/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One after the other, as long as there is time; see insides.h. Who asks waits meanwhile, and so do
 * the records of what goes on: the ring holds those of a second.
 */
#include "insides.h"

#include <stdlib.h>

#include "clock.h"
#include "heap_cure.h"
#include "inspect_heap.h"
#include "memory.h"

#define ALL_NS 1000000000ULL
#define ONE_NS 500000000ULL

struct running {
	uint32_t process;
	int64_t rss;
};

static int compare_rss(const void *a, const void *b)
{
	const struct running *first = a, *second = b;

	return (first->rss < second->rss) - (first->rss > second->rss);
}

static size_t find_running(const struct profile *profile, struct running *ret)
{
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (process->end == END_RUNNING)
			ret[count++] = (struct running){ i, rss_of(process->kernel) };
	}
	qsort(ret, count, sizeof(*ret), compare_rss);
	return count;
}

static void read_one(const struct capture_base *base, struct process *process, uint64_t budget_ns)
{
	if (inspect_heap(base->inspector, (pid_t)process->pid, budget_ns, &process->inside) ||
	    !heap_inside_is_any(&process->inside))
		return;
	process->has_inside = true;
	process->inside_ns = base->profile->meta.duration_ns;
	process->is_dirty = true;
}

void insides_read(const struct capture_base *base)
{
	struct profile *profile = base->profile;
	_cleanup_(freep) struct running *running = xcalloc(profile->nr_processes, sizeof(*running));
	size_t count = find_running(profile, running);
	uint64_t begin_ns = clock_ns(), used_ns = 0;

	for (size_t i = 0; i < count && used_ns < ALL_NS; i++) {
		uint64_t left_ns = ALL_NS - used_ns;

		read_one(base, &profile->processes[running[i].process],
			 left_ns < ONE_NS ? left_ns : ONE_NS);
		used_ns = clock_ns() - begin_ns;
	}
}

void insides_forget(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].has_inside = false;
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	insides_read(context);
}

struct flush_listener insides_hear_flush(const struct capture_base *base)
{
	return (struct flush_listener){ .context = (void *)base, .end = on_end };
}
