/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Carries marks from where a mapping was to where it comes, and back again: mremap may still fail
 * when room has been found. It needs memory then, for the pages that it grows by as the machine's
 * limit counts them, too (mm/mremap.c, move_vma), and no event tells how it ended. So its last move
 * is kept until somebody asks for what lies at either place, or room is found again, which is
 * under the same lock: if the new place is empty then and the old one is not, nothing was moved.
 */
#ifndef MEMPROBE_MOVING_H
#define MEMPROBE_MOVING_H

#include "sweeps.h"

struct moving {
	struct region *from, *to;
	__u64 page, to_page;
};

/* Clears a page's mark. Returns whose it was, 0: it had none. */
static __always_inline __u32 take_mark(struct region *region, __u64 page)
{
	__u32 owner = read_owner(region, page);

	if (!owner)
		return 0;
	write_owner(region, page, 0);
	add_marks(region, owner_kind(owner), -1);
	return owner;
}

static __always_inline void put_mark(struct region *region, __u64 page, __u32 owner)
{
	write_owner(region, page, owner);
	add_marks(region, owner_kind(owner), 1);
}

static long move_page(__u32 turn, void *data)
{
	struct moving *moving = data;
	__u32 owner;

	/* On the way back: a page has come meanwhile. */
	if (read_owner(moving->to, moving->to_page + turn))
		return 0;
	owner = take_mark(moving->from, moving->page + turn);
	if (owner)
		put_mark(moving->to, moving->to_page + turn, owner);
	return 0;
}

/* So many pages that lie in one region before and in one after. */
__noinline int move_pages(__u32 slot, __u64 from, __u64 to, __u32 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct moving moving = { .page = from, .to_page = to };
	__u64 key;

	if (!image || pages > REGION_PAGES)
		return 0;
	key = region_key(image->image_id, from);
	moving.from = bpf_map_lookup_elem(&regions, &key);
	if (!moving.from || is_unmarked(moving.from))
		return 0;
	image->marks += pages;
	moving.to = make_region(slot, image->image_id, to);
	if (!moving.to) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (pages == REGION_PAGES && moving.from->uniform && is_unmarked(moving.to)) {
		moving.to->uniform = moving.from->uniform;
		moving.from->uniform = 0;
	} else {
		split_uniform(moving.from);
		split_uniform(moving.to);
		RARE_LOOP(pages, move_page, &moving);
	}
	if (pages == REGION_PAGES && is_unmarked(moving.from))
		bpf_map_delete_elem(&regions, &key);
	return 0;
}

static long move_region(__u32 turn, void *data)
{
	struct touch *touch = *(struct touch **)data;
	struct page_move *move = &touch->move;
	bool is_empty = !has_chunk(touch->slot, move->from);
	__u64 unit = is_empty ? CHUNK_PAGES : REGION_PAGES;
	__u64 step = unit - (move->from & (unit - 1));
	__u64 room = REGION_PAGES - (move->to & (REGION_PAGES - 1));

	if (!move->pages)
		return 1;
	step = step < room || is_empty ? step : room;
	step = step < move->pages ? step : move->pages;
	if (!is_empty)
		move_pages(touch->slot, move->from, move->to, step);
	move->from += step;
	move->to += step;
	move->pages -= step;
	return 0;
}

/* Two for each of the regions of 256 GiB: 10 ms. What was never touched takes none of them. */
#define MAX_MOVE_STEPS (1 << 18)

/* Carries out what touch->move says; what is left of it then was too much. */
__noinline int move_marks(void)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);

	if (touch)
		RARE_LOOP(MAX_MOVE_STEPS, move_region, &touch);
	return 0;
}

/* The last mapping of an image that mremap was about to move. */
struct last_move {
	struct page_move move;
	__u32 image_id; /* 0: it is known to have moved, or not to have */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32);
	__type(value, struct last_move);
} last_moves SEC(".maps");

static __always_inline void keep_move(__u32 slot, __u32 image_id, struct page_move move)
{
	struct last_move *last = bpf_map_lookup_elem(&last_moves, &slot);

	if (!last)
		return;
	last->move = move;
	last->image_id = image_id;
}

static __always_inline bool overlaps(struct page_range range, __u64 page, __u64 pages)
{
	return range.begin < page + pages && page < range.end;
}

/* Is a mapping there, or was one until the current system call took it out? */
static __always_inline bool is_mapped(__u64 page, __u64 pages, struct page_range taken)
{
	return overlaps(taken, page, pages) || !gap_end(page << PAGE_SHIFT);
}

/* Before marks in the range are taken, or of an empty one: before room that was found is cleared. A
 * failed move's marks go back. */
__noinline int settle_move(__u32 slot, __u64 begin, __u64 end)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct last_move *last = bpf_map_lookup_elem(&last_moves, &slot);
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct page_range range = { begin, end };
	struct page_move move;

	if (!image || !last || !touch || last->image_id != image->image_id)
		return 0;
	move = last->move;
	if (begin != end && !overlaps(range, move.from, move.pages) &&
	    !overlaps(range, move.to, move.pages))
		return 0;
	if (!__sync_bool_compare_and_swap(&last->image_id, image->image_id, 0))
		return 0;
	if (is_mapped(move.to, move.pages, range) || !is_mapped(move.from, move.pages, range))
		return 0;
	touch->move = (struct page_move){ move.to, move.from, move.pages };
	move_marks();
	return 0;
}

#endif
