/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See drain_allocs.h. Sizes are what a target has asked its own functions for: one that lies about
 * them must not make sums overflow, or a dump that nobody can read, or take another's room.
 */
#include "drain_allocs.h"

#include <bpf/bpf.h>
#include <memprobe/limits.h>
#include <string.h>

#include "clock.h"
#include "drain_lows.h"
#include "drain_shares.h"
#include "last_reads.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_history.h"

/* All amounts of all nodes and processes together: an eighth of what a dump's reader takes, which
 * sees differences of them, and what those of nodes and of their process differ by. */
#define MAX_WEIGHT (1LL << 58)
/* One amount. */
#define MAX_AMOUNT (1LL << 58)
/* Bytes that are there at once. */
#define MAX_LIVE (1LL << ADDRESS_BITS)

struct drain_allocs {
	const struct drain_base *base;
	int fd;		      /* of the map */
	uint64_t before, now; /* the last look and this, in the profile's time */
	uint32_t look;	      /* that has begun */
	struct drain_shares shares;
	struct last_reads last; /* struct wire_allocs */
};

struct drain_allocs *drain_allocs_new(const struct drain_base *base)
{
	struct drain_allocs *allocs = xcalloc(1, sizeof(*allocs));

	allocs->base = base;
	allocs->last.value_bytes = sizeof(struct wire_allocs);
	drain_shares_init(&allocs->shares, MAX_WEIGHT);
	allocs->fd = loader_has_allocs(base->loader) ? loader_map(base->loader, "allocs") : -1;
	return allocs;
}

void drain_allocs_free(struct drain_allocs *allocs)
{
	if (!allocs)
		return;
	last_reads_free(&allocs->last);
	drain_shares_free(&allocs->shares);
	free(allocs);
}

void drain_allocs_remove(struct drain_allocs *allocs, struct node_id id)
{
	if (allocs->fd < 0)
		return;
	bpf_map_delete_elem(allocs->fd, &id.value);
	last_reads_remove(&allocs->last, id);
}

/* ---- Is it to be believed? ---- */

/* Adds what can be: neither below 0 nor above `most`, of which eight do not overflow. */
static bool add_weight(int64_t *weight, int64_t most, const int64_t *amounts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (amounts[i] < 0 || amounts[i] > most)
			return false;
		*weight += amounts[i];
	}
	return true;
}

static bool weigh_node(const struct wire_allocs *wire, int64_t *ret)
{
	const int64_t live[] = { wire->bytes, wire->at_peak, wire->at_final };
	const int64_t others[] = {
		wire->blocks,
		wire->blocks_at_final,
		(int64_t)wire->taken_bytes,
		(int64_t)wire->taken_blocks,
		(int64_t)wire->freed_blocks,
	};

	*ret = 0;
	return add_weight(ret, MAX_LIVE, live, ARRAY_SIZE(live)) &&
	       add_weight(ret, MAX_AMOUNT, others, ARRAY_SIZE(others));
}

/* A node's amounts by others, if they can be and there is room. */
static bool take_node(struct drain_allocs *allocs, uint32_t process,
		      const struct wire_allocs *before, const struct wire_allocs *after)
{
	int64_t had, wanted;

	return weigh_node(before, &had) && weigh_node(after, &wanted) &&
	       drain_shares_take(&allocs->shares, process, had, wanted);
}

/* The same of a process's own, which are its last and its highest. */
static bool take_sums(struct drain_allocs *allocs, uint32_t process, const int64_t before[2],
		      const int64_t after[2])
{
	int64_t had = 0, wanted = 0;

	return add_weight(&had, MAX_LIVE, before, 2) && add_weight(&wanted, MAX_LIVE, after, 2) &&
	       drain_shares_take(&allocs->shares, process, had, wanted);
}

/* ---- Into the profile ---- */

static struct node_allocs to_allocs(const struct wire_allocs *wire, uint32_t node)
{
	return (struct node_allocs){
		.node = node,
		.bytes = wire->bytes,
		.blocks = wire->blocks,
		.peak_more = wire->at_peak - wire->bytes,
		.final_more = wire->at_final - wire->bytes,
		.final_blocks_more = wire->blocks_at_final - wire->blocks,
		.taken = (int64_t)wire->taken_bytes,
		.taken_blocks = (int64_t)wire->taken_blocks,
		.freed_blocks = (int64_t)wire->freed_blocks,
		.peak_moment = wire->peak_moment,
		.final_moment = wire->final_moment,
	};
}

/* Bytes less than there are now, or were when the runtime began to finalize. */
static int64_t fallen_bytes(const struct drain_allocs *allocs, const struct wire_allocs *now)
{
	int64_t bytes = now->final_moment ? now->at_final : now->bytes;
	int64_t fallen = drain_fallen(&now->low, allocs->look, bytes);

	return fallen < bytes ? fallen : bytes;
}

void drain_allocs_begin(struct drain_allocs *allocs, uint32_t look)
{
	allocs->look = look;
	allocs->before = allocs->now;
	allocs->now = drain_base_time(allocs->base, clock_ns());
}

/* What is refused is missing in the sum over the nodes, and so becomes a loss (profile_allocs.h);
 * but where that sum is refused, too. */
void drain_allocs_read(struct drain_allocs *allocs, struct node_id id, uint32_t node)
{
	struct profile *profile = allocs->base->profile;
	uint32_t process = profile->nodes[node].process;
	struct wire_allocs now, *last;
	struct node_allocs before, after, was, *sum;
	struct history_step step;

	if (allocs->fd < 0 || bpf_map_lookup_elem(allocs->fd, &id.value, &now))
		return;
	last = last_reads_of(&allocs->last, id);
	if (!memcmp(last, &now, sizeof(now)) && !drain_has_low(&now.low, allocs->look))
		return;
	if (!take_node(allocs, process, last, &now)) {
		drain_shares_refuse(profile, process);
		return;
	}
	step = (struct history_step){ allocs->before, allocs->now, fallen_bytes(allocs, &now) };
	before = to_allocs(last, node);
	after = to_allocs(&now, node);
	sum = profile_allocate(profile, node);
	was = *sum;
	allocs_replace(sum, &before, &after);
	profile_note_alloc_history(profile, &was, sum, &step);
	*last = now;
}

/* Its parent's blocks are not a forked child's here: the child's frees of them are unknown. */
static void begin_process(struct drain_allocs *allocs, struct process *process)
{
	process->has_allocs = true;
	if (process->begin == BEGAN_ATTACH && !process->allocs_since_ns)
		process->allocs_since_ns = allocs->now ? allocs->now : 1;
	process->is_dirty = true;
}

static void set_amount(struct process *process, int64_t *amount, int64_t now)
{
	process->is_dirty |= *amount != now;
	*amount = now;
}

void drain_allocs_moments(struct drain_allocs *allocs, uint32_t index,
			  const struct wire_image *image)
{
	struct process *process = &allocs->base->profile->processes[index];
	const int64_t before[] = { process->alloc_end, process->alloc_peak };
	const int64_t after[] = { image->final_moment ? image->alloc_final : image->alloc_bytes,
				  image->alloc_peak };

	if (allocs->fd < 0 || !(image->alloc_flags & ALLOCS_SEEN))
		return;
	if (!process->has_allocs)
		begin_process(allocs, process);
	process->is_dirty |= process->alloc_moment != image->alloc_moment ||
			     process->final_moment != image->final_moment ||
			     process->unknown_frees != image->unknown_frees;
	process->alloc_moment = image->alloc_moment;
	process->final_moment = image->final_moment;
	process->unknown_frees = image->unknown_frees;
	if (!take_sums(allocs, index, before, after)) {
		drain_shares_refuse(allocs->base->profile, index);
		return;
	}
	set_amount(process, &process->alloc_end, after[0]);
	set_amount(process, &process->alloc_peak, after[1]);
}

bool drain_allocs_lose(struct drain_allocs *allocs, uint32_t process, int64_t bytes)
{
	bool has_room = drain_shares_take(&allocs->shares, process, 0, bytes);

	if (!has_room)
		drain_shares_refuse(allocs->base->profile, process);
	return has_room;
}
