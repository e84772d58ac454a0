/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_own.h. */
#include "profile_own.h"

#include <signal.h>

#include "memory.h"

uint64_t profile_captured_ns(const struct profile *profile, const struct process *process)
{
	return profile->nr_captures ? profile->captures[process->capture]
				    : profile->meta.duration_ns;
}

uint64_t profile_end_ns(const struct profile *profile, const struct process *process)
{
	uint64_t captured_ns = profile_captured_ns(profile, process);

	return process->end == END_RUNNING && process->end_ns < captured_ns ? captured_ns
									    : process->end_ns;
}

bool profile_is_killed(const struct process *process)
{
	return process->end == END_SIGNAL && process->exit_signal == SIGKILL;
}

bool profile_is_uncounted(const struct profile *profile, const struct process *process)
{
	return profile->meta.calls_mode == CALLS_MODE_OFF &&
	       process->calls_method == CALLS_BY_NOTHING &&
	       !*profile_string(profile, process->calls_reason);
}

void profile_add_capture(struct profile *profile, uint64_t duration_ns)
{
	profile->captures = array_reserve(profile->captures, &profile->captures_capacity,
					  profile->nr_captures + 1, sizeof(*profile->captures));
	profile->captures[profile->nr_captures++] = duration_ns;
}

uint32_t profile_add_captures(struct profile *profile, const struct profile *other)
{
	uint32_t first;

	if (!profile->nr_captures)
		profile_add_capture(profile, profile->meta.duration_ns);
	first = (uint32_t)profile->nr_captures;
	for (size_t i = 0; i < other->nr_captures; i++)
		profile_add_capture(profile, other->captures[i]);
	if (!other->nr_captures)
		profile_add_capture(profile, other->meta.duration_ns);
	return first;
}

static void give_reasons(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		if (!profile_is_uncounted(profile, process))
			continue;
		process->calls_reason = string_pool_add(&profile->strings, CALLS_OFF_REASON);
		process->is_dirty = true;
	}
}

/* Moments at which snapshots were written are of one capture. */
void profile_join_meta(struct profile *profile, const struct profile_meta *other)
{
	if (profile->meta.calls_mode == CALLS_MODE_OFF && other->calls_mode != CALLS_MODE_OFF) {
		give_reasons(profile);
		profile->meta.calls_mode = other->calls_mode;
	}
	if (profile->meta.duration_ns < other->duration_ns)
		profile->meta.duration_ns = other->duration_ns;
	profile->nr_snapshots = 0;
}

void profile_join_sources(struct process *process, const struct process *other)
{
	if (process->sources != other->sources)
		process->sources = SOURCES_MIXED;
	if (process->program_ns > other->program_ns)
		process->program_ns = other->program_ns;
}
