/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_held.h. */
#include "profile_held.h"

#include <string.h>

#include "memory.h"
#include "profile_allocs.h"

/* ---- Raw amounts ---- */

struct held held_now(const struct held *held, const struct process *process)
{
	struct held now = *held;

	if (held->peak_moment != process->peak_moment)
		memset(now.peak_more, 0, sizeof(now.peak_more));
	if (!process->final_moment || held->final_moment != process->final_moment)
		memset(now.final_more, 0, sizeof(now.final_more));
	now.peak_moment = process->peak_moment;
	now.final_moment = process->final_moment;
	return now;
}

bool held_is_zero(const struct held *held)
{
	struct held amounts = *held;
	static const struct held zero;

	amounts.peak_moment = amounts.final_moment = 0;
	return !memcmp(&amounts, &zero, sizeof(zero));
}

/* Amounts of an earlier moment than the sum's are none. */
static void replace_more(int64_t sum[NR_KINDS], const int64_t before[NR_KINDS],
			 const int64_t after[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		sum[kind] += (after ? after[kind] : 0) - (before ? before[kind] : 0);
}

static void begin_moment(uint32_t *moment, int64_t more[NR_KINDS], uint32_t latest)
{
	if (latest <= *moment)
		return;
	*moment = latest;
	memset(more, 0, NR_KINDS * sizeof(*more));
}

void held_replace(struct held *sum, const struct held *before, const struct held *after)
{
	replace_more(sum->live, before->live, after->live);
	begin_moment(&sum->peak_moment, sum->peak_more, after->peak_moment);
	replace_more(sum->peak_more,
		     before->peak_moment == sum->peak_moment ? before->peak_more : NULL,
		     after->peak_moment == sum->peak_moment ? after->peak_more : NULL);
	begin_moment(&sum->final_moment, sum->final_more, after->final_moment);
	replace_more(sum->final_more,
		     before->final_moment == sum->final_moment ? before->final_more : NULL,
		     after->final_moment == sum->final_moment ? after->final_more : NULL);
	sum->unshared += after->unshared - before->unshared;
	sum->mapped += after->mapped - before->mapped;
	sum->heap += after->heap - before->heap;
}

const struct held *profile_held(const struct profile *profile, uint32_t node)
{
	uint32_t held = profile->nodes[node].held;

	return held ? &profile->held[held - 1] : NULL;
}

struct held *profile_hold(struct profile *profile, uint32_t index)
{
	struct node *node = &profile->nodes[index];

	profile_note_change(profile, index);
	node->has_held_changed = true;
	if (!node->held) {
		profile->held = array_reserve(profile->held, &profile->held_capacity,
					      profile->nr_held + 1, sizeof(*profile->held));
		profile->held[profile->nr_held++] = (struct held){ 0 };
		node->held = (uint32_t)profile->nr_held;
	}
	return &profile->held[node->held - 1];
}

/* ---- Settling ---- */

/* What the nodes of a process hold more than is known of it, or less. */
struct gap {
	int64_t live[NR_KINDS], peak[NR_KINDS];
};

static void settle_node(struct profile *profile, uint32_t node)
{
	const struct process *process = &profile->processes[profile->nodes[node].process];
	const struct held now = held_now(profile_held(profile, node), process);
	struct cost cost = profile_cost(profile, node);

	for (int kind = 0; kind < NR_KINDS; kind++) {
		cost.live[kind] = now.live[kind] + now.final_more[kind];
		cost.peak[kind] = now.live[kind] + now.peak_more[kind];
	}
	cost.unshared = now.unshared;
	cost.mapped = now.mapped;
	cost.heap = now.heap;
	amounts_set(&profile->costs, node, &cost);
}

static int64_t absolute_sum(const int64_t amounts[NR_KINDS])
{
	int64_t sum = 0;

	for (int kind = 0; kind < NR_KINDS; kind++)
		sum += amounts[kind] < 0 ? -amounts[kind] : amounts[kind];
	return sum;
}

/* Where the runtime has begun to finalize, what is there now need not be right. */
static void close_gap(struct profile *profile, uint32_t index, const struct gap *gap)
{
	struct process *process = &profile->processes[index];
	uint32_t node = profile_add_root(profile, index, SITE_UNOWNED, process->start_ns);
	struct loss_count *loss = &process->losses[LOSS_page_unplaced];
	int64_t live = absolute_sum(gap->live), peak = absolute_sum(gap->peak);
	struct held *held = profile_hold(profile, node);

	*held = held_now(held, process);
	for (int kind = 0; kind < NR_KINDS; kind++) {
		int64_t now = process->final_moment ? 0 : gap->live[kind];

		held->live[kind] += now;
		held->final_more[kind] += process->final_moment ? gap->live[kind] : 0;
		held->peak_more[kind] += gap->peak[kind] - now;
	}
	loss->events++;
	loss->bytes += (uint64_t)(live > peak ? live : peak);
	process->is_dirty = true;
	settle_node(profile, node);
}

static struct gap *find_gaps(const struct profile *profile)
{
	struct gap *gaps = xcalloc(profile->nr_processes, sizeof(*gaps));

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		memcpy(gaps[i].live, process->live, sizeof(gaps[i].live));
		memcpy(gaps[i].peak, process->peak_held, sizeof(gaps[i].peak));
	}
	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		struct gap *gap = &gaps[profile->nodes[i].process];
		struct cost cost;

		if (!profile->nodes[i].held)
			continue;
		cost = profile_cost(profile, i);
		for (int kind = 0; kind < NR_KINDS; kind++) {
			gap->live[kind] -= cost.live[kind];
			gap->peak[kind] -= cost.peak[kind];
		}
	}
	return gaps;
}

/* The highest moment's amounts by kind are read when its sum may be a new one already. */
static void match_peak(struct process *process)
{
	int64_t missing = process->peak - rss_of(process->peak_held);

	if (!process->has_owners || !missing)
		return;
	process->peak_held[KIND_ANON] += missing;
	process->is_dirty = true;
}

void profile_settle(struct profile *profile)
{
	_cleanup_(freep) struct gap *gaps = NULL;

	for (size_t i = 0; i < profile->nr_processes; i++)
		match_peak(&profile->processes[i]);
	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		if (profile->nodes[i].held)
			settle_node(profile, i);
	}
	gaps = find_gaps(profile);
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].has_owners &&
		    absolute_sum(gaps[i].live) + absolute_sum(gaps[i].peak))
			close_gap(profile, i, &gaps[i]);
	}
	profile_settle_allocs(profile);
}

static void unsettle_node(struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);
	struct held held = { .unshared = cost.unshared, .mapped = cost.mapped, .heap = cost.heap };

	for (int kind = 0; kind < NR_KINDS; kind++) {
		held.live[kind] = cost.live[kind];
		held.peak_more[kind] = cost.peak[kind] - cost.live[kind];
	}
	if (profile->nodes[node].held || !held_is_zero(&held))
		*profile_hold(profile, node) = held;
}

void profile_unsettle(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].peak_moment = profile->processes[i].final_moment = 0;
	for (uint32_t i = 0; i < profile->nr_nodes; i++)
		unsettle_node(profile, i);
	profile_unsettle_allocs(profile);
}
