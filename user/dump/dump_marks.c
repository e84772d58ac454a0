/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the file; see dump_marks.h. */
#include "dump_marks.h"

#include <string.h>

#include "packed_bytes.h"
#include "dump_meta.h"
#include "memory.h"

void dump_marks_free(struct dump_marks *marks)
{
	for (size_t i = 0; i < marks->nr_processes; i++)
		free(marks->processes[i].threads);
	free(marks->processes);
	free(marks->node_marks);
	dump_numbers_free(&marks->strings);
	dump_numbers_free(&marks->sites);
	dump_numbers_free(&marks->objects);
	dump_numbers_free(&marks->nodes);
	*marks = (struct dump_marks){ 0 };
}

uint64_t dump_digest_cost(const struct cost *cost)
{
	static const struct cost zero;
	size_t size = offsetof(struct cost, live);

	return memcmp(cost, &zero, size) ? hash_bytes(cost, size, 0) : 0;
}

uint64_t dump_digest_thread(const struct thread *thread)
{
	_Static_assert(sizeof(*thread) == 32, "no padding to digest");
	return hash_bytes(thread, sizeof(*thread), 0);
}

uint64_t dump_digest_meta(const struct profile_meta *meta)
{
	_cleanup_(packed_bytes_free) struct packed_bytes record = { 0 };

	dump_meta_put(&record, meta);
	return hash_bytes(record.bytes, record.size, 0);
}

struct dump_node_marks dump_marks_of_node(const struct dump_marks *marks, uint32_t id)
{
	return id < marks->nr_nodes ? marks->node_marks[id] : (struct dump_node_marks){ 0 };
}

bool dump_marks_may_differ(const struct dump_marks *marks, const struct profile *profile,
			   uint32_t id)
{
	return id >= marks->nr_nodes || profile->nodes[id].has_changed;
}

bool dump_marks_may_any_differ(const struct dump_marks *marks, const struct profile *profile)
{
	return profile->have_nodes_changed || profile->nr_nodes != marks->nr_nodes ||
	       profile->nr_sightings != marks->nr_sightings;
}

bool dump_marks_has_changed(const struct dump_marks *marks, const struct profile *profile,
			    size_t process)
{
	return process >= marks->nr_processes || profile->processes[process].is_dirty;
}

/* A node's list has the newest first. */
size_t dump_marks_new_objects(const struct dump_marks *marks, const struct profile *profile,
			      uint32_t node, uint32_t ret_objects[MAX_NODE_OBJECTS])
{
	size_t count = 0, left;

	for (uint32_t next = profile->nodes[node].sightings;
	     next > marks->nr_sightings && count < MAX_NODE_OBJECTS;
	     next = profile->sightings[next - 1].next)
		count++;
	left = count;
	for (uint32_t next = profile->nodes[node].sightings; left;
	     next = profile->sightings[next - 1].next)
		ret_objects[--left] = profile->sightings[next - 1].object;
	return count;
}

static void set_process(struct dump_process_marks *marks, const struct process *process)
{
	marks->nr_samples = process->nr_samples;
	marks->nr_thinnings = process->nr_thinnings;
	marks->nr_censuses = process->nr_censuses;
	marks->nr_threads = process->nr_threads;
	marks->threads = array_reserve(marks->threads, &marks->threads_capacity,
				       process->nr_threads, sizeof(*marks->threads));
	for (size_t i = 0; i < process->nr_threads; i++)
		marks->threads[i] = dump_digest_thread(&process->threads[i]);
}

static void set_processes(struct dump_marks *marks, const struct profile *profile)
{
	marks->processes = array_reserve(marks->processes, &marks->processes_capacity,
					 profile->nr_processes, sizeof(*marks->processes));
	for (size_t i = marks->nr_processes; i < profile->nr_processes; i++)
		marks->processes[i] = (struct dump_process_marks){ 0 };
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (dump_marks_has_changed(marks, profile, i))
			set_process(&marks->processes[i], &profile->processes[i]);
	}
	marks->nr_processes = profile->nr_processes;
}

static struct dump_node_marks node_marks(const struct profile *profile, uint32_t id)
{
	const struct cost cost = profile_cost(profile, id);

	return (struct dump_node_marks){ dump_digest_cost(&cost), profile->nodes[id].calls,
					 profile->nodes[id].is_crowded };
}

static void set_nodes(struct dump_marks *marks, const struct profile *profile)
{
	if (!dump_marks_may_any_differ(marks, profile))
		return;
	marks->node_marks = array_reserve(marks->node_marks, &marks->nodes_capacity,
					  profile->nr_nodes, sizeof(*marks->node_marks));
	for (size_t i = 0; i < profile->nr_nodes; i++) {
		if (dump_marks_may_differ(marks, profile, (uint32_t)i))
			marks->node_marks[i] = node_marks(profile, (uint32_t)i);
	}
	marks->nr_nodes = profile->nr_nodes;
}

void dump_marks_set(struct dump_marks *marks, const struct profile *profile)
{
	set_processes(marks, profile);
	set_nodes(marks, profile);
	marks->strings.nr_written = marks->strings.count;
	marks->sites.nr_written = marks->sites.count;
	marks->objects.nr_written = marks->objects.count;
	marks->nodes.nr_written = marks->nodes.count;
	marks->nr_sightings = profile->nr_sightings;
	marks->nr_snapshots = profile->nr_snapshots;
	memcpy(marks->losses, profile->losses, sizeof(marks->losses));
	marks->highest = profile->highest.bytes;
	marks->rss_most = profile->highest.rss_most;
	marks->meta = dump_digest_meta(&profile->meta);
}
