/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of processes; see profile_group.h. */
#include "profile_group.h"

#include "memory.h"
#include "profile_held.h"
#include "profile_merge.h"

uint32_t *profile_first_images(const struct profile *profile)
{
	uint32_t *firsts = xcalloc(profile->nr_processes, sizeof(*firsts)), before;
	struct hash_table latest = { 0 }; /* by pid, which may have been another's */

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		firsts[i] = i;
		if (process->begin == BEGAN_EXEC &&
		    hash_table_get(&latest, process->pid, &before) &&
		    profile->processes[before].end == END_EXEC)
			firsts[i] = firsts[before];
		hash_table_put(&latest, process->pid, i);
	}
	hash_table_free(&latest);
	return firsts;
}

/* What the members of a group have in common; 64 bits that are drawn anew in each run stand for
 * it. */
static uint64_t hash_of_kind(const struct process *process)
{
	const uint32_t kind[] = { process->command, process->python, process->begin };

	return hash_bytes(kind, sizeof(kind), 0);
}

/* By group: its processes, of which each may have several images there. `groups` is by image. */
static uint32_t *count_processes(const struct profile *profile, const uint32_t *groups)
{
	uint32_t *counts = xcalloc(profile->nr_processes, sizeof(*counts)), unused;
	_cleanup_(freep) uint32_t *firsts = profile_first_images(profile);
	struct hash_table seen = { 0 };

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		uint64_t member = (uint64_t)groups[i] << 32 | firsts[i];

		if (hash_table_get(&seen, member, &unused))
			continue;
		hash_table_put(&seen, member, i);
		counts[groups[i]]++;
	}
	hash_table_free(&seen);
	return counts;
}

/* By process: the first of its kind, where it is one of many; itself else. */
static uint32_t *find_leaders(const struct profile *profile, bool *ret_any)
{
	uint32_t *leaders = xcalloc(profile->nr_processes, sizeof(*leaders));
	_cleanup_(freep) uint32_t *counts = NULL;
	struct hash_table firsts = { 0 };

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		uint64_t kind = hash_of_kind(&profile->processes[i]);

		leaders[i] = i;
		if (!hash_table_get(&firsts, kind, &leaders[i]))
			hash_table_put(&firsts, kind, i);
	}
	counts = count_processes(profile, leaders);
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

static void count_members(struct profile_groups *groups, const struct profile *original)
{
	struct profile *profile = groups->profile;
	_cleanup_(freep) uint32_t *counts = count_processes(original, groups->processes);

	groups->origins = xcalloc(profile->nr_processes, sizeof(*groups->origins));
	for (uint32_t i = (uint32_t)original->nr_processes; i--;)
		groups->origins[groups->processes[i]] = i;
	for (uint32_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].nr_members = counts[i];
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
	count_members(groups, profile);
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
