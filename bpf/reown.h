/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Owners follow allocations: the whole pages within a block belong to the path that asked for it,
 * also those that are not there yet (KIND_EXPECTED), and when it is given back to [free in malloc].
 * A page that the block shares stays whose it was, the path's that touched it first, but for a free
 * one: that is in use again.
 *
 * It happens in probes, which can be preempted: what a loop needs lies with the task.
 */
#ifndef MEMPROBE_REOWN_H
#define MEMPROBE_REOWN_H

#include "owners.h"

/* verifier: as struct progress. */
struct reowning {
	struct page_range left;
	__u64 page, end; /* within one region */
	__u32 slot;
	__u32 id;	   /* the new owner */
	__u32 only;	   /* only pages of this owner; 0: all */
	__u32 is_expected; /* pages that are not there yet will be the new owner's; else nobody's */
	__u32 run_of;	   /* owner of the last pages, not yet told */
	__u32 run;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, struct reowning);
} reownings SEC(".maps");

/* 16 GiB. */
#define MAX_REOWNED_REGIONS 8192

struct reown_loop {
	struct region *region;
	struct reowning *reowning;
};

static __always_inline void change_hands(__u32 slot, __u32 from, __u32 id, __u32 pages)
{
	__u32 kind = owner_kind(from);

	hold_somewhere(slot, (struct node_id){ owner_id(from) }, kind, -(__s64)pages);
	hold_somewhere(slot, (struct node_id){ id }, kind, pages);
}

static __always_inline void end_reown_run(struct reowning *reowning)
{
	if (reowning->run)
		change_hands(reowning->slot, reowning->run_of, reowning->id, reowning->run);
	reowning->run = 0;
}

/* The mark of a page that is not there yet; 0: nobody's. */
static __always_inline __u32 coming_owner(const struct reowning *reowning)
{
	return reowning->is_expected ? make_owner(reowning->id, KIND_EXPECTED) : 0;
}

static __always_inline void expect_page(struct reown_loop *loop, __u64 page, __u32 before)
{
	__u32 after = coming_owner(loop->reowning);

	if (before == after)
		return;
	write_owner(loop->region, page, after);
	if (!before != !after)
		add_marks(loop->region, KIND_EXPECTED, after ? 1 : -1);
}

static long reown_page(__u32 turn, void *data)
{
	struct reown_loop *loop = data;
	struct reowning *reowning = loop->reowning;
	__u64 page = reowning->page + turn;
	__u32 before;

	if (page >= reowning->end)
		return 1;
	before = read_owner(loop->region, page);
	if (reowning->only && before && owner_id(before) != reowning->only)
		return 0;
	if (!before || is_expected(before)) {
		expect_page(loop, page, before);
		return 0;
	}
	if (owner_id(before) == reowning->id)
		return 0;
	if (before != reowning->run_of)
		end_reown_run(reowning);
	reowning->run_of = before;
	reowning->run++;
	write_owner(loop->region, page, make_owner(reowning->id, owner_kind(before)));
	return 0;
}

/* A region all of which is the block's, and has one owner or none. */
static __always_inline bool reown_uniform(struct region *region, struct reowning *reowning)
{
	__u32 before = region->uniform;

	if (!before && !is_unmarked(region))
		return false;
	if (reowning->only && before && owner_id(before) != reowning->only)
		return true;
	if (!before || is_expected(before)) {
		region->uniform = coming_owner(reowning);
	} else if (owner_id(before) != reowning->id) {
		region->uniform = make_owner(reowning->id, owner_kind(before));
		change_hands(reowning->slot, before, reowning->id, REGION_PAGES);
	}
	return true;
}

/* The part of the range that lies in one region. */
__noinline int reown_region(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct reown_loop loop = {
		.reowning = bpf_task_storage_get(&reownings, bpf_get_current_task_btf(), NULL, 0),
	};
	__u64 key;

	if (!image || !loop.reowning)
		return 1;
	key = region_key(image->image_id, loop.reowning->page);
	loop.region = bpf_map_lookup_elem(&regions, &key);
	if (!loop.region && loop.reowning->is_expected)
		loop.region = make_region(slot, image->image_id, loop.reowning->page);
	if (!loop.region) {
		if (loop.reowning->is_expected)
			count_loss(image, LOSS_owner_memory, 0);
		return 0;
	}
	if (loop.reowning->end - loop.reowning->page != REGION_PAGES ||
	    !reown_uniform(loop.region, loop.reowning)) {
		split_uniform(loop.region);
		bpf_loop(REGION_PAGES, reown_page, &loop, 0);
		end_reown_run(loop.reowning);
	}
	if (is_unmarked(loop.region))
		bpf_map_delete_elem(&regions, &key);
	return 0;
}

static long reown_on(__u32 turn, void *data)
{
	struct reowning *reowning = *(struct reowning **)data;

	if (reowning->left.begin >= reowning->left.end)
		return 1;
	reowning->page = reowning->left.begin;
	reowning->end = reowning->left.begin = step_end(reowning->page, reowning->left.end);
	return callback_result(reown_region(reowning->slot));
}

/* The whole pages within so many bytes. */
static __always_inline void reown(__u32 slot, __u64 address, __u64 bytes, __u32 id, __u32 only,
				  bool is_expected)
{
	struct page_range pages = {
		.begin = (address + PAGE_SIZE - 1) >> PAGE_SHIFT,
		.end = (address + bytes) >> PAGE_SHIFT,
	};
	struct reowning *reowning;

	if (!id || pages.begin >= pages.end || address + bytes < address)
		return;
	reowning = bpf_task_storage_get(&reownings, bpf_get_current_task_btf(), NULL,
					BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (reowning) {
		*reowning = (struct reowning){ .left = pages,
					       .slot = slot,
					       .id = id,
					       .only = only,
					       .is_expected = is_expected };
		bpf_loop(MAX_REOWNED_REGIONS, reown_on, &reowning, 0);
	}
	/* How many of the pages are there is not known. */
	if (!reowning || reowning->left.begin < reowning->left.end)
		count_slot_loss(slot, LOSS_owner_memory, 0);
}

static __always_inline bool has_free_pages(const struct wire_image *image)
{
	__u32 id = image->free_row;
	const struct wire_held *row = id ? bpf_map_lookup_elem(&held, &id) : NULL;

	return row && row->live[KIND_ANON] > 0;
}

/* A page of which a path has got a part is its own where it was free. */
__noinline int take_free_page(__u32 slot, __u64 page, __u32 id)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct region *region;
	__u32 before;

	if (!image || !has_free_pages(image))
		return 0;
	region = find_region(image->image_id, page);
	if (!region)
		return 0;
	before = region->uniform ? region->uniform : read_owner(region, page);
	if (!before || is_expected(before) || owner_id(before) != image->free_row)
		return 0;
	split_uniform(region);
	write_owner(region, page, make_owner(id, owner_kind(before)));
	change_hands(slot, before, id, 1);
	return 0;
}

/* A path has got a block. */
static __always_inline void own_block(__u32 slot, __u64 address, __u64 bytes, __u32 id)
{
	__u64 first = address >> PAGE_SHIFT, last = (address + bytes - 1) >> PAGE_SHIFT;

	if (!cfg_owners || !bytes)
		return;
	if (bytes >= PAGE_SIZE)
		reown(slot, address, bytes, id, 0, true);
	take_free_page(slot, first, id);
	if (last != first)
		take_free_page(slot, last, id);
}

/* A block was given back; of pages that it had, `only` those that are still this owner's. */
static __always_inline void free_block(struct wire_image *image, __u32 slot, __u64 address,
				       __u64 bytes, __u32 only)
{
	if (cfg_owners && bytes >= PAGE_SIZE)
		reown(slot, address, bytes, image->free_row, only, false);
}

#endif
