/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns each page: the path that touched it first, until it goes.
 *
 * The address of a touch is what the page fault says; kmem:rss_stat, which comes later in the same
 * fault, says how many pages came and of what kind. Of a fault-around the window is known and the
 * number, not which: the pages next to each other in it are taken. What comes without a fault
 * (MAP_POPULATE, mlock) is laid into the range of the system call, in order.
 *
 * A release happens in a system call whose registers tell the range (x86_syscalls.h). Its pages go
 * in the order of their addresses, a page table at a time, each with an event for each kind; so a
 * cursor for each kind walks through the range, and takes as many marks as the event says. It runs
 * within the unmapping: nobody can have mapped the range again.
 *
 * What has no place stands on [unowned], so that the sum is the books at any time.
 */
#ifndef MEMPROBE_OWNERS_H
#define MEMPROBE_OWNERS_H

#include "regions.h"
#include "x86_syscalls.h"

/* What a task does to its address space. */
struct touch {
	__u64 page;   /* of a fault whose pages have not come yet; 0: none */
	__u64 mapped; /* where the system call's mapping lies */
	struct page_range range;
	__u64 cursors[NR_KINDS]; /* in the range */
	__u32 image_id;
	__u32 slot;
	__u32 writer;	 /* node of a write to a present page, until a page comes for it (cow.h) */
	__u32 copier;	 /* node for which a page has been copied in this fault */
	__u64 by_kernel; /* it was a system call that wrote */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, struct touch);
} touches SEC(".maps");

/* Pages around a fault that the kernel maps with it: fault_around_bytes, mm/memory.c. */
#define FAULT_AROUND_PAGES 16

/* Regions that one event looks through; a page table has one. What is left stands on [unowned]. */
#define MAX_SWEPT_REGIONS 4096

/* From here on a task's faults are noted. */
static __always_inline void watch_faults(struct task_struct *task)
{
	if (cfg_owners)
		bpf_task_storage_get(&touches, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* A page fault, before anything is done about it. */
static __always_inline void note_fault(__u64 address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct touch *touch = bpf_task_storage_get(&touches, task, NULL, 0);

	/* A BPF program's own read of an absent page is none. */
	if (!touch || task->pagefault_disabled)
		return;
	touch->page = address >> PAGE_SHIFT;
	touch->range.end = 0;
	touch->writer = touch->copier = 0;
}

/* A page that somebody owns comes anew: its going was missed. */
static __always_inline void take_from(__u32 slot, __u32 owner, __s64 pages)
{
	hold(slot, owner_id(owner), owner_kind(owner), -pages);
	hold_unowned(slot, owner_kind(owner), pages);
}

/*
 * How far a loop over marks has come. verifier: what it knows of a number on the stack differs in
 * every turn, and it would never see two equal states; of a number in a map it knows nothing. One a
 * CPU is enough: rss_stat fires under the lock of a page table.
 */
struct progress {
	__u64 page, end;
	__u32 left;
	__u32 kind;
	__u32 slot;
	__u32 owner; /* who gets the marks, or had the last ones that were taken */
	__u32 run;   /* how many were taken of them, not yet told */
	__u32 pad;
};

enum { PROGRESS_PAGES, PROGRESS_REGIONS, NR_PROGRESSES };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_PROGRESSES);
	__type(key, __u32);
	__type(value, struct progress);
} progresses SEC(".maps");

static __always_inline struct progress *find_progress(__u32 which)
{
	return bpf_map_lookup_elem(&progresses, &which);
}

struct mark_loop {
	struct region *region;
	struct progress *progress;
};

/* A mark where there is none yet. */
static long fill_page(__u32 turn, void *data)
{
	struct mark_loop *loop = data;
	struct progress *progress = loop->progress;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	if (!read_owner(loop->region, progress->page)) {
		write_owner(loop->region, progress->page, progress->owner);
		progress->left--;
	}
	progress->page++;
	return 0;
}

/* Where a step from `page` on ends: at the end of the region at most. */
static __always_inline __u64 step_end(__u64 page, __u64 end)
{
	__u64 border = (page | (REGION_PAGES - 1)) + 1;

	return end < border ? end : border;
}

/* Marks up to so many pages from `page` on, to the end of the region at most. Returns how many are
 * marked, and above its 32 bits how far it went. */
__noinline __u64 fill_pages(__u32 slot, __u64 page, __u64 end, __u32 pages, __u32 owner)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct mark_loop loop = { .progress = find_progress(PROGRESS_PAGES) };

	if (!image || !loop.progress)
		return 0;
	end = step_end(page, end);
	loop.region = make_region(image->image_id, page);
	if (!loop.region) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (loop.region->uniform)
		return (end - page) << 32;
	loop.progress->page = page;
	loop.progress->end = end;
	loop.progress->left = pages;
	loop.progress->owner = owner;
	bpf_loop(REGION_PAGES, fill_page, &loop, 0);
	pages -= loop.progress->left;
	__sync_fetch_and_add(&loop.region->owned, pages);
	return (loop.progress->page - page) << 32 | pages;
}

/* A whole huge page. */
static __always_inline bool place_huge(__u32 slot, struct region *region, __u32 owner)
{
	if (region->owned)
		return false;
	if (region->uniform)
		take_from(slot, region->uniform, REGION_PAGES);
	region->uniform = owner;
	return true;
}

/* The page of a fault. Returns 1 when it is marked. */
__noinline int place_first(__u32 slot, __u64 page, __u32 pages, __u32 owner)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct region *region;
	__u32 stale;

	if (!image)
		return 0;
	region = make_region(image->image_id, page);
	if (!region) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (pages == REGION_PAGES && place_huge(slot, region, owner))
		return pages;
	split_uniform(region);
	stale = read_owner(region, page);
	write_owner(region, page, owner);
	if (stale)
		take_from(slot, stale, 1);
	else
		__sync_fetch_and_add(&region->owned, 1);
	return 1;
}

/* Where the pages of a fault lie: folios are aligned to their size. */
static __always_inline struct page_range fault_window(__u64 page, __u32 pages)
{
	struct page_range window;
	__u64 size = FAULT_AROUND_PAGES;

	for (int i = 0; i < REGION_SHIFT - 4 && size < pages; i++)
		size *= 2;
	window.begin = page & -size;
	window.end = window.begin + size;
	return window;
}

/* Marks what came with a fault. Returns how many pages have a mark. */
static __always_inline __u32 place_fault(__u32 slot, __u64 page, __u32 pages, __u32 owner)
{
	struct page_range window;
	__u32 placed = place_first(slot, page, pages, owner);

	if (!placed || placed >= pages)
		return placed;
	window = fault_window(page, pages);
	return placed + (__u32)fill_pages(slot, window.begin, window.end, pages - placed, owner);
}

/* The cursors go to the begin of a range that is another than before. Returns whether it is. */
static __always_inline bool begin_range(struct touch *touch, struct page_range range)
{
	if (touch->range.begin == range.begin && touch->range.end == range.end)
		return false;
	touch->range = range;
	for (int kind = 0; kind < NR_KINDS; kind++)
		touch->cursors[kind] = range.begin;
	return true;
}

static long fill_region(__u32 turn, void *data)
{
	struct progress *progress = *(struct progress **)data;
	__u64 done;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	done = fill_pages(progress->slot, progress->page, progress->end, progress->left,
			  progress->owner);
	if (!done)
		return 1;
	progress->page += done >> 32;
	progress->left -= (__u32)done;
	return 0;
}

/* Marks what came within a system call. Returns how many pages have a mark. */
static __always_inline __u32 place_range(struct touch *touch, struct page_range range, __u32 slot,
					 __u32 pages, __u32 owner)
{
	__u64 *cursor = &touch->cursors[owner_kind(owner)];
	struct progress *progress = find_progress(PROGRESS_REGIONS);

	if (!progress)
		return 0;
	begin_range(touch, range);
	progress->page = *cursor;
	progress->end = range.end;
	progress->slot = slot;
	progress->left = pages;
	progress->owner = owner;
	bpf_loop(MAX_SWEPT_REGIONS, fill_region, &progress, 0);
	*cursor = progress->page;
	return pages - progress->left;
}

static __always_inline struct touch *current_touch(__u32 slot, const struct wire_image *image)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL,
						   BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!touch)
		return NULL;
	touch->image_id = image->image_id;
	touch->slot = slot;
	return touch;
}

/* An anonymous page more: it came for the zero page or a file's, not for a shared one. */
static __always_inline void take_copy_back(struct touch *touch, __u32 kind)
{
	if (!touch->copier || kind != KIND_ANON)
		return;
	add_unshared(touch->copier, -1);
	touch->copier = 0;
}

/* Returns how many of the pages have a mark now. */
static __always_inline __u32 place_growth(struct touch *touch, __u32 slot, __u32 pages, __u32 owner)
{
	struct page_range range = filled_range(touch->mapped);
	__u64 page = touch->page;

	if (range.begin == range.end && page) {
		touch->page = 0;
		take_copy_back(touch, owner_kind(owner));
		return place_fault(slot, page, pages, owner);
	}
	if (range.begin == range.end)
		range = read_range();
	if (range.begin == range.end)
		return 0;
	return place_range(touch, range, slot, pages, owner);
}

/*
 * One page of a user's fault where nobody has had one: nearly all growth. No more is looked up than
 * the region and what the node holds. The node has been marked as changed with its growth. Returns
 * false where there is more to it.
 */
static __always_inline bool own_touched(struct wire_image *image, struct touch *touch, __u32 kind,
					__u32 id, __u32 owner)
{
	const __u64 page = touch->page;
	struct wire_held *node;
	struct region *region;

	if (!page || !is_no_syscall())
		return false;
	region = find_region(image->image_id, page);
	node = bpf_map_lookup_elem(&held, &id);
	if (!region || !node || region->uniform || read_owner(region, page))
		return false;
	touch->page = 0;
	write_owner(region, page, owner);
	__sync_fetch_and_add(&region->owned, 1);
	add_live(image, node, kind, 1);
	return true;
}

__noinline int own_growth(__u32 slot, __u32 kind, __u32 pages, __u32 id)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 owner = make_owner(id, kind), placed = 0;
	struct touch *touch;

	if (!image)
		return 0;
	touch = current_touch(slot, image);
	if (touch && owner && pages == 1 && own_touched(image, touch, kind, id, owner))
		return 0;
	if (touch && owner && pages <= REGION_PAGES)
		placed = place_growth(touch, slot, pages, owner);
	if (placed && hold(slot, id, kind, placed))
		placed = 0;
	if (placed < pages)
		hold_unowned(slot, kind, (__s64)pages - placed);
	return 0;
}

/* Marks of the same owner that lie one after the other are taken from it at once. */
static __always_inline void end_run(const struct progress *progress)
{
	if (progress->run)
		hold(progress->slot, owner_id(progress->owner), progress->kind,
		     -(__s64)progress->run);
}

static long release_page(__u32 turn, void *data)
{
	struct mark_loop *loop = data;
	struct progress *progress = loop->progress;
	__u32 owner;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	owner = read_owner(loop->region, progress->page);
	if (owner && owner_kind(owner) == progress->kind) {
		if (owner != progress->owner) {
			end_run(progress);
			progress->owner = owner;
			progress->run = 0;
		}
		write_owner(loop->region, progress->page, 0);
		progress->run++;
		progress->left--;
	}
	progress->page++;
	return 0;
}

/* A huge page that goes as a whole. */
static __always_inline bool release_huge(struct region *region, struct progress *progress)
{
	__u32 owner = region->uniform;

	if (progress->left < REGION_PAGES || progress->end - progress->page != REGION_PAGES)
		return false;
	region->uniform = 0;
	hold(progress->slot, owner_id(owner), owner_kind(owner), -(__s64)REGION_PAGES);
	progress->page = progress->end;
	progress->left -= REGION_PAGES;
	return true;
}

/* Takes up to so many marks of a kind from `page` on, to the end of the region at most. Returns how
 * many, and above its 32 bits how far it went. */
__noinline __u64 release_region(__u32 slot, __u64 page, __u64 end, __u32 kind, __u32 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct mark_loop loop = { .progress = find_progress(PROGRESS_PAGES) };
	struct progress *progress = loop.progress;
	struct region *region;
	__u64 key;

	if (!image || !progress)
		return 0;
	end = step_end(page, end);
	key = region_key(image->image_id, page);
	region = loop.region = bpf_map_lookup_elem(&regions, &key);
	if (!region || (region->uniform && owner_kind(region->uniform) != kind_index(kind)))
		return (end - page) << 32;
	*progress = (struct progress){
		.page = page, .end = end, .left = pages, .kind = kind_index(kind), .slot = slot
	};
	if (!region->uniform || !release_huge(region, progress)) {
		split_uniform(region);
		bpf_loop(REGION_PAGES, release_page, &loop, 0);
		end_run(progress);
		__sync_fetch_and_add(&region->owned, progress->left - pages);
	}
	pages -= progress->left;
	page = progress->page - page;
	/* Nobody else has a page in it that could be touched now. */
	if (page == REGION_PAGES && !region->owned && !region->uniform)
		bpf_map_delete_elem(&regions, &key);
	return page << 32 | pages;
}

static long sweep_region(__u32 turn, void *data)
{
	struct progress *progress = *(struct progress **)data;
	__u64 done;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	done = release_region(progress->slot, progress->page, progress->end, progress->kind,
			      progress->left);
	if (!done)
		return 1;
	progress->page += done >> 32;
	progress->left -= (__u32)done;
	return 0;
}

/* Takes marks of a kind in a range of pages, from the cursor on and then from the begin: the same
 * range may be unmapped again and again. Returns how many. */
static __always_inline __u32 release_range(struct touch *touch, struct page_range range, __u32 slot,
					   __u32 kind, __u32 pages)
{
	__u64 *cursor = &touch->cursors[kind_index(kind)];
	struct progress *progress = find_progress(PROGRESS_REGIONS);

	if (!progress)
		return 0;
	progress->page = *cursor;
	progress->end = range.end;
	progress->slot = slot;
	progress->left = pages;
	progress->kind = kind;
	bpf_loop(MAX_SWEPT_REGIONS, sweep_region, &progress, 0);
	if (progress->left && *cursor > range.begin) {
		progress->page = range.begin;
		progress->end = *cursor;
		bpf_loop(MAX_SWEPT_REGIONS, sweep_region, &progress, 0);
	}
	*cursor = progress->page;
	return pages - progress->left;
}

/* A fault takes its own page away when it puts another in its place, else one around it. */
static __always_inline __u32 release_at_fault(__u32 slot, __u64 page, __u32 kind, __u32 pages)
{
	struct page_range window = fault_window(page, pages);
	__u32 released = 0;

	if (pages == 1)
		released = (__u32)release_region(slot, page, page + 1, kind, 1);
	if (released < pages)
		released += (__u32)release_region(slot, window.begin, window.end, kind,
						  pages - released);
	return released;
}

/* The kernel counts a mapping as gone after its pages are: told now, or whoever comes next would be
 * taken for the one that unmaps. */
static __always_inline void note_unmapping(struct wire_image *image, struct page_range range,
					   __u32 id)
{
	__s64 pages = range.end - range.begin;

	if (!id || !is_unmapping() || pages > image->address_space)
		return;
	image->address_space -= pages;
	add_mapped((struct node_id){ id }, -pages);
}

/* `id` is the path that gives the pages back, whoever owned them. */
__noinline int own_release(__u32 slot, __u32 kind, __u32 pages, __u32 id)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct page_range range = released_range();
	__u32 released = 0;
	struct touch *touch;

	if (!image)
		return 0;
	touch = current_touch(slot, image);
	if (touch && range.begin != range.end) {
		if (begin_range(touch, range))
			note_unmapping(image, range, id);
		released = release_range(touch, range, slot, kind, pages);
	} else if (touch && touch->page && pages <= REGION_PAGES) {
		released = release_at_fault(slot, touch->page, kind, pages);
	}
	if (released < pages)
		release_unmarked(slot, kind, (__s64)pages - released);
	return 0;
}

/* What a path changes that runs in the image itself. */
static __always_inline void own_change(__u32 slot, __u32 kind, __s64 pages, struct node_id id)
{
	if (!cfg_owners)
		return;
	if (kind == KIND_SWAP)
		hold_unowned(slot, kind, pages);
	else if (pages > 0)
		own_growth(slot, kind, pages, id.value);
	else
		own_release(slot, kind, -pages, id.value);
}

/* What comes and goes where nobody has touched a page: nothing is marked. */
static __always_inline void own_elsewhere(__u32 slot, __u32 kind, __s64 pages, struct node_id id)
{
	if (!cfg_owners)
		return;
	if (pages > 0 && id.value)
		hold(slot, id.value, kind, pages);
	else if (pages > 0)
		hold_unowned(slot, kind, pages);
	else
		release_unmarked(slot, kind, -pages);
}

/* Marks that move with a mapping. */
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
	stale = read_owner(moving->to, moving->to_page + turn);
	write_owner(moving->to, moving->to_page + turn, owner);
	if (stale)
		take_from(moving->slot, stale, 1);
	else
		__sync_fetch_and_add(&moving->to->owned, 1);
	__sync_fetch_and_add(&moving->from->owned, -1);
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
	if (!moving.from || (!moving.from->owned && !moving.from->uniform))
		return 0;
	moving.to = make_region(image->image_id, to);
	if (!moving.to) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (pages == REGION_PAGES && moving.from->uniform && !moving.to->uniform &&
	    !moving.to->owned) {
		moving.to->uniform = moving.from->uniform;
		moving.from->uniform = 0;
	} else {
		split_uniform(moving.from);
		split_uniform(moving.to);
		bpf_loop(pages, move_page, &moving, 0);
	}
	if (pages == REGION_PAGES && !moving.from->owned)
		bpf_map_delete_elem(&regions, &key);
	return 0;
}

struct move_sweep {
	struct page_move move;
	__u32 slot;
	__u32 pad;
};

static long move_region(__u32 turn, void *data)
{
	struct move_sweep *sweep = data;
	__u64 step = REGION_PAGES - (sweep->move.from & (REGION_PAGES - 1));
	__u64 room = REGION_PAGES - (sweep->move.to & (REGION_PAGES - 1));

	if (!sweep->move.pages)
		return 1;
	step = step < room ? step : room;
	step = step < sweep->move.pages ? step : sweep->move.pages;
	move_pages(sweep->slot, sweep->move.from, sweep->move.to, step);
	sweep->move.from += step;
	sweep->move.to += step;
	sweep->move.pages -= step;
	return 0;
}

/* Two for each of the regions of 256 GiB: 10 ms. */
#define MAX_MOVE_STEPS (1 << 18)

/* Room was found for a mapping: for a new one, or for one that mremap moves there next. */
static __always_inline void note_mapping(__u64 address, __u64 length)
{
	struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	struct move_sweep sweep = {};
	struct wire_image *image;

	if (!touch || (__s64)address < 0) /* an error */
		return;
	touch->page = 0;
	touch->mapped = mapped_page(address, length);
	touch->range.end = 0;
	sweep.slot = touch->slot;
	image = bpf_map_lookup_elem(&images, &sweep.slot);
	if (!image || image->image_id != touch->image_id)
		return;
	sweep.move = moved_range(address, length);
	bpf_loop(MAX_MOVE_STEPS, move_region, &sweep, 0);
}

#endif
