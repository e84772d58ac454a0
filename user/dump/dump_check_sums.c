/* SPDX-License-Identifier: BSD-2-Clause */
/* What no record shows: sums that would overflow, names of what never came; see dump_decode.h. */
#include "dump_decode.h"

#include <errno.h>

#include "dump.h"
#include "dump_format.h"
#include "profile.h"

/* Adds an amount's absolute value: both are below the limits, so that this cannot overflow. */
static bool add_amount(int64_t *sum, int64_t amount)
{
	int64_t absolute = amount < 0 ? -amount : amount;

	*sum += absolute;
	return absolute <= DUMP_MAX_AMOUNT && *sum <= DUMP_MAX_SUM;
}

static bool add_by_kind(int64_t *sum, const int64_t by_kind[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		if (!add_amount(sum, by_kind[kind]))
			return false;
	}
	return true;
}

static bool add_losses(int64_t *events, int64_t *bytes, const struct loss_count *losses)
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		if (!add_amount(events, (int64_t)losses[loss].events) ||
		    !add_amount(bytes, (int64_t)losses[loss].bytes))
			return false;
	}
	return true;
}

/* What is held is stored in pages. */
static bool has_whole_pages(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (process->has_owners && process->peak % DUMP_PAGE_BYTES)
			return false;
	}
	return true;
}

/* The objects of a block come behind its sites. */
static bool has_objects(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		if (profile->sites[i].part_object > profile->nr_objects)
			return false;
	}
	return true;
}

/* Of what is there now and of other moments, and so of what is settled of it. */
static bool can_sum_held(const struct profile *profile)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->nr_held; i++) {
		const struct held *held = &profile->held[i];

		if (!add_by_kind(&sum, held->live) || !add_by_kind(&sum, held->peak_more) ||
		    !add_by_kind(&sum, held->final_more) || !add_amount(&sum, held->unshared) ||
		    !add_amount(&sum, held->mapped) || !add_amount(&sum, held->heap))
			return false;
	}
	return true;
}

static bool can_sum_allocs(const struct profile *profile)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->nr_allocs; i++) {
		const struct node_allocs *allocs = &profile->allocs[i];

		if (!add_amount(&sum, allocs->bytes) || !add_amount(&sum, allocs->blocks) ||
		    !add_amount(&sum, allocs->peak_more) || !add_amount(&sum, allocs->final_more) ||
		    !add_amount(&sum, allocs->final_blocks_more) ||
		    !add_amount(&sum, allocs->taken) || !add_amount(&sum, allocs->taken_blocks) ||
		    !add_amount(&sum, allocs->freed_blocks))
			return false;
	}
	return true;
}

static bool can_sum_nodes(const struct profile *profile)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct cost self = profile_cost(profile, i);

		if (!add_by_kind(&sum, self.grown) || !add_by_kind(&sum, self.released))
			return false;
	}
	return true;
}

static bool can_sum_calls(const struct profile *profile)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		sum += profile->nodes[i].calls;
		if (sum > DUMP_MAX_CALLS)
			return false;
	}
	return true;
}

static bool can_sum_processes(const struct profile *profile)
{
	int64_t opening = 0, books = 0, kernel = 0, peak = 0, growth = 0, events = 0, bytes = 0;
	int64_t live = 0, peak_held = 0, alloc_end = 0, alloc_peak = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (!add_by_kind(&opening, process->opening) ||
		    !add_by_kind(&books, process->books) ||
		    !add_by_kind(&kernel, process->kernel) || !add_amount(&peak, process->peak) ||
		    !add_by_kind(&live, process->live) ||
		    !add_by_kind(&peak_held, process->peak_held) ||
		    !add_amount(&alloc_end, process->alloc_end) ||
		    !add_amount(&alloc_peak, process->alloc_peak) ||
		    !add_losses(&events, &bytes, process->losses))
			return false;
		for (size_t j = 0; j < process->nr_threads; j++) {
			if (!add_amount(&growth, process->threads[j].growth))
				return false;
		}
	}
	return add_losses(&events, &bytes, profile->losses);
}

int dump_decode_check_sums(const struct profile *profile)
{
	if (!has_objects(profile) || !has_whole_pages(profile) || !can_sum_nodes(profile) ||
	    !can_sum_held(profile) || !can_sum_allocs(profile) || !can_sum_calls(profile) ||
	    !can_sum_processes(profile))
		return -EBADMSG;
	return 0;
}

int dump_check(const struct profile *profile)
{
	if (profile->nr_processes > DUMP_MAX_PROCESSES || profile->nr_nodes > DUMP_MAX_NODES ||
	    profile->nr_sites > DUMP_MAX_SITES || profile->nr_objects > DUMP_MAX_OBJECTS ||
	    profile->strings.count > DUMP_MAX_STRINGS)
		return -EFBIG;
	return dump_decode_check_sums(profile) ? -EFBIG : 0;
}
