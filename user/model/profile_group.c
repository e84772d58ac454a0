/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of processes; see profile_group.h. */
#include "profile_group.h"

#include "memory.h"
#include "profile_held.h"
#include "profile_merge.h"

/* What the members of a group have in common; 64 bits that are drawn anew in each run stand for
 * it. */
static uint64_t hash_of_kind(const struct process *process)
{
	const uint32_t kind[] = { process->command, process->python, process->begin };

	return hash_bytes(kind, sizeof(kind), 0);
}

/* By process: the first of its kind, where it is one of many; itself else. */
static uint32_t *find_leaders(const struct profile *profile, bool *ret_any)
{
	uint32_t *leaders = xcalloc(profile->nr_processes, sizeof(*leaders));
	_cleanup_(freep) uint32_t *counts = xcalloc(profile->nr_processes, sizeof(*counts));
	struct hash_table firsts = { 0 };

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		uint64_t kind = hash_of_kind(&profile->processes[i]);

		leaders[i] = i;
		if (!hash_table_get(&firsts, kind, &leaders[i]))
			hash_table_put(&firsts, kind, i);
		counts[leaders[i]]++;
	}
	*ret_any = false;
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (counts[leaders[i]] > MAX_UNGROUPED)
			*ret_any = true;
		else
			leaders[i] = i;
	}
	hash_table_free(&firsts);
	return leaders;
}

static void count_members(struct profile_groups *groups, size_t nr_processes)
{
	struct profile *profile = groups->profile;

	groups->origins = xcalloc(profile->nr_processes, sizeof(*groups->origins));
	for (uint32_t i = (uint32_t)nr_processes; i--;) {
		groups->origins[groups->processes[i]] = i;
		profile->processes[groups->processes[i]].nr_members++;
	}
}

struct profile_groups *profile_group(const struct profile *profile)
{
	struct profile_groups *groups;
	bool is_any;
	_cleanup_(freep) uint32_t *leaders = find_leaders(profile, &is_any);

	if (!is_any)
		return NULL;
	groups = xcalloc(1, sizeof(*groups));
	groups->profile = profile_new();
	profile_append_groups(groups->profile, profile, leaders, &groups->processes,
			      &groups->nodes);
	groups->profile->meta = profile->meta;
	groups->profile->highest = profile->highest;
	count_members(groups, profile->nr_processes);
	profile_settle(groups->profile);
	return groups;
}

void profile_groups_free(struct profile_groups *groups)
{
	if (!groups)
		return;
	groups->profile->meta = (struct profile_meta){ 0 };
	profile_free(groups->profile);
	free(groups->origins);
	free(groups->processes);
	free(groups->nodes);
	free(groups);
}

void profile_groups_freep(struct profile_groups **groups)
{
	profile_groups_free(*groups);
}
