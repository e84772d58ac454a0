/* SPDX-License-Identifier: BSD-2-Clause */
/* See history_fixture.h. */
#include "history_fixture.h"

#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"

struct profile *history_profile(uint64_t start_ns)
{
	struct profile *profile = profile_new();
	uint32_t process = profile_add_process(profile);

	profile->processes[process].start_ns = start_ns;
	profile->processes[process].end = END_EXIT;
	return profile;
}

uint32_t history_node(struct profile *profile)
{
	const struct site site = { .kind = SITE_PYTHON, .line = (int32_t)profile->nr_nodes };

	return profile_add_node(profile, 0, NO_NODE, profile_add_site(profile, &site), 0);
}

struct history_step history_look(uint64_t time_ns)
{
	return (struct history_step){ time_ns > SECOND / 2 ? time_ns - SECOND / 2 : 0, time_ns, 0 };
}

void history_hold(struct profile *profile, uint32_t node, int64_t bytes, uint64_t time_ns)
{
	struct held *held = profile_hold(profile, node), before = *held;
	const struct history_step step = history_look(time_ns);

	if (held->live[KIND_ANON] == bytes)
		return;
	held->live[KIND_ANON] = bytes;
	profile_note_history(profile, node, &before, held, &step);
}

void history_play_on(struct profile *profile, uint32_t node, history_series *amount,
		     uint64_t end_ns)
{
	uint64_t start = profile->processes[0].start_ns;

	for (uint64_t time = start; time < end_ns; time += SECOND / 2)
		history_hold(profile, node, amount(time - start), time);
	profile->processes[0].end_ns = end_ns;
	profile_settle(profile);
}

uint32_t history_play(struct profile *profile, history_series *amount, uint64_t end_ns)
{
	uint32_t node = history_node(profile);

	history_play_on(profile, node, amount, end_ns);
	return node;
}

uint32_t history_play_allocs(struct profile *profile, history_series *amount, uint64_t end_ns)
{
	uint32_t node = history_node(profile);

	profile->processes[0].has_allocs = true;
	for (uint64_t time = 0; time < end_ns; time += SECOND / 2) {
		struct node_allocs *allocs = profile_allocate(profile, node), before = *allocs;
		const struct history_step step = history_look(time);

		allocs->bytes = amount(time);
		profile_note_alloc_history(profile, &before, allocs, &step);
		profile->processes[0].alloc_end = profile->processes[0].alloc_peak = allocs->bytes;
	}
	profile->processes[0].end_ns = end_ns;
	profile_settle(profile);
	return node;
}

size_t history_count_leaks(const struct profile *profile, struct leak *ret_first)
{
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, 0, &count);

	*ret_first = count ? leaks[0] : (struct leak){ 0 };
	return count;
}

int64_t history_leaking(uint64_t time)
{
	return (int64_t)(time / (SECOND / 10)) * MB;
}

int64_t history_churning(uint64_t time)
{
	return (time / (SECOND / 2) % 7) * 50 * MB;
}

int64_t history_small(uint64_t time)
{
	return (int64_t)(time / SECOND) * 1024;
}
