/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks that move with a mapping. mremap changes no counter; but the room for the mapping is looked
 * for within it, and mmap:vm_unmapped_area tells where it was found.
 */
#ifndef MEMPROBE_MOVES_H
#define MEMPROBE_MOVES_H

#include "owners.h"

struct moving {
	struct region *from, *to;
	__u64 page, to_page;
	__u64 slot;
};

static long move_page(__u32 turn, void *data)
{
	struct moving *moving = data;
	__u32 owner = read_owner(moving->from, moving->page + turn), stale;

	if (!owner)
		return 0;
	write_owner(moving->from, moving->page + turn, 0);
	add_marks(moving->from, owner_kind(owner), -1);
	stale = read_owner(moving->to, moving->to_page + turn);
	write_owner(moving->to, moving->to_page + turn, owner);
	add_marks(moving->to, owner_kind(owner), 1);
	if (!stale)
		return 0;
	add_marks(moving->to, owner_kind(stale), -1);
	if (!is_expected(stale))
		take_from(moving->slot, stale, 1);
	return 0;
}

/* So many pages that lie in one region before and in one after. */
__noinline int move_pages(__u32 slot, __u64 from, __u64 to, __u32 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct moving moving = { .page = from, .to_page = to, .slot = slot };
	__u64 key;

	if (!image || pages > REGION_PAGES)
		return 0;
	key = region_key(image->image_id, from);
	moving.from = bpf_map_lookup_elem(&regions, &key);
	if (!moving.from || is_unmarked(moving.from))
		return 0;
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
		bpf_loop(pages, move_page, &moving, 0);
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

/* Room was found for a mapping: for a new one, or for one that mremap moves there next. */
__noinline int note_mapping(__u64 address, __u64 info)
{
	__u64 length = BPF_CORE_READ((struct vm_unmapped_area_info *)info, length);
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct wire_image *image;
	__u64 mm = (__u64)READ_CURRENT(mm);
	__u32 *slot;

	if (!touch)
		return 0;
	touch->page = 0;
	touch->mapped = mapped_page(address, length);
	touch->hint = first_argument();
	touch->range.end = 0;
	touch->move = moved_range(address, length);
	if (!touch->move.pages)
		return 0;
	slot = bpf_map_lookup_elem(&mms, &mm);
	image = slot ? bpf_map_lookup_elem(&images, slot) : NULL;
	if (!image)
		return 0;
	touch->slot = *slot;
	image->marks++;
	bpf_loop(MAX_MOVE_STEPS, move_region, &touch, 0);
	/* How many of the pages that are left have owners is not known. */
	if (touch->move.pages)
		count_loss(image, LOSS_owner_memory, 0);
	return 0;
}

#endif
