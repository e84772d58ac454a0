/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds them to every process of which calls are counted when frames end; see snapshot.h. */
#include "snapshot.h"

#include "clock.h"
#include "insides.h"
#include "memory.h"
#include "open_calls.h"

/* Where they cannot be read numbers are bounds. */
static void add_open_calls(const struct snapshot *snapshot, struct open_calls *calls)
{
	for (uint32_t i = 0; i < snapshot->base->profile->nr_processes; i++) {
		struct process *process = &snapshot->base->profile->processes[i];
		uint32_t image_id;

		if (process->end != END_RUNNING || !process->counts_ends)
			continue;
		image_id = drain_image(snapshot->base->drain, i);
		if (image_id && !snapshot->is_split &&
		    open_calls_add(calls, snapshot->base->interpreters, snapshot->base->loader, i,
				   image_id))
			continue;
		process->calls_seen = CALLS_SEEN_SOME;
		process->is_dirty = true;
	}
}

void snapshot_write(const struct snapshot *snapshot, const struct output *output)
{
	struct profile *profile = snapshot->base->profile;
	struct open_calls calls = { .profile = profile };
	size_t count = profile->nr_processes;
	_cleanup_(freep) uint32_t *seen = xcalloc(count, sizeof(*seen));

	drain_note_time(snapshot->base->drain, clock_ns());
	for (size_t i = 0; i < count; i++)
		seen[i] = profile->processes[i].calls_seen;
	add_open_calls(snapshot, &calls);
	insides_read(snapshot->base);
	censuses_take(snapshot->censuses);
	if (output_snapshot(output, profile))
		profile_add_snapshot(profile, profile->meta.duration_ns);
	for (size_t i = 0; i < count; i++)
		profile->processes[i].calls_seen = seen[i];
	open_calls_take_back(&calls);
	open_calls_free(&calls);
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	struct open_calls calls = { .profile = profile };

	add_open_calls(context, &calls);
	open_calls_free(&calls);
}

struct flush_listener snapshot_hear_flush(struct snapshot *snapshot)
{
	return (struct flush_listener){ .context = snapshot, .end = on_end };
}
