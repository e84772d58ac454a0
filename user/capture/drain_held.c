/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See drain_held.h. What was read last is kept of nodes that have held something: a fifth or less
 * where calls are counted.
 */
#include "drain_held.h"

#include <bpf/bpf.h>
#include <memprobe/limits.h>
#include <string.h>

#include "clock.h"
#include "drain_lows.h"
#include "drain_shares.h"
#include "last_reads.h"
#include "memory.h"
#include "profile_held.h"
#include "profile_history.h"

/* Address space of all nodes together, which costs nobody anything: a half of what a dump's reader
 * takes of all that is held. */
#define MAX_MAPPED (1LL << 60)

struct drain_held {
	const struct drain_base *base;
	int fd;		      /* of the map */
	uint64_t before, now; /* the last look and this, in the profile's time */
	uint32_t look;	      /* that has begun */
	struct drain_shares shares;
	struct last_reads last; /* struct wire_held */
};

struct drain_held *drain_held_new(const struct drain_base *base)
{
	struct drain_held *held = xcalloc(1, sizeof(*held));

	held->base = base;
	held->last.value_bytes = sizeof(struct wire_held);
	drain_shares_init(&held->shares, MAX_MAPPED);
	held->fd = loader_has_owners(base->loader) ? loader_map(base->loader, "held") : -1;
	return held;
}

void drain_held_free(struct drain_held *held)
{
	if (!held)
		return;
	last_reads_free(&held->last);
	drain_shares_free(&held->shares);
	free(held);
}

void drain_held_remove(struct drain_held *held, struct node_id id)
{
	if (held->fd < 0)
		return;
	bpf_map_delete_elem(held->fd, &id.value);
	last_reads_remove(&held->last, id);
}

/* ---- Into the profile ---- */

/* No more than a process can have at once. */
#define MAX_MAPPED_PAGES ((1LL << ADDRESS_BITS) / PAGE_BYTES)

static int64_t bounded_bytes(int64_t pages)
{
	if (pages > MAX_MAPPED_PAGES)
		pages = MAX_MAPPED_PAGES;
	if (pages < -MAX_MAPPED_PAGES)
		pages = -MAX_MAPPED_PAGES;
	return pages * PAGE_BYTES;
}

static void to_bytes(const struct wire_held *wire, struct held *ret)
{
	*ret = (struct held){
		.unshared = (int64_t)wire->unshared * PAGE_BYTES,
		.mapped = bounded_bytes(wire->mapped),
		.heap = bounded_bytes(wire->heap),
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

void drain_held_begin(struct drain_held *held, uint32_t look)
{
	held->look = look;
	held->before = held->now;
	held->now = drain_base_time(held->base, clock_ns());
}

static int64_t absolute(int64_t amount)
{
	return amount < 0 ? -amount : amount;
}

/* What there is no room for stays as it was. */
static void bound_mapped(struct drain_held *held, uint32_t process, const struct wire_held *last,
			 struct wire_held *now)
{
	int64_t before = absolute(bounded_bytes(last->mapped)) +
			 absolute(bounded_bytes(last->heap));
	int64_t after = absolute(bounded_bytes(now->mapped)) + absolute(bounded_bytes(now->heap));

	if (drain_shares_take(&held->shares, process, before, after))
		return;
	now->mapped = last->mapped;
	now->heap = last->heap;
	drain_shares_refuse(held->base->profile, process);
}

static int64_t resident_pages(const __s32 pages[NR_KINDS])
{
	return (int64_t)pages[KIND_FILE] + pages[KIND_ANON] + pages[KIND_SHMEM];
}

/* Bytes less than it holds now, or held when its runtime began to finalize. */
static int64_t fallen_bytes(const struct drain_held *held, const struct wire_held *now)
{
	int64_t pages = resident_pages(now->final_moment ? now->at_final : now->live);

	return bounded_bytes(drain_fallen(&now->low, held->look, pages));
}

void drain_held_read(struct drain_held *held, struct node_id id, uint32_t node)
{
	struct held before, after, was;
	struct wire_held now, *last;
	struct history_step step;
	struct held *sum;

	if (held->fd < 0 || bpf_map_lookup_elem(held->fd, &id.value, &now))
		return;
	last = last_reads_of(&held->last, id);
	if (!memcmp(last, &now, sizeof(now)) && !drain_has_low(&now.low, held->look))
		return;
	bound_mapped(held, held->base->profile->nodes[node].process, last, &now);
	step = (struct history_step){ held->before, held->now, fallen_bytes(held, &now) };
	to_bytes(last, &before);
	to_bytes(&now, &after);
	sum = profile_hold(held->base->profile, node);
	was = *sum;
	held_replace(sum, &before, &after);
	profile_note_history(held->base->profile, node, &was, sum, &step);
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
