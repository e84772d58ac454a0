/* SPDX-License-Identifier: BSD-2-Clause */
/* From the records of their ends, and at the end from the table; see drain_threads.h. */
#include "drain_threads.h"

#include <bpf/bpf.h>

#include "drain_process.h"
#include "memory.h"
#include "percpu_map.h"

/* A thread that begins another program gets the main one's number, and its last events in the old
 * one are under it: no thread of its own. */
static struct thread *find_main(struct process *process, uint32_t tid)
{
	for (size_t i = 0; tid == process->pid && i < process->nr_threads; i++) {
		if (process->threads[i].tid == tid)
			return &process->threads[i];
	}
	return NULL;
}

static void add(struct profile *profile, uint32_t index, const struct thread *thread)
{
	struct thread *main_thread = find_main(&profile->processes[index], thread->tid);

	if (!main_thread) {
		profile_add_thread(profile, index, thread);
		return;
	}
	main_thread->growth += thread->growth;
	main_thread->end_ns = thread->end_ns;
}

void drain_threads_end(const struct drain_base *base, const struct drain_images *images,
		       const struct wire_thread_end *record)
{
	const struct image_slot *slot = drain_images_find(images, record->thread.image_id);
	struct thread thread = {
		.tid = record->thread.tid,
		.growth = record->thread.growth * PAGE_BYTES,
		.start_ns = drain_base_time(base, record->thread.start_ns),
		.end_ns = drain_base_time(base, record->head.time_ns),
	};

	if (!slot)
		return;
	thread.name = string_pool_add_bytes(&base->profile->strings, record->thread.comm,
					    sizeof(record->thread.comm));
	add(base->profile, slot->process, &thread);
}

/* What the CPUs still hold of a thread's growth, in pages. */
static int64_t sum_tallies(const struct drain_base *base, const struct wire_thread *thread)
{
	int count;
	_cleanup_(freep) struct wire_tally *tallies = percpu_map_read(
		loader_map(base->loader, "tallies"), sizeof(*tallies), &count);
	int64_t growth = 0;

	for (int cpu = 0; cpu < count; cpu++) {
		if (tallies[cpu].tid == thread->tid && tallies[cpu].image_id == thread->image_id)
			growth += tallies[cpu].growth;
	}
	return growth;
}

static void add_live(const struct drain_base *base, const struct drain_images *images,
		     const struct wire_thread *wire, uint64_t now_ns)
{
	const struct image_slot *slot = drain_images_find(images, wire->image_id);
	struct thread thread = {
		.tid = wire->tid,
		.growth = (wire->growth + sum_tallies(base, wire)) * PAGE_BYTES,
		.start_ns = drain_base_time(base, wire->start_ns),
		.end_ns = now_ns,
	};
	_cleanup_(freep) char *name = slot ? drain_read_comm(wire->tid) : NULL;

	if (!slot)
		return;
	thread.name = name ? string_pool_add(&base->profile->strings, name)
			   : string_pool_add_bytes(&base->profile->strings, wire->comm, COMM_BYTES);
	add(base->profile, slot->process, &thread);
}

void drain_threads_read(const struct drain_base *base, const struct drain_images *images,
			uint64_t now_ns)
{
	int fd = loader_map(base->loader, "threads");
	struct wire_thread thread;
	uint32_t tid, next;

	for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;
	     more = !bpf_map_get_next_key(fd, &tid, &next)) {
		tid = next;
		if (!bpf_map_lookup_elem(fd, &tid, &thread))
			add_live(base, images, &thread, drain_base_time(base, now_ns));
	}
}
