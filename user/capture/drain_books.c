/* SPDX-License-Identifier: BSD-2-Clause */
/* The images' table into process entries; see drain_books.h. */
#include "drain_books.h"

#include <bpf/bpf.h>
#include <string.h>

#include "drain_held.h"

void drain_books_add(const struct drain_base *base, uint32_t node, const struct cost *cost)
{
	struct profile *profile = base->profile;
	struct process *process = &profile->processes[profile->nodes[node].process];

	profile_add_cost(profile, node, cost);
	for (int kind = 0; kind < NR_KINDS; kind++)
		process->books[kind] += cost->grown[kind] - cost->released[kind];
	process->is_dirty = true;
}

/* What found no room in any table stands on a root of its own. */
static void add_lost(const struct drain_base *base, uint32_t process,
		     const struct wire_image *image)
{
	struct cost lost = { 0 };
	uint32_t node;

	for (int kind = 0; kind < NR_KINDS; kind++) {
		lost.grown[kind] = image->lost_grown[kind] * PAGE_BYTES;
		lost.released[kind] = image->lost_released[kind] * PAGE_BYTES;
	}
	if (cost_is_zero(&lost))
		return;
	node = profile_add_root(base->profile, process, SITE_LOST, 0);
	for (int kind = 0; kind < NR_KINDS; kind++) {
		lost.grown[kind] -= base->profile->processes[process].lost.grown[kind];
		lost.released[kind] -= base->profile->processes[process].lost.released[kind];
	}
	cost_add(&base->profile->processes[process].lost, &lost);
	drain_books_add(base, node, &lost);
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
static void look_for_calls(const struct drain_base *base, const struct image_slot *slot,
			   const struct wire_image *image)
{
	const struct process *process = &base->profile->processes[slot->process];
	bool is_from_start = process->begin == BEGAN_EXEC &&
			     process->calls_method != CALLS_BY_NOTHING &&
			     process->calls_seen != CALLS_SEEN_SOME;

	if (is_from_start && slot->nr_paths >= PATHS_WITH_CALLS && !image->has_calls &&
	    !image->calls_early)
		DRAIN_TELL(&base->listeners, calls_unseen, slot->process);
}

/* What a number of the BPF side has gained since it was read last. */
static uint32_t take_gain(uint32_t *last, uint32_t now)
{
	uint32_t gain = now - *last;

	*last = now;
	return gain;
}

/* Added to what was found out in user space (late_finds.h). */
static void take_losses(struct drain_allocs *allocs, struct process *process,
			struct image_slot *slot, const struct wire_image *image)
{
	for (int i = 0; i < NR_IMAGE_LOSSES; i++) {
		struct loss_count *loss = &process->losses[i];
		int64_t bytes = (int64_t)PAGE_BYTES *
				take_gain(&slot->loss_pages[i], image->loss_pages[i]);

		loss->events += take_gain(&slot->loss_events[i], image->loss_events[i]);
		if (bytes && drain_allocs_lose(allocs, slot->process, bytes))
			loss->bytes += bytes;
		loss->released += (int64_t)PAGE_BYTES *
				  take_gain(&slot->loss_released[i], image->loss_released[i]);
	}
}

static void note_early_calls(const struct drain_base *base, struct process *process,
			     const struct wire_image *image)
{
	if (!image->calls_early || process->calls_seen == CALLS_SEEN_SOME)
		return;
	process->calls_seen = CALLS_SEEN_SOME;
	process->calls_reason = string_pool_add(
		&base->profile->strings, "the first calls came before the interpreter was found");
}

static void note_finalized(struct process *process, const struct wire_image *image)
{
	process->has_finalized = image->flags & IMAGE_FINALIZING;
}

/* Calls are counted when frames end, and some never did. */
static void note_left_calls(const struct drain_base *base, struct process *process,
			    const struct wire_image *image)
{
	const char *reason = "calls that daemon threads were in at its end were not added";

	if (!(image->flags & (IMAGE_LEFT_CALLS | IMAGE_OUTER_CALLS)) || !process->counts_ends ||
	    process->calls_seen == CALLS_SEEN_SOME)
		return;
	if (!(image->flags & IMAGE_LEFT_CALLS))
		reason = "calls around those of other interpreters were not added at its end";
	process->calls_seen = CALLS_SEEN_SOME;
	process->calls_reason = string_pool_add(&base->profile->strings, reason);
}

/* For a process that goes on, the difference that the last balance showed is kept. One that began
 * after it, or had ended by then though its last record is still to come, has shown none. */
static void take_balance(struct process *process, const struct image_slot *slot)
{
	if (slot->state == SLOT_ENDED)
		return;
	for (int kind = 0; kind < NR_KINDS; kind++) {
		process->kernel[kind] = process->books[kind];
		if (slot->has_balance)
			process->kernel[kind] += slot->balance_kernel[kind] -
						 slot->balance_books[kind];
	}
}

static void take(const struct drain_base *base, struct drain_images *images,
		 struct drain_allocs *allocs, struct image_slot *slot,
		 const struct wire_image *image)
{
	struct process *process = &base->profile->processes[slot->process];

	if (image->image_id != slot->image_id)
		return;
	if (slot->state == SLOT_LIVE && image->end_ns)
		drain_images_close(images, slot, image->closing, image->end_ns);
	if (process->peak < image->peak * PAGE_BYTES)
		process->peak = image->peak * PAGE_BYTES;
	drain_images_note_peak(images, slot, image);
	take_losses(allocs, process, slot, image);
	correct_opening(process, image);
	note_early_calls(base, process, image);
	note_finalized(process, image);
	note_left_calls(base, process, image);
	look_for_calls(base, slot, image);
	add_lost(base, slot->process, image);
	drain_held_moments(base, slot->process, image);
	drain_allocs_moments(allocs, slot->process, image);
	take_balance(&base->profile->processes[slot->process], slot);
}

static bool note_books(struct image_slot *slot, const struct wire_image *image)
{
	bool has_moved = slot->state == SLOT_LIVE &&
			 memcmp(slot->read_books, image->books, sizeof(image->books)) != 0;

	memcpy(slot->read_books, image->books, sizeof(image->books));
	return has_moved;
}

bool drain_books_read(const struct drain_base *base, struct drain_images *images,
		      struct drain_allocs *allocs)
{
	int fd = loader_map(base->loader, "images");
	struct wire_image image;
	bool has_moved = false;

	for (uint32_t slot = 0; slot < drain_images_count(images); slot++) {
		struct image_slot *known = drain_images_at(images, slot);

		if (known->state == SLOT_EMPTY || bpf_map_lookup_elem(fd, &slot, &image))
			continue;
		take(base, images, allocs, known, &image);
		has_moved |= note_books(known, &image);
	}
	return has_moved;
}

/* Its end may be among them, and with it a path that it was on; or a thread's, or a child's begin.
 */
static void doubt_calls(const struct drain_base *base)
{
	struct profile *profile = base->profile;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		struct process *process = &profile->processes[i];

		if (process->calls_method == CALLS_BY_NOTHING ||
		    process->calls_seen == CALLS_SEEN_SOME)
			continue;
		process->is_dirty = true;
		process->calls_seen = CALLS_SEEN_SOME;
		process->calls_reason = string_pool_add(
			&profile->strings, "the kernel kept ends of threads back from memprobe");
	}
}

void drain_books_read_losses(const struct drain_base *base)
{
	int fd = loader_map(base->loader, "losses");
	struct loader_missed missed;
	struct {
		uint64_t events, pages;
	} loss;

	for (uint32_t reason = 0; reason < NR_LOSSES; reason++) {
		if (bpf_map_lookup_elem(fd, &reason, &loss))
			continue;
		base->profile->losses[reason].events = loss.events;
		base->profile->losses[reason].bytes = loss.pages * PAGE_BYTES;
	}
	missed = loader_count_missed(base->loader);
	base->profile->losses[LOSS_events_missed].events = missed.events;
	if (missed.of_tasks)
		doubt_calls(base);
}

bool drain_books_are_balanced(const struct drain_images *images)
{
	for (uint32_t index = 0; index < drain_images_count(images); index++) {
		const struct image_slot *slot = drain_images_at(images, index);

		if (slot->state == SLOT_LIVE && slot->has_balance &&
		    memcmp(slot->balance_books, slot->balance_kernel,
			   sizeof(slot->balance_books)) != 0)
			return false;
	}
	return true;
}

void drain_books_note_time(const struct drain_base *base, const struct drain_images *images,
			   uint64_t now_ns)
{
	for (uint32_t slot = 0; slot < drain_images_count(images); slot++) {
		struct process *process;

		if (drain_images_at(images, slot)->state != SLOT_LIVE)
			continue;
		process = &base->profile->processes[drain_images_at(images, slot)->process];
		if (process->end != END_RUNNING)
			continue;
		process->end_ns = drain_base_time(base, now_ns);
		process->is_dirty = true;
	}
}
