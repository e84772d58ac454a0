/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks that move with a mapping. mremap changes no counter; but the room for the mapping is looked
 * for within it, and mmap:vm_unmapped_area tells where it was found. Nothing is mapped there, nor
 * where room was found for a new mapping: marks are old ones. MREMAP_FIXED looks for no room, nor
 * does MREMAP_DONTUNMAP where the wished place is free: nobody tells that they move pages.
 */
#ifndef MEMPROBE_MOVES_H
#define MEMPROBE_MOVES_H

#include "askers.h"

struct clearing {
	struct wire_image *image;
	struct region *region, *adrift;
	__u64 page, slot;
};

/* Keeps the mark of a page that lies elsewhere; the oldest is forgotten for it. */
static __always_inline void set_adrift(struct clearing *clearing, __u32 owner)
{
	struct region *adrift = clearing->adrift;
	__u64 place = clearing->image->adrift++;

	take_mark(adrift, place);
	put_mark(adrift, place, owner);
}

static long clear_page(__u32 turn, void *data)
{
	struct clearing *clearing = data;
	__u32 owner = take_mark(clearing->region, clearing->page + turn);

	if (!owner || is_expected(owner))
		return 0;
	if (clearing->image->missing[owner_kind(owner)] > 0)
		take_gone(clearing->image, clearing->slot, owner, 1);
	else if (clearing->adrift)
		set_adrift(clearing, owner);
	return 0;
}

/* Clears the marks of pages that lie in one region, where nothing is mapped. */
__noinline int clear_pages(__u32 slot, __u64 page, __u32 pages)
{
	struct clearing clearing = { .page = page, .slot = slot };
	__u64 key;

	clearing.image = bpf_map_lookup_elem(&images, &slot);
	if (!clearing.image || pages > REGION_PAGES)
		return 0;
	key = region_key(clearing.image->image_id, page);
	clearing.region = bpf_map_lookup_elem(&regions, &key);
	if (!clearing.region)
		return 0;
	if (clearing.image->flags & IMAGE_RACING)
		clearing.adrift = make_region(slot, clearing.image->image_id, ADRIFT_PAGE);
	split_uniform(clearing.region);
	if (!is_unmarked(clearing.region))
		RARE_LOOP(pages, clear_page, &clearing);
	if (pages == REGION_PAGES)
		bpf_map_delete_elem(&regions, &key);
	return 0;
}

static long clear_region(__u32 turn, void *data)
{
	struct touch *touch = *(struct touch **)data;
	__u64 page = touch->range.begin, end = touch->range.end, next;

	if (page >= end)
		return 1;
	if (has_chunk(touch->slot, page)) {
		next = step_end(page, end);
		clear_pages(touch->slot, page, next - page);
	} else {
		next = (page | (CHUNK_PAGES - 1)) + 1;
	}
	touch->range.begin = next;
	return 0;
}

/*
 * The whole of the room that was found is empty, however much of it the mapping takes: marks there
 * are old ones, and the mapping's pages must not be taken for what they tell of. That has gone
 * unseen, if so many pages have gone whose marks were not found. Else MREMAP_FIXED has moved it,
 * and it stays its owner's; or threads race, and one is told of what another gave back or took
 * (counters.h): then it is set adrift until pages go that have no mark.
 */
static __always_inline void clear_room(struct touch *touch, struct page_range room)
{
	touch->range = room;
	RARE_LOOP(MAX_MOVE_STEPS, clear_region, &touch);
	touch->range.end = 0;
}

/* Where the mapping comes to lie. */
static __always_inline __u64 note_room(struct touch *touch, __u64 address, __u64 length,
				       struct vm_unmapped_area_info *info)
{
	struct room room = { .address = address, .flags = BPF_CORE_READ(info, flags) };
	__u64 bytes = sought_bytes();

	room.pad = bytes && bytes < length ? length - bytes : 0;
	if (!is_sought_again(room.pad))
		touch->offset = BPF_CORE_READ(info, align_offset);
	room.offset = touch->offset;
	address = align_mapping(&room);
	touch->page = 0;
	touch->mapped = is_mapping() ? address >> PAGE_SHIFT : 0;
	touch->hint = first_argument();
	return address;
}

/* Room was found for a mapping: for a new one, or for one that mremap moves there next. */
__noinline int note_mapping(__u64 address, __u64 info)
{
	__u64 length = BPF_CORE_READ((struct vm_unmapped_area_info *)info, length);
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct wire_image *image;
	__u64 mm = (__u64)READ_CURRENT(mm), place;
	__u32 *slot;

	if (!touch)
		return 0;
	place = note_room(touch, address, length, (struct vm_unmapped_area_info *)info);
	slot = bpf_map_lookup_elem(&mms, &mm);
	image = slot ? bpf_map_lookup_elem(&images, slot) : NULL;
	if (!image)
		return 0;
	touch->slot = *slot;
	if (!is_main_thread() && !(image->flags & IMAGE_RACING))
		image->flags |= IMAGE_RACING;
	settle_move(*slot, 0, 0);
	clear_room(touch, pages_of(address, length));
	touch->move = moved_range(place);
	if (!touch->move.pages)
		return 0;
	keep_move(*slot, image->image_id, touch->move);
	move_marks();
	/* How many of the pages that are left have owners is not known. */
	if (touch->move.pages)
		count_loss(image, LOSS_owner_memory, 0);
	return 0;
}

#endif
