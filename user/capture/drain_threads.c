/* SPDX-License-Identifier: BSD-2-Clause */
/* From the records of their ends, and those that run from the table; see drain_threads.h. */
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

static void end(struct profile *profile, uint32_t index, const struct thread *thread)
{
	struct thread *main_thread = find_main(&profile->processes[index], thread->tid);

	if (!main_thread || !main_thread->end_ns) {
		profile_end_thread(profile, index, thread);
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
	end(base->profile, slot->process, &thread);
	base->profile->processes[slot->process].has_cut_threads |= record->thread.is_cut_short;
}

/* All that a look at the threads needs. */
struct look {
	const struct drain_base *base;
	const struct drain_images *images;
	struct wire_tally *tallies; /* of each CPU */
	int nr_tallies;
	uint64_t end_ns; /* 0: they go on */
};

/* What the CPUs still hold of a thread's growth, in pages. */
static int64_t sum_tallies(const struct look *look, const struct wire_thread *thread)
{
	int64_t growth = 0;

	for (int cpu = 0; cpu < look->nr_tallies; cpu++) {
		const struct wire_tally *tally = &look->tallies[cpu];

		if (tally->tid == thread->tid && tally->image_id == thread->image_id)
			growth += tally->growth;
	}
	return growth;
}

static uint32_t read_name(const struct look *look, const struct wire_thread *wire)
{
	_cleanup_(freep) char *name = drain_read_comm(wire->tid);
	struct string_pool *strings = &look->base->profile->strings;

	return name ? string_pool_add(strings, name)
		    : string_pool_add_bytes(strings, wire->comm, COMM_BYTES);
}

/* One that has not grown since is not looked at again while it goes on: a process may have
 * thousands, and their names are files. */
static void add_live(const struct look *look, const struct wire_thread *wire)
{
	struct profile *profile = look->base->profile;
	const struct image_slot *slot = drain_images_find(look->images, wire->image_id);
	const struct thread *before;
	struct thread thread = {
		.tid = wire->tid,
		.growth = (wire->growth + sum_tallies(look, wire)) * PAGE_BYTES,
		.start_ns = drain_base_time(look->base, wire->start_ns),
		.end_ns = look->end_ns,
	};

	if (!slot)
		return;
	before = profile_find_thread(profile, slot->process, thread.tid, thread.start_ns);
	if (before && !look->end_ns && before->growth == thread.growth)
		return;
	thread.name = read_name(look, wire);
	if (look->end_ns)
		end(profile, slot->process, &thread);
	else
		profile_note_thread(profile, slot->process, &thread);
}

static void look_at_all(struct look *look)
{
	int fd = loader_map(look->base->loader, "threads");
	struct wire_thread thread;
	uint32_t tid, next;

	look->tallies = percpu_map_read(loader_map(look->base->loader, "tallies"),
					sizeof(*look->tallies), &look->nr_tallies);
	for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;
	     more = !bpf_map_get_next_key(fd, &tid, &next)) {
		tid = next;
		if (!bpf_map_lookup_elem(fd, &tid, &thread))
			add_live(look, &thread);
	}
	free(look->tallies);
}

void drain_threads_read(const struct drain_base *base, const struct drain_images *images)
{
	struct look look = { .base = base, .images = images };

	look_at_all(&look);
}

void drain_threads_finish(const struct drain_base *base, const struct drain_images *images,
			  uint64_t now_ns)
{
	struct look look = {
		.base = base,
		.images = images,
		.end_ns = drain_base_time(base, now_ns),
	};

	look_at_all(&look);
}
