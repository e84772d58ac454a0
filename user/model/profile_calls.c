/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts what stands on [deeper] rows; see profile_calls.h. */
#include "profile_calls.h"

#include "memory.h"

/* Each call that found no room for another reason is one of its events, too. */
bool losses_ask_for_rows(const struct loss_count losses[NR_LOSSES])
{
	return losses[LOSS_calls_unplaced].events >
	       losses[LOSS_ring_full].events + losses[LOSS_kernel_memory].events;
}

static uint64_t *count_deeper(const struct profile *profile)
{
	uint64_t *deeper = xcalloc(profile->nr_processes, sizeof(*deeper));

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		if (profile->sites[node->site].kind == SITE_DEEPER)
			deeper[node->process] += node->calls;
	}
	return deeper;
}

static const char *choose_reason(const struct process *process)
{
	if (losses_ask_for_rows(process->losses))
		return "paths found no room: raise --max-nodes and --max-sites, both to twice as "
		       "many";
	return "some are on no row of their own";
}

/* A dump that was put together has the sum of its parts already. */
static void judge(struct profile *profile, struct process *process, uint64_t deeper)
{
	struct loss_count *unplaced = &process->losses[LOSS_calls_unplaced];

	if (unplaced->events < deeper)
		unplaced->events = deeper;
	if (!unplaced->events && !process->losses[LOSS_calls_lost].events)
		return;
	process->is_dirty = true;
	if (process->calls_seen == CALLS_SEEN_SOME &&
	    *profile_string(profile, process->calls_reason))
		return;
	process->calls_seen = CALLS_SEEN_SOME;
	process->calls_reason = string_pool_add(&profile->strings, choose_reason(process));
}

void profile_judge_calls(struct profile *profile)
{
	_cleanup_(freep) uint64_t *deeper = count_deeper(profile);

	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		if (process->calls_method != CALLS_BY_NOTHING)
			judge(profile, process, deeper[i]);
	}
}
