/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See drain_held.h. The BPF side's numbers are absolute, and several of its nodes can be one of the
 * profile, so that what was read of each is kept until it changes: of those that hold something,
 * a fifth or less where calls are counted.
 */
#include "drain_held.h"

#include <bpf/bpf.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
#include "profile_held.h"
#include "profile_history.h"

struct drain_held {
	const struct drain_base *base;
	int fd;		  /* of the map */
	uint64_t now;	  /* the profile's time */
	uint32_t *places; /* by id: index + 1, 0: it never held anything */
	size_t nr_places, places_capacity;
	struct wire_held *all;
	size_t count, capacity;
	uint32_t *free_places; /* of `all` */
	size_t nr_free, free_capacity;
};

struct drain_held *drain_held_new(const struct drain_base *base)
{
	struct drain_held *held = xcalloc(1, sizeof(*held));

	held->base = base;
	held->fd = loader_has_owners(base->loader) ? loader_map(base->loader, "held") : -1;
	return held;
}

void drain_held_free(struct drain_held *held)
{
	if (!held)
		return;
	free(held->places);
	free(held->all);
	free(held->free_places);
	free(held);
}

/* ---- What was read last ---- */

static uint32_t new_place(struct drain_held *held)
{
	if (held->nr_free)
		return held->free_places[--held->nr_free];
	held->all = array_reserve(held->all, &held->capacity, held->count + 1, sizeof(*held->all));
	return (uint32_t)++held->count;
}

static struct wire_held *last_of(struct drain_held *held, struct node_id id)
{
	if (id.value >= held->nr_places) {
		held->places = array_reserve(held->places, &held->places_capacity,
					     (size_t)id.value + 1, sizeof(*held->places));
		memset(&held->places[held->nr_places], 0,
		       (id.value + 1 - held->nr_places) * sizeof(*held->places));
		held->nr_places = id.value + 1;
	}
	if (!held->places[id.value]) {
		held->places[id.value] = new_place(held);
		held->all[held->places[id.value] - 1] = (struct wire_held){ 0 };
	}
	return &held->all[held->places[id.value] - 1];
}

void drain_held_remove(struct drain_held *held, struct node_id id)
{
	if (held->fd < 0)
		return;
	bpf_map_delete_elem(held->fd, &id.value);
	if (id.value >= held->nr_places || !held->places[id.value])
		return;
	held->free_places = array_reserve(held->free_places, &held->free_capacity,
					  held->nr_free + 1, sizeof(*held->free_places));
	held->free_places[held->nr_free++] = held->places[id.value];
	held->places[id.value] = 0;
}

/* ---- Into the profile ---- */

static void to_bytes(const struct wire_held *wire, struct held *ret)
{
	*ret = (struct held){
		.unshared = (int64_t)wire->unshared * PAGE_BYTES,
		.mapped = (int64_t)wire->mapped * PAGE_BYTES,
		.peak_moment = wire->peak_moment,
		.final_moment = wire->final_moment,
	};
	for (int kind = 0; kind < NR_KINDS; kind++) {
		int64_t live = wire->live[kind];

		ret->live[kind] = live * PAGE_BYTES;
		ret->peak_more[kind] = (wire->at_peak[kind] - live) * PAGE_BYTES;
		ret->final_more[kind] = (wire->at_final[kind] - live) * PAGE_BYTES;
	}
}

void drain_held_begin(struct drain_held *held)
{
	held->now = drain_base_time(held->base, clock_ns());
}

void drain_held_read(struct drain_held *held, struct node_id id, uint32_t node)
{
	struct held before, after, was;
	struct wire_held now, *last;
	struct held *sum;

	if (held->fd < 0 || bpf_map_lookup_elem(held->fd, &id.value, &now))
		return;
	last = last_of(held, id);
	if (!memcmp(last, &now, sizeof(now)))
		return;
	to_bytes(last, &before);
	to_bytes(&now, &after);
	sum = profile_hold(held->base->profile, node);
	was = *sum;
	held_replace(sum, &before, &after);
	profile_note_history(held->base->profile, node, &was, sum, held->now);
	*last = now;
}

/* Is it another than before? */
static bool set_by_kind(int64_t bytes[NR_KINDS], const __s64 pages[NR_KINDS])
{
	bool is_other = false;

	for (int kind = 0; kind < NR_KINDS; kind++) {
		is_other |= bytes[kind] != pages[kind] * PAGE_BYTES;
		bytes[kind] = pages[kind] * PAGE_BYTES;
	}
	return is_other;
}

void drain_held_moments(const struct drain_base *base, uint32_t index,
			const struct wire_image *image)
{
	struct process *process = &base->profile->processes[index];

	if (!loader_has_owners(base->loader))
		return;
	process->is_dirty |= !process->has_owners || process->peak_moment != image->peak_moment ||
			     process->final_moment != image->final_moment;
	process->has_owners = true;
	process->has_mapped = true;
	process->peak_moment = image->peak_moment;
	process->final_moment = image->final_moment;
	process->is_dirty |= set_by_kind(process->peak_held, image->peak_books);
	process->is_dirty |= set_by_kind(process->live,
					 image->final_moment ? image->final_books : image->books);
}
