/* SPDX-License-Identifier: BSD-2-Clause */
/* See allocs_unseen.h. */
#include "allocs_unseen.h"

#include "inspect_malloc.h"
#include "user_loss.h"

#define FIRST_MIMALLOC 0x030d0000

/* Returns 0 when that is known; -errno: nobody could look. */
static int find_mimalloc(const struct capture_base *base, pid_t pid, uint32_t layout, bool *ret_has)
{
	const struct interpreter_entry *entry = interpreters_entry(base->interpreters, layout);
	bool is_before = entry && entry->interpreter.version_hex < FIRST_MIMALLOC;

	if (!is_before && !(entry && entry->interpreter.layout.free_threaded))
		return inspect_mimalloc(base->inspector, pid, ret_has);
	*ret_has = !is_before;
	return 0;
}

void allocs_unseen_ask(const struct capture_base *base, uint32_t index, uint32_t layout)
{
	struct process *process = &base->profile->processes[index];

	if (process->python && !process->is_mimalloc_known)
		process->is_mimalloc_known = !find_mimalloc(base, (pid_t)process->pid, layout,
							    &process->has_own_mimalloc);
}

void allocs_unseen_end(struct process *process, uint64_t since_ns)
{
	if (process->begin == BEGAN_EXEC ||
	    (process->end != END_RUNNING && since_ns >= process->end_ns))
		return;
	process->has_allocs = true;
	if (process->begin == BEGAN_ATTACH && !process->allocs_since_ns)
		process->allocs_since_ns = since_ns + 1; /* 0: none */
	process->is_dirty = true;
}

/* A Python whose allocator is unknown, or that ended, or ran another program, before it had probes.
 */
static bool is_unseen(const struct process *process)
{
	return process->python && !process->has_allocs;
}

void allocs_unseen_count(struct profile *profile, uint32_t index)
{
	const struct process *process = &profile->processes[index];

	if (is_unseen(process))
		user_loss_add(profile, index, LOSS_allocs_unseen, 1);
	else if (process->python && process->has_own_mimalloc && !process->is_mimalloc_followed)
		user_loss_add(profile, index, LOSS_mimalloc_unseen, 1);
}
