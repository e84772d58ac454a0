/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_allocs.h. */
#include "profile_allocs.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* ---- Raw amounts ---- */

struct node_allocs allocs_now(const struct node_allocs *allocs, const struct process *process)
{
	struct node_allocs now = *allocs;

	if (allocs->peak_moment != process->alloc_moment)
		now.peak_more = 0;
	if (!process->final_moment || allocs->final_moment != process->final_moment)
		now.final_more = now.final_blocks_more = 0;
	now.peak_moment = process->alloc_moment;
	now.final_moment = process->final_moment;
	return now;
}

bool allocs_are_zero(const struct node_allocs *allocs)
{
	return !(allocs->bytes | allocs->blocks | allocs->peak_more | allocs->final_more |
		 allocs->final_blocks_more | allocs->taken | allocs->taken_blocks |
		 allocs->freed_blocks);
}

bool allocs_are_whole(const struct process *process)
{
	static const enum wire_loss lost[] = { LOSS_blocks_full,     LOSS_allocs_unseen,
					       LOSS_blocks_pathless, LOSS_blocks_missed,
					       LOSS_mimalloc_unseen, LOSS_main_ended };

	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		if (process->losses[lost[i]].events)
			return false;
	}
	return !process->allocs_since_ns;
}

uint64_t allocs_unknown_frees(const struct process *process)
{
	return allocs_are_whole(process) ? 0 : process->unknown_frees;
}

/* The last --allocs counts. Returns what follows it, NULL: there is none. */
static const char *find_option(const struct profile_meta *meta)
{
	static const char option[] = "--allocs";
	const char *options = meta->options ? meta->options : "", *found = NULL;

	for (const char *at = strstr(options, option); at; at = strstr(at, option)) {
		bool is_word = at == options || at[-1] == ' ';

		at += strlen(option);
		if (is_word && (*at == '=' || *at == ' ' || !*at))
			found = at;
	}
	return found;
}

bool allocs_were_asked_for(const struct profile_meta *meta)
{
	return find_option(meta) != NULL;
}

uint64_t allocs_least_block(const struct profile_meta *meta)
{
	const char *option = find_option(meta);

	return option && *option == '=' ? strtoull(option + 1, NULL, 10) : 0;
}

void allocs_replace(struct node_allocs *sum, const struct node_allocs *before,
		    const struct node_allocs *after)
{
	sum->bytes += after->bytes - before->bytes;
	sum->blocks += after->blocks - before->blocks;
	sum->taken += after->taken - before->taken;
	sum->taken_blocks += after->taken_blocks - before->taken_blocks;
	sum->freed_blocks += after->freed_blocks - before->freed_blocks;
	/* Amounts of an earlier moment than the sum's are none. */
	if (after->peak_moment > sum->peak_moment) {
		sum->peak_moment = after->peak_moment;
		sum->peak_more = 0;
	}
	if (before->peak_moment == sum->peak_moment)
		sum->peak_more -= before->peak_more;
	if (after->peak_moment == sum->peak_moment)
		sum->peak_more += after->peak_more;
	if (after->final_moment > sum->final_moment) {
		sum->final_moment = after->final_moment;
		sum->final_more = sum->final_blocks_more = 0;
	}
	if (before->final_moment == sum->final_moment) {
		sum->final_more -= before->final_more;
		sum->final_blocks_more -= before->final_blocks_more;
	}
	if (after->final_moment == sum->final_moment) {
		sum->final_more += after->final_more;
		sum->final_blocks_more += after->final_blocks_more;
	}
}

const struct node_allocs *profile_allocs(const struct profile *profile, uint32_t node)
{
	uint32_t index;

	return hash_table_get(&profile->allocs_ids, node, &index) ? &profile->allocs[index] : NULL;
}

struct node_allocs *profile_allocate(struct profile *profile, uint32_t node)
{
	uint32_t index;

	profile_note_change(profile, node);
	if (!hash_table_get(&profile->allocs_ids, node, &index)) {
		index = (uint32_t)profile->nr_allocs++;
		profile->allocs = array_reserve(profile->allocs, &profile->allocs_capacity,
						profile->nr_allocs, sizeof(*profile->allocs));
		profile->allocs[index] = (struct node_allocs){ .node = node };
		hash_table_put(&profile->allocs_ids, node, index);
	}
	profile->allocs[index].has_changed = true;
	return &profile->allocs[index];
}

bool profile_is_free_room(const struct profile *profile, uint32_t node)
{
	return profile->sites[profile->nodes[node].site].kind == SITE_FREE;
}

/* ---- Settling ---- */

/* What the nodes of a process have allocated more than is known of it, or less. */
struct gap {
	int64_t end, peak;
};

static void settle_node(struct profile *profile, const struct node_allocs *allocs)
{
	const struct process *process = &profile->processes[profile->nodes[allocs->node].process];
	const struct node_allocs now = allocs_now(allocs, process);
	struct cost cost = profile_cost(profile, allocs->node);

	cost.alloc_peak = now.bytes + now.peak_more;
	cost.alloc_end = now.bytes + now.final_more;
	cost.alloc_blocks = now.blocks + now.final_blocks_more;
	cost.alloc_taken = now.taken;
	cost.alloc_taken_blocks = now.taken_blocks;
	/* So many more were there in the end than now: the runtime's finalizing has freed them. */
	cost.alloc_freed_blocks = now.freed_blocks - now.final_blocks_more;
	amounts_set(&profile->costs, allocs->node, &cost);
}

static int64_t absolute(int64_t amount)
{
	return amount < 0 ? -amount : amount;
}

/* Where the runtime has begun to finalize, what is there now need not be right. */
static void close_gap(struct profile *profile, uint32_t index, const struct gap *gap)
{
	struct process *process = &profile->processes[index];
	uint32_t node = profile_add_root(profile, index, SITE_UNOWNED, process->start_ns);
	struct node_allocs *allocs = profile_allocate(profile, node);
	struct loss_count *loss = &process->losses[LOSS_blocks_unplaced];
	int64_t end = absolute(gap->end), peak = absolute(gap->peak);
	int64_t now = process->final_moment ? 0 : gap->end;

	*allocs = allocs_now(allocs, process);
	allocs->bytes += now;
	allocs->final_more += process->final_moment ? gap->end : 0;
	allocs->peak_more += gap->peak - now;
	loss->events++;
	loss->bytes += (uint64_t)(end > peak ? end : peak);
	process->is_dirty = true;
	settle_node(profile, allocs);
}

static struct gap *find_gaps(const struct profile *profile)
{
	struct gap *gaps = xcalloc(profile->nr_processes, sizeof(*gaps));

	for (size_t i = 0; i < profile->nr_processes; i++) {
		gaps[i].end = profile->processes[i].alloc_end;
		gaps[i].peak = profile->processes[i].alloc_peak;
	}
	for (size_t i = 0; i < profile->nr_allocs; i++) {
		uint32_t node = profile->allocs[i].node;
		struct gap *gap = &gaps[profile->nodes[node].process];
		const struct cost cost = profile_cost(profile, node);

		gap->end -= cost.alloc_end;
		gap->peak -= cost.alloc_peak;
	}
	return gaps;
}

void profile_settle_allocs(struct profile *profile)
{
	_cleanup_(freep) struct gap *gaps = NULL;

	for (size_t i = 0; i < profile->nr_allocs; i++)
		settle_node(profile, &profile->allocs[i]);
	gaps = find_gaps(profile);
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].has_allocs && (gaps[i].end || gaps[i].peak))
			close_gap(profile, i, &gaps[i]);
	}
}

static void unsettle_node(struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);
	struct node_allocs allocs = {
		.node = node,
		.has_changed = true,
		.bytes = cost.alloc_end,
		.blocks = cost.alloc_blocks,
		.peak_more = cost.alloc_peak - cost.alloc_end,
		.taken = cost.alloc_taken,
		.taken_blocks = cost.alloc_taken_blocks,
		.freed_blocks = cost.alloc_freed_blocks,
	};

	if (profile_allocs(profile, node) || !allocs_are_zero(&allocs))
		*profile_allocate(profile, node) = allocs;
}

void profile_unsettle_allocs(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].alloc_moment = 0;
	for (uint32_t i = 0; i < profile->nr_nodes; i++)
		unsettle_node(profile, i);
}
