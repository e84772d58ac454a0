/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds them to every process of which calls are counted when frames end; see snapshot.h. */
#include "snapshot.h"

#include "clock.h"
#include "insides.h"
#include "memory.h"
#include "open_calls.h"

/* Where they cannot be read numbers stay bounds: process_calls_seen(). */
static void add_open_calls(const struct snapshot *snapshot, struct open_calls *calls)
{
	for (uint32_t i = 0; i < snapshot->base->profile->nr_processes; i++) {
		struct process *process = &snapshot->base->profile->processes[i];
		uint32_t image_id;

		if (process->end != END_RUNNING || !process->counts_ends)
			continue;
		image_id = drain_image(snapshot->base->drain, i);
		process->has_open_calls = image_id && !snapshot->is_split &&
					  open_calls_add(calls, snapshot->base->interpreters,
							 snapshot->base->loader, i, image_id);
	}
}

void snapshot_write(const struct snapshot *snapshot, const struct output *output)
{
	struct profile *profile = snapshot->base->profile;
	struct open_calls calls = { .profile = profile, .drain = snapshot->base->drain };

	drain_until_still(snapshot->base->drain);
	drain_note_time(snapshot->base->drain, clock_ns());
	add_open_calls(snapshot, &calls);
	insides_read(snapshot->base);
	censuses_take(snapshot->censuses);
	if (output_snapshot(output, profile))
		profile_add_snapshot(profile, profile->meta.duration_ns);
	for (size_t i = 0; i < profile->nr_processes; i++)
		profile->processes[i].has_open_calls = false;
	open_calls_take_back(&calls);
	open_calls_free(&calls);
}

/* For whoever reads the profile itself. */
static void settle_open_calls(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];
		uint32_t seen = process_calls_seen(process);

		process->calls_reason = process_calls_reason(process);
		process->calls_seen = seen;
		process->is_dirty |= process->counts_ends;
	}
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	const struct snapshot *snapshot = context;
	struct open_calls calls = { .profile = profile, .drain = snapshot->base->drain };

	add_open_calls(snapshot, &calls);
	settle_open_calls(profile);
	open_calls_free(&calls);
}

struct flush_listener snapshot_hear_flush(struct snapshot *snapshot)
{
	return (struct flush_listener){ .context = snapshot, .end = on_end };
}
