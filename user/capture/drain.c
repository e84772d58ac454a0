/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of draining, images' amounts, threads and losses; see drain.h. */
#include "drain.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "drain_process.h"
#include "drain_state.h"
#include "memory.h"

uint64_t drain_time(const struct drain *drain, uint64_t clock_ns)
{
	return clock_ns > drain->start_ns ? clock_ns - drain->start_ns : 0;
}

struct image_slot *drain_slot(const struct drain *drain, uint32_t image_id)
{
	uint32_t index = image_id % MAX_IMAGES;
	struct image_slot *slot = index < drain->nr_slots ? &drain->slots[index] : NULL;

	return slot && slot->state != SLOT_EMPTY && slot->image_id == image_id ? slot : NULL;
}

uint32_t drain_process(const struct drain *drain, uint32_t image_id)
{
	const struct image_slot *slot = drain_slot(drain, image_id);

	return slot ? slot->process : NO_PROCESS;
}

uint32_t drain_image(const struct drain *drain, uint32_t process)
{
	uint32_t image_id = drain->profile->processes[process].image_id;
	const struct image_slot *slot = drain_slot(drain, image_id);

	return slot && slot->state == SLOT_LIVE && slot->process == process ? image_id : 0;
}

void drain_add_cost(struct drain *drain, uint32_t node, const struct cost *cost)
{
	struct profile *profile = drain->profile;
	struct process *process = &profile->processes[profile->nodes[node].process];

	profile_add_cost(profile, node, cost);
	for (int kind = 0; kind < NR_KINDS; kind++)
		process->books[kind] += cost->grown[kind] - cost->released[kind];
	process->is_dirty = true;
}

static void find_maps(struct drain *drain)
{
	drain->nodes_fd = loader_map(drain->loader, "nodes");
	drain->deeper_fd = loader_map(drain->loader, "deeper_nodes");
	drain->images_fd = loader_map(drain->loader, "images");
	drain->sites_fd = loader_map(drain->loader, "sites");
	drain->threads_fd = loader_map(drain->loader, "threads");
	drain->losses_fd = loader_map(drain->loader, "losses");
	drain->tallies_fd = loader_map(drain->loader, "tallies");
	drain->cpus_fd = loader_map(drain->loader, "cpu_events");
}

struct drain *drain_new(struct loader *loader, struct profile *profile, uint64_t start_ns,
			const struct drain_listener *listener)
{
	struct drain *drain = xcalloc(1, sizeof(*drain));

	drain->loader = loader;
	drain->profile = profile;
	drain->start_ns = start_ns;
	drain->listener = *listener;
	find_maps(drain);
	drain->ring = ring_buffer__new(loader_map(loader, "ring"), drain_handle_record, drain,
				       NULL);
	if (!drain->ring) {
		free(drain);
		return NULL;
	}
	return drain;
}

void drain_free(struct drain *drain)
{
	if (!drain)
		return;
	ring_buffer__free(drain->ring);
	hash_table_free(&drain->process_of_tgid);
	hash_table_free(&drain->node_ids);
	hash_table_free(&drain->site_ids);
	free(drain->nodes);
	free(drain->climb);
	free(drain->unused_nodes);
	free(drain->alive);
	drain_free_sources(drain);
	hash_table_free(&drain->object_ids);
	hash_table_free(&drain->class_ids);
	free(drain->known_classes);
	free(drain->objects);
	free(drain->sightings);
	free(drain->sites);
	free(drain->slots);
	free(drain);
}

void drain_set_parts(struct drain *drain, bool has_lines, const char *classes)
{
	drain->has_lines = has_lines;
	drain->classes = classes;
}

void drain_set_inspector(struct drain *drain, struct inspector *inspector,
			 const struct target_user *caller)
{
	drain->inspector = inspector;
	drain->caller = caller;
}

void drain_set_start(struct drain *drain, uint64_t start_ns)
{
	drain->start_ns = start_ns;
}

int drain_fd(const struct drain *drain)
{
	return ring_buffer__epoll_fd(drain->ring);
}

int drain_records(struct drain *drain)
{
	int count = ring_buffer__consume(drain->ring);

	drain_name_queued(drain);
	return count < 0 ? count : 0;
}

/* What found no room in any table stands on a root of its own. */
static void add_lost(struct drain *drain, uint32_t process, const struct wire_image *image)
{
	struct site site = { .kind = SITE_LOST };
	struct cost lost = { 0 };
	uint32_t node;

	for (int kind = 0; kind < NR_KINDS; kind++) {
		lost.grown[kind] = image->lost_grown[kind] * PAGE_BYTES;
		lost.released[kind] = image->lost_released[kind] * PAGE_BYTES;
	}
	if (cost_is_zero(&lost))
		return;
	node = profile_add_node(drain->profile, process, NO_NODE,
				profile_add_site(drain->profile, &site), 0);
	for (int kind = 0; kind < NR_KINDS; kind++) {
		lost.grown[kind] -= drain->profile->processes[process].lost.grown[kind];
		lost.released[kind] -= drain->profile->processes[process].lost.released[kind];
	}
	cost_add(&drain->profile->processes[process].lost, &lost);
	drain_add_cost(drain, node, &lost);
}

/* With task caches the opening of an attached process is whole only when all tasks were visited. */
static void correct_opening(struct process *process, const struct wire_image *image)
{
	for (int kind = 0; kind < NR_KINDS; kind++) {
		int64_t missing = image->opening[kind] * PAGE_BYTES - process->opening[kind];

		process->opening[kind] += missing;
		process->books[kind] += missing;
	}
}

#define PATHS_WITH_CALLS 16 /* that no process runs which has made no call since its exec */

/* A probe that is never hit while Python runs counts nothing, and 0 would be a wrong number: the
 * compiler has copied its function into others. */
static void look_for_calls(struct drain *drain, const struct image_slot *slot,
			   const struct wire_image *image)
{
	const struct process *process = &drain->profile->processes[slot->process];
	bool is_from_start = process->begin == BEGAN_EXEC &&
			     process->calls_method != CALLS_BY_NOTHING &&
			     process->calls_seen != CALLS_SEEN_SOME;

	if (is_from_start && slot->nr_paths >= PATHS_WITH_CALLS && !image->has_calls &&
	    !image->calls_early && drain->listener.calls_unseen)
		drain->listener.calls_unseen(drain->listener.context, slot->process);
}

static void take_image(struct drain *drain, struct image_slot *slot, const struct wire_image *image)
{
	struct process *process = &drain->profile->processes[slot->process];

	if (image->image_id != slot->image_id)
		return;
	if (slot->state == SLOT_LIVE && image->end_ns)
		drain_end_image(drain, slot, image->closing, image->end_ns);
	if (process->peak < image->peak * PAGE_BYTES)
		process->peak = image->peak * PAGE_BYTES;
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		/* What was found out in user space stays (late_finds.h). */
		if (process->losses[loss].events > image->loss_events[loss])
			continue;
		process->losses[loss].events = image->loss_events[loss];
		process->losses[loss].bytes = image->loss_pages[loss] * PAGE_BYTES;
		process->losses[loss].released = image->loss_released[loss] * PAGE_BYTES;
	}
	correct_opening(process, image);
	if (image->calls_early && process->calls_seen != CALLS_SEEN_SOME) {
		process->calls_seen = CALLS_SEEN_SOME;
		process->calls_reason = string_pool_add(
			&drain->profile->strings,
			"the first calls came before the interpreter was found");
	}
	look_for_calls(drain, slot, image);
	add_lost(drain, slot->process, image);
	process = &drain->profile->processes[slot->process];
	if (slot->state == SLOT_ENDED || !slot->has_balance)
		return;
	for (int kind = 0; kind < NR_KINDS; kind++)
		process->kernel[kind] = slot->balance_kernel[kind] - slot->balance_books[kind] +
					process->books[kind];
}

static void read_images(struct drain *drain)
{
	struct wire_image image;

	for (uint32_t slot = 0; slot < drain->nr_slots; slot++) {
		if (drain->slots[slot].state != SLOT_EMPTY &&
		    !bpf_map_lookup_elem(drain->images_fd, &slot, &image))
			take_image(drain, &drain->slots[slot], &image);
	}
}

static void read_losses(struct drain *drain)
{
	struct {
		uint64_t events, pages;
	} loss;

	for (uint32_t reason = 0; reason < NR_LOSSES; reason++) {
		if (bpf_map_lookup_elem(drain->losses_fd, &reason, &loss))
			continue;
		drain->profile->losses[reason].events = loss.events;
		drain->profile->losses[reason].bytes = loss.pages * PAGE_BYTES;
	}
	drain->profile->losses[LOSS_record_refused].events = drain->nr_refused;
}

/* Gives back the slots of images that had ended before the last time: what their threads sent at
 * exit, after the teardown, has been handled by now. */
static void release_slots(struct drain *drain)
{
	bool is_any = false;

	for (uint32_t slot = 0; slot < drain->nr_slots && drain->nr_ended; slot++) {
		if (drain->slots[slot].state == SLOT_ENDED && drain->slots[slot].is_read)
			is_any = true;
	}
	if (!is_any)
		return;
	drain_remove_nodes(drain);
	for (uint32_t slot = 0; slot < drain->nr_slots; slot++) {
		if (drain->slots[slot].state != SLOT_ENDED || !drain->slots[slot].is_read)
			continue;
		drain->slots[slot].state = SLOT_EMPTY;
		loader_free_slot(drain->loader, slot);
		drain->nr_ended--;
	}
}

static void mark_read(struct drain *drain)
{
	for (uint32_t slot = 0; slot < drain->nr_slots; slot++)
		drain->slots[slot].is_read = drain->slots[slot].state == SLOT_ENDED;
}

int drain_all(struct drain *drain)
{
	int error = drain_records(drain);

	if (!error)
		error = drain_read_nodes(drain);
	if (error)
		return error;
	read_images(drain);
	read_losses(drain);
	release_slots(drain);
	mark_read(drain);
	return 0;
}

bool drain_is_balanced(const struct drain *drain)
{
	for (uint32_t index = 0; index < drain->nr_slots; index++) {
		const struct image_slot *slot = &drain->slots[index];

		if (slot->state == SLOT_LIVE && slot->has_balance &&
		    memcmp(slot->balance_books, slot->balance_kernel,
			   sizeof(slot->balance_books)) != 0)
			return false;
	}
	return true;
}

bool drain_has_images(const struct drain *drain)
{
	for (uint32_t slot = 0; slot < drain->nr_slots; slot++) {
		if (drain->slots[slot].state == SLOT_LIVE)
			return true;
	}
	return false;
}

/* An array with the value of each CPU, owned by the caller; *ret_count is 0 when it cannot be read.
 */
static void *read_percpu(int map, size_t value_bytes, int *ret_count)
{
	int cpus = libbpf_num_possible_cpus();
	void *values = xcalloc(cpus > 0 ? cpus : 1, value_bytes);
	uint32_t zero = 0;

	*ret_count = cpus > 0 && !bpf_map_lookup_elem(map, &zero, values) ? cpus : 0;
	return values;
}

uint64_t drain_events(struct drain *drain)
{
	int count;
	_cleanup_(freep) struct wire_cpu *cpus = read_percpu(drain->cpus_fd, sizeof(*cpus), &count);
	uint64_t events = 0;

	for (int cpu = 0; cpu < count; cpu++)
		events += cpus[cpu].events;
	return events;
}

/* What the CPUs still hold of a thread's growth, in pages. */
static int64_t sum_tallies(struct drain *drain, const struct wire_thread *thread)
{
	int count;
	_cleanup_(freep) struct wire_tally *tallies = read_percpu(drain->tallies_fd,
								  sizeof(*tallies), &count);
	int64_t growth = 0;

	for (int cpu = 0; cpu < count; cpu++) {
		if (tallies[cpu].tid == thread->tid && tallies[cpu].image_id == thread->image_id)
			growth += tallies[cpu].growth;
	}
	return growth;
}

static void add_live_thread(struct drain *drain, const struct wire_thread *wire, uint64_t now_ns)
{
	struct image_slot *slot = drain_slot(drain, wire->image_id);
	struct thread thread = {
		.tid = wire->tid,
		.growth = (wire->growth + sum_tallies(drain, wire)) * PAGE_BYTES,
		.start_ns = drain_time(drain, wire->start_ns),
		.end_ns = now_ns,
	};
	_cleanup_(freep) char *name = slot ? drain_read_comm(wire->tid) : NULL;

	if (!slot)
		return;
	thread.name = name ? string_pool_add(&drain->profile->strings, name)
			   : string_pool_add_bytes(&drain->profile->strings, wire->comm,
						   COMM_BYTES);
	profile_add_thread(drain->profile, slot->process, &thread);
}

void drain_note_time(struct drain *drain, uint64_t now_ns)
{
	for (uint32_t slot = 0; slot < drain->nr_slots; slot++) {
		struct process *process;

		if (drain->slots[slot].state != SLOT_LIVE)
			continue;
		process = &drain->profile->processes[drain->slots[slot].process];
		if (process->end != END_RUNNING)
			continue;
		process->end_ns = drain_time(drain, now_ns);
		process->is_dirty = true;
	}
}

int drain_finish(struct drain *drain, uint64_t now_ns)
{
	uint32_t tid, next;
	struct wire_thread thread;
	int error = drain_all(drain);

	if (error)
		return error;
	for (int more = !bpf_map_get_next_key(drain->threads_fd, NULL, &next); more;
	     more = !bpf_map_get_next_key(drain->threads_fd, &tid, &next)) {
		tid = next;
		if (!bpf_map_lookup_elem(drain->threads_fd, &tid, &thread))
			add_live_thread(drain, &thread, drain_time(drain, now_ns));
	}
	drain_note_time(drain, now_ns);
	return 0;
}
