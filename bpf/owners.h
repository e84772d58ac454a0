/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns each page: the path that touched it first, until it goes.
 *
 * The address of a touch is what the page fault says; kmem:rss_stat, which comes later in the same
 * fault, says how many pages came and of what kind. Of a file's those next to it that are there and
 * have no mark yet came with it, at once or, where its own has to be read, just before. What comes
 * without a fault (MAP_POPULATE, mlock) is laid into the range of the system call, in order.
 *
 * A release happens in a system call whose registers tell the range (syscalls.h). Its pages go
 * in the order of their addresses, a page table at a time, each with an event for each kind; so a
 * cursor for each kind walks through the range, and takes as many marks as the event says. It runs
 * within the unmapping: nobody can have mapped the range again.
 *
 * A system call of which neither is known may come behind a fault that took nothing: its page is
 * asked only as long as that is under way.
 *
 * What has no place stands on [unowned], so that the sum is the books at any time.
 */
#ifndef MEMPROBE_OWNERS_H
#define MEMPROBE_OWNERS_H

#include "moving.h"

static __always_inline struct touch *current_touch(__u32 slot)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL,
						   BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (touch)
		touch->slot = slot;
	return touch;
}

/* There is more in the fault in which a page came: for the zero page or a file's, in shared memory,
 * but not for a page that was shared. */
static __always_inline void take_copy_back(struct touch *touch)
{
	if (!touch->copier || !is_in_fault(touch))
		return;
	add_unshared(touch->slot, touch->copier, -1);
	touch->copier = 0;
}

/* verifier: nothing is known of `pages` then, or what comes after would be followed twice. */
static __always_inline bool is_huge(__u32 pages)
{
	__u32 sign = ((pages ^ REGION_PAGES) - 1) >> 31;

	asm volatile("" : "+r"(sign));
	return sign;
}

/* A huge page comes where small ones have gone that were not told of, as another process's collapse
 * of shared memory takes them out. */
static __always_inline void forget_small(struct wire_image *image, __u32 slot, __u64 page,
					 __u32 kind)
{
	__u64 begin = page & -(__u64)REGION_PAGES;
	__u32 gone = release_region(slot, begin, begin + REGION_PAGES, kind, REGION_PAGES);

	find_missing(image, kind, gone);
	hold_unowned(slot, kind, gone);
}

/* What came with a fault. Of a file what is ready around it comes first, then its own page, when
 * that has been read. Returns how many of the pages have a mark. */
static __always_inline __u32 place_touched(struct touch *touch, struct wire_image *image,
					   __u64 page, __u32 pages, __u32 owner)
{
	__u32 placed = 0;

	if (is_huge(pages))
		forget_small(image, touch->slot, page, owner_kind(owner));
	else if (owner_kind(owner) != KIND_ANON)
		placed = fill_around(touch->slot, page, pages, owner);
	if (placed && !is_present(page))
		return placed;
	if (placed < pages)
		placed += place_fault(touch->slot, page, pages - placed, owner);
	return placed;
}

/* Notes what brk has added to a heap that is locked: image->heap tells of it as it was until the
 * first of its pages has come (note_mapped). */
__noinline int note_heap(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct touch *touch = current_touch(slot);
	__u64 end = (first_argument() + PAGE_SIZE - 1) >> PAGE_SHIFT;
	__s64 added;

	if (!image || !touch || syscall_number() != NR_brk)
		return 0;
	added = read_heap(READ_CURRENT(mm)) - image->heap;
	if (added > 0)
		touch->mapped = end - added;
	else if (touch->hint != end)
		touch->mapped = end;
	touch->hint = end;
	return 0;
}

/* How many pages of files or of shared memory are seen to come in a call: all or none. Those that
 * were there when an image was forked or attached to have no marks either: of a larger range they
 * would be taken for what comes. */
static __always_inline __u32 count_ready(const struct wire_image *image, struct page_range range,
					 __u32 pages, __u32 owner)
{
	if (owner_kind(owner) == KIND_ANON || pages == REGION_PAGES)
		return 0;
	return image->opening_site && range.end - range.begin > REACH_PAGES ? 0 : pages;
}

/* Where a call has come to that brings in a range of a file or of shared memory, with so many pages
 * next. */
static __always_inline __u64 next_ready(struct touch *touch, struct page_range range, __u64 pages)
{
	struct sweep *sweep = &touch->sweeps[SWEEP_GROWTH];
	__u64 page;

	begin_range(touch, range);
	page = sweep->cursor;
	sweep->cursor = page + pages < range.end ? page + pages : range.end;
	return page < range.end ? page : range.end - 1;
}

/* Notes what the system call fills. Returns whether that is known, and it is not a fault that
 * brings pages. verifier: what is noted are numbers of which nothing is known, not a way for each
 * call. */
__noinline int note_filled(void)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct page_range range;

	if (!touch)
		return 0;
	range = filled_range(touch->mapped, touch->hint);
	if (range.begin == range.end && touch->page && is_in_fault(touch))
		return 0;
	if (range.begin == range.end)
		range = direct_range();
	touch->filled = range;
	return range.begin != range.end;
}

/* Notes what of the pages that such a call has grown by is ready. */
__noinline int note_ready(__u32 slot, __u32 pages, __u32 owner)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!touch || !image)
		return 0;
	touch->ready = count_ready(image, touch->filled, pages, owner);
	if (touch->ready)
		touch->ready_page = next_ready(touch, touch->filled, pages);
	return 0;
}

/* Returns how many of the pages have a mark now. */
static __always_inline __u32 place_growth(struct touch *touch, struct wire_image *image,
					  __u32 pages, __u32 owner)
{
	struct page_range range;
	__u32 placed;

	take_copy_back(touch);
	if (!note_filled()) {
		if (!touch->page || !is_in_fault(touch))
			return 0;
		return place_touched(touch, image, touch->page, pages, owner);
	}
	range.begin = touch->filled.begin;
	range.end = touch->filled.end;
	settle_move(touch->slot, range.begin, range.end);
	note_ready(touch->slot, pages, owner);
	/* Also what comes from beyond the range, as in a fault: mapped by now. */
	placed = fill_around(touch->slot, touch->ready_page, touch->ready, owner);
	if (is_huge(pages))
		placed += place_huge_in(touch, range, owner);
	if (placed < pages)
		placed += place_range(touch, range, image, pages - placed, owner);
	return placed;
}

/*
 * One page of a user's fault where nobody has had one: nearly all growth; of a file it may be one
 * beside it. No more is looked up than the region and what the node holds. The node is marked as
 * changed with its growth. Returns false where there is more to it.
 */
static __always_inline bool own_touched(struct wire_image *image, struct touch *touch, __u32 kind,
					__u32 id, __u32 owner)
{
	const __u64 page = touch->page;
	struct wire_held *node;
	struct region *region;

	if (!page || kind == KIND_FILE || touch->copier || !is_no_syscall())
		return false;
	region = find_region(image->image_id, page);
	node = bpf_map_lookup_elem(&held, &id);
	if (!region || !node || region->uniform || read_owner(region, page))
		return false;
	write_owner(region, page, owner);
	add_marks(region, kind, 1);
	add_live(image, node, kind, 1);
	return true;
}

/* Of the pages that came so many have a mark, those among them that are others' (KIND_EXPECTED)
 * have been told. */
static __always_inline void tell_placed(__u32 slot, __u32 kind, __u32 pages, __u32 placed, __u32 id)
{
	struct progress *progress = find_progress(PROGRESS_PAGES);
	__u32 elsewhere = progress && placed ? progress->elsewhere : 0;

	if (elsewhere)
		progress->elsewhere = 0;
	if (placed > elsewhere && hold(slot, id, kind, placed - elsewhere))
		placed = elsewhere;
	if (placed < pages)
		hold_unowned(slot, kind, (__s64)pages - placed);
}

__noinline int own_growth(__u32 slot, __u32 kind, __u32 pages, __u32 id)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 owner = make_owner(id, kind), placed = 0;
	struct touch *touch;

	if (!image)
		return 0;
	image->marks += pages;
	touch = current_touch(slot);
	if (touch && owner && pages == 1 && own_touched(image, touch, kind, id, owner))
		return 0;
	note_heap(slot);
	if (touch && owner && pages <= REGION_PAGES)
		placed = place_growth(touch, image, pages, owner);
	tell_placed(slot, kind, pages, placed, id);
	return 0;
}

/*
 * A fault takes its own page away when it puts another in its place, else some around it. Where its
 * own has no mark, but one around that is not there has, it was a wrong guess which pages came
 * around a fault; else it was there before there were marks.
 */
static __always_inline __u32 release_at_fault(__u32 slot, __u64 page, __u32 kind, __u32 pages)
{
	struct page_range window = fault_window(page, pages);
	__u32 released = 0;

	if (pages == 1) {
		released = (__u32)release_region(slot, page, page + 1, kind, 1);
		kind |= ONLY_ABSENT;
	}
	if (released < pages)
		released += (__u32)release_region(slot, window.begin, window.end, kind,
						  pages - released);
	return released;
}

/* A huge page that a system call cuts at `page`: on either side none is there any more. */
static __always_inline __u32 release_cut(__u32 slot, __u32 kind, __u64 page)
{
	__u64 begin = page & -(__u64)REGION_PAGES;

	if (begin == page || is_present(page - 1) || is_present(page))
		return 0;
	return release_region(slot, begin, begin + REGION_PAGES, kind | ONLY_ABSENT, REGION_PAGES);
}

/*
 * A huge page of a file or of shared memory has gone. Where a system call is asked for a part of it
 * the kernel does not split the mapping but takes all of it out (__split_huge_pmd_locked,
 * mm/huge_memory.c): at the begin or the end of what is given back, moved, or made another mapping.
 * Returns how many marks were taken, and above its 32 bits how many pages are elsewhere. verifier:
 * always called, or what comes then would be followed twice.
 */
__noinline __u64 release_at_ends(__u32 slot, __u32 kind, __u32 pages, __u64 begin, __u64 end)
{
	struct page_range asked = asked_range();
	__u32 released;

	if (pages != REGION_PAGES || kind_index(kind) == KIND_ANON)
		return (__u64)pages << 32;
	if (begin == end) {
		begin = asked.begin;
		end = asked.end;
	}
	released = release_cut(slot, kind, begin);
	if (!released)
		released = release_cut(slot, kind, end);
	return released ? released : (__u64)pages << 32;
}

/*
 * The kernel counts a mapping as gone after its pages are: told now, or whoever comes next would be
 * taken for the one that unmaps. mm->brk is set before (mm/mmap.c). How large a segment is nobody
 * says: of it goes what was resident, with each event.
 */
static __always_inline void note_unmapping(struct wire_image *image, struct page_range range,
					   bool is_first, __u32 pages, __u32 id)
{
	__s64 gone = 0, of_heap = 0;

	switch (syscall_number()) {
	case NR_munmap:
	case NR_mremap:
		gone = is_first ? range.end - range.begin : 0;
		break;
	case NR_brk:
		gone = of_heap = image->heap - read_heap(READ_CURRENT(mm));
		break;
	case NR_shmdt:
		gone = pages;
		break;
	}
	if (!id || gone <= 0 || gone > image->address_space)
		return;
	image->address_space -= gone;
	image->heap -= of_heap;
	add_mapped(image, (struct node_id){ id }, -gone, -of_heap);
}

/* 511 for a page of which a huge page's split has made the zero page, wherever in the huge page it
 * is; else 0. verifier: no two ways go on behind the call. */
__noinline __u32 find_split(__u32 kind, __u32 pages)
{
	bool is_of_split = kind == KIND_ANON || kind == (KIND_ANON | TELL_OWNERS);

	return pages == 1 && is_of_split && is_splitting() ? REGION_PAGES - 1 : 0;
}

/*
 * `id` is the path that gives the pages back, whoever owned them. With TELL_OWNERS in `kind` the
 * release is booked on who owned them; with ONLY_MARKED pages without a mark are left alone.
 * Returns how many had one.
 */
__noinline __u32 own_release(__u32 slot, __u32 kind, __u32 pages, __u32 id)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct touch *touch = current_touch(slot);
	struct page_range range = released_range(touch && is_in_fault(touch));
	const __u32 asked = kind;
	const bool only_marked = kind & ONLY_MARKED;
	__u64 found, split;
	__u32 released;

	if (!image)
		return 0;
	kind &= ~ONLY_MARKED;
	if (range.begin != range.end)
		settle_move(slot, range.begin, range.end);
	found = release_at_ends(slot, kind, pages, range.begin, range.end);
	released = found;
	if (touch && range.begin != range.end) {
		split = find_split(asked, pages);
		range.begin &= ~split;
		range.end = (range.end + split) & ~split;
		note_unmapping(image, range, begin_range(touch, range), pages, id);
		released += release_range(touch, image, kind | (split & 1) * ONLY_ZEROED,
					  found >> 32);
	} else if (touch && touch->page && !only_marked && pages <= REGION_PAGES &&
		   is_in_fault(touch)) {
		settle_move(slot, touch->page, touch->page + 1);
		released += release_at_fault(slot, touch->page, kind, found >> 32);
	}
	if (only_marked || released >= pages)
		return released;
	if (image->flags & IMAGE_RACING)
		released += (__u32)release_region(slot, ADRIFT_PAGE, ADRIFT_PAGE + REGION_PAGES,
						  kind, pages - released);
	if (released < pages)
		release_unmarked(slot, kind & ~TELL_OWNERS, (__s64)pages - released);
	return released;
}

/*
 * Swap entries go. What was swapped out had gone without a mark: where they are unmapped it is
 * known what that was, for of a page table's pages those that were present have been told before.
 */
static __always_inline void own_swap_release(struct wire_image *image, __u32 slot, __u32 pages,
					     __u32 id)
{
	__u32 missing = missing_pages(image, KIND_ANON, pages);

	release_unmarked(slot, KIND_SWAP, pages);
	if (!missing || is_filling())
		return;
	missing = own_release(slot, KIND_ANON | ONLY_MARKED, missing, id);
	find_missing(image, KIND_ANON, missing);
	hold_unowned(slot, KIND_ANON, missing);
}

/* What a path changes that runs in the image itself. */
static __always_inline void own_change(struct wire_image *image, __u32 slot, __u32 kind,
				       __s64 pages, struct node_id id)
{
	if (!cfg_owners)
		return;
	if (kind == KIND_SWAP && pages < 0)
		own_swap_release(image, slot, -pages, id.value);
	else if (kind == KIND_SWAP)
		hold_unowned(slot, kind, pages);
	else if (pages < 0)
		own_release(slot, kind, -pages, id.value);
	else
		own_growth(slot, kind, pages, id.value);
}

/* What comes and goes where nobody has touched a page: nothing is marked. */
static __always_inline void own_elsewhere(__u32 slot, __u32 kind, __s64 pages, struct node_id id)
{
	if (!cfg_owners)
		return;
	if (pages > 0)
		hold_somewhere(slot, id, kind, pages);
	else
		release_unmarked(slot, kind, -pages);
}

#endif
