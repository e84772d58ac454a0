/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes of two profiles are the same; see profile_match.h. */
#include "profile_match.h"

#include <string.h>

#include "memory.h"

/* One of the two profiles, as its processes are identified. */
struct side {
	const struct profile *profile;
	const uint32_t *strings; /* of `other`: numbers in the pool of `profile`; NULL: its own */
	uint32_t *parents;	 /* by process, NO_PROCESS: nobody's child here; owned */
};

struct matcher {
	struct side ours, theirs;
	uint32_t *matches; /* by process of `other` */
	bool *is_taken;	   /* by process of `profile` */
};

/* What two processes have in common; 64 bits that are drawn anew in each run stand for it. */
struct identity {
	uint32_t command, pid, begin, has_python;
	uint64_t start_ns;
};

/* Returns false where there is none. */
typedef bool (*identity_of)(const struct matcher *matcher, const struct side *side, uint32_t index,
			    struct identity *ret);

static bool has_python(const struct profile *profile, const struct process *process)
{
	return *profile_string(profile, process->python);
}

static uint32_t command_of(const struct side *side, const struct process *process)
{
	return side->strings ? side->strings[process->command] : process->command;
}

/* Of two dumps of one run. */
static bool identify_life(const struct matcher *matcher, const struct side *side, uint32_t index,
			  struct identity *ret)
{
	const struct process *process = &side->profile->processes[index];

	*ret = (struct identity){ .command = command_of(side, process),
				  .pid = process->pid,
				  .begin = process->begin,
				  .start_ns = process->start_ns };
	return true;
}

static bool identify_command(const struct matcher *matcher, const struct side *side, uint32_t index,
			     struct identity *ret)
{
	const struct process *process = &side->profile->processes[index];

	*ret = (struct identity){ .command = command_of(side, process),
				  .begin = process->begin,
				  .has_python = has_python(side->profile, process) };
	return true;
}

/* The name of a command's program, without its folder and version, and where its arguments begin.
 */
static uint64_t hash_of_name(const char *command, const char **ret_rest)
{
	size_t length = strcspn(command, " ");
	const char *rest = command + length, *name = rest;

	while (name > command && name[-1] != '/')
		name--;
	length = (size_t)(rest - name);
	while (length && strchr("0123456789.", name[length - 1]))
		length--;
	*ret_rest = rest;
	return hash_bytes(name, length, 0);
}

/* `/opt/a/bin/python3.9 x.py` and `python3.13 x.py` are one. */
static bool identify_program(const struct matcher *matcher, const struct side *side, uint32_t index,
			     struct identity *ret)
{
	const struct process *process = &side->profile->processes[index];
	const char *rest;
	uint64_t name = hash_of_name(profile_string(side->profile, process->command), &rest);

	*ret = (struct identity){ .command = (uint32_t)hash_bytes(rest, strlen(rest), name),
				  .begin = process->begin,
				  .has_python = has_python(side->profile, process) };
	return true;
}

/* A child of those that are one, which runs the same program with whatever arguments: a worker has
 * its parent's. */
static bool identify_kin(const struct matcher *matcher, const struct side *side, uint32_t index,
			 struct identity *ret)
{
	const struct process *process = &side->profile->processes[index];
	const char *rest;
	uint32_t parent = side->parents[index];

	if (parent != NO_PROCESS && side == &matcher->theirs)
		parent = matcher->matches[parent];
	*ret = (struct identity){ .command = (uint32_t)hash_of_name(
					  profile_string(side->profile, process->command), &rest),
				  .pid = parent,
				  .begin = process->begin,
				  .has_python = has_python(side->profile, process) };
	return parent != NO_PROCESS;
}

static void take(struct matcher *matcher, uint32_t theirs, uint32_t ours)
{
	matcher->matches[theirs] = ours;
	matcher->is_taken[ours] = true;
}

/* Those of one identity in their order, as long as there are some on both sides. */
static void match_by(struct matcher *matcher, identity_of identify)
{
	size_t count = matcher->ours.profile->nr_processes;
	_cleanup_(freep) uint32_t *next = xcalloc(count, sizeof(*next));
	struct hash_table firsts = { 0 }; /* hash of the identity to process */
	struct identity identity;

	for (uint32_t i = (uint32_t)count; i--;) {
		uint64_t key;

		if (matcher->is_taken[i] || !identify(matcher, &matcher->ours, i, &identity))
			continue;
		key = hash_bytes(&identity, sizeof(identity), 0);
		if (!hash_table_get(&firsts, key, &next[i]))
			next[i] = NO_PROCESS;
		hash_table_put(&firsts, key, i);
	}
	for (uint32_t i = 0; i < matcher->theirs.profile->nr_processes; i++) {
		uint64_t key;
		uint32_t ours;

		if (matcher->matches[i] != NO_PROCESS ||
		    !identify(matcher, &matcher->theirs, i, &identity))
			continue;
		key = hash_bytes(&identity, sizeof(identity), 0);
		if (!hash_table_get(&firsts, key, &ours) || ours == NO_PROCESS)
			continue;
		take(matcher, i, ours);
		hash_table_put(&firsts, key, next[ours]);
	}
	hash_table_free(&firsts);
}

static uint32_t find_python(const struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (has_python(profile, &profile->processes[i]))
			return i;
	}
	return NO_PROCESS;
}

static void match_first_pythons(struct matcher *matcher)
{
	uint32_t ours = find_python(matcher->ours.profile);
	uint32_t theirs = find_python(matcher->theirs.profile);

	if (ours == NO_PROCESS || theirs == NO_PROCESS || matcher->is_taken[ours] ||
	    matcher->matches[theirs] != NO_PROCESS)
		return;
	take(matcher, theirs, ours);
}

/* A process stands behind its parent, of whose entries the last before it is the one that forked.
 */
static void find_parents(struct side *side)
{
	const struct profile *profile = side->profile;
	struct hash_table latest = { 0 };

	side->parents = xcalloc(profile->nr_processes, sizeof(*side->parents));
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (!hash_table_get(&latest, profile->processes[i].ppid, &side->parents[i]))
			side->parents[i] = NO_PROCESS;
		hash_table_put(&latest, profile->processes[i].pid, i);
	}
	hash_table_free(&latest);
}

static void match_kin(struct matcher *matcher)
{
	find_parents(&matcher->ours);
	find_parents(&matcher->theirs);
	match_by(matcher, identify_kin);
	free(matcher->ours.parents);
	free(matcher->theirs.parents);
}

uint32_t *profile_match_processes(const struct profile *profile, const struct profile *other,
				  const uint32_t *strings, enum merge_sign sign)
{
	_cleanup_(freep) bool *is_taken = xcalloc(profile->nr_processes, sizeof(*is_taken));
	struct matcher matcher = {
		.ours.profile = profile,
		.theirs = { .profile = other, .strings = strings },
		.matches = xcalloc(other->nr_processes, sizeof(*matcher.matches)),
		.is_taken = is_taken,
	};

	for (size_t i = 0; i < other->nr_processes; i++)
		matcher.matches[i] = NO_PROCESS;
	match_by(&matcher, identify_life);
	match_by(&matcher, identify_command);
	match_by(&matcher, identify_program);
	if (sign == MERGE_DIFFERENCE) {
		match_first_pythons(&matcher);
		match_kin(&matcher);
	}
	return matcher.matches;
}
