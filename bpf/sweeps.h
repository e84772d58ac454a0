/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a task does to its address space, and looks through the range of its system call: for places
 * of what comes without a fault, and for the marks of what goes.
 */
#ifndef MEMPROBE_SWEEPS_H
#define MEMPROBE_SWEEPS_H

#include "marks.h"

/*
 * A look through the range of a system call, from event to event of it. When it has passed the
 * whole range since it found something there is nothing more: what goes is unmarked, as all that a
 * forked child inherits. It is looked for again when as much was marked anew, by whatever thread,
 * as that look is worth.
 */
struct sweep {
	__u64 cursor;
	__u64 passed; /* pages, since it found something */
	__u32 again;  /* at so many marks of the image */
	__u32 pad;
};

#define NR_SWEEPS 6 /* for releases of each kind, and two for growth */
#define SWEEP_GROWTH NR_KINDS
#define SWEEP_ABSENT (NR_KINDS + 1) /* growth where no page is */

/* Turns of a look that are worth a mark made since. */
#define TURNS_SHIFT 6

/* The Python thread that is behind what a native thread does: causes.h. */
struct cause {
	__u64 task; /* struct task_struct */
	__u64 thread_pointer;
	__u64 start_ns;
	__u32 tid;	   /* 0: none is known */
	__u32 runs_python; /* the thread itself has */
};

/* What a task does to its address space. */
struct touch {
	__u64 page;   /* of the last fault; 0: none */
	__u64 faults; /* how many the task had done when that began */
	__u64 mapped; /* where room was found for mmap's last mapping, 0: for mremap's */
	__u64 hint;   /* where that was wished. brk: the pages from `mapped` to here are new */
	__u64 offset; /* in its file, of what room was found for */
	struct page_range range;
	struct page_range filled; /* by the current call, as of its last growth: note_filled */
	__u64 ready_page;
	__u64 ready; /* pages of that growth, around ready_page; or 0 */
	struct sweep sweeps[NR_SWEEPS];
	struct page_move move; /* what is left of it: moves.h. verifier: as struct progress */
	__u32 slot;
	__u32 copier;	  /* node for which a page has been copied in this fault */
	__u64 error_code; /* of the fault, as one for reading once a page was copied (cow.h) */
	struct cause cause;
};
_Static_assert(NR_SWEEPS == NR_KINDS + 2, "sweeps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, struct touch);
} touches SEC(".maps");

/* Regions, or GiB and TiB without any, that one event looks through: 1 ms; a page table has one.
 * What is left stands on [unowned]. */
#define MAX_SWEPT_REGIONS (1 << 14)

__noinline int lose_touches(void)
{
	count_loss(NULL, LOSS_owner_memory, 0);
	return 0;
}

/* From here on a task's faults are noted. */
static __always_inline void watch_faults(struct task_struct *task)
{
	if (cfg_owners &&
	    !bpf_task_storage_get(&touches, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE))
		lose_touches();
}

/* Of a fault's error code: enum x86_pf_error_code. */
#define FAULT_PRESENT 1
#define FAULT_WRITE 2
#define FAULT_USER 4

/* How many page faults the current task has done. Those that the kernel has for it as it looks for
 * its pages (faultin_page, mm/gup.c), without the tracepoint of faults, are in it. */
static __always_inline __u64 count_faults(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->min_flt + task->maj_flt;
}

/*
 * Is the last fault that was noted still under way? One that brings no page is as good as any, and
 * no event tells of its end, but it is counted there (mm_account_fault, mm/memory.c). Only one that
 * ends in a signal is not: what the task does in a system call is not in a fault of its own code.
 */
static __always_inline bool is_in_fault(const struct touch *touch)
{
	if (touch->faults != count_faults())
		return false;
	return !(touch->error_code & FAULT_USER) || is_no_syscall();
}

/* A page fault, before anything is done about it. */
static __always_inline void note_fault(__u64 address, __u64 error_code)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct touch *touch = bpf_task_storage_get(&touches, task, NULL, 0);

	/* A BPF program's own read of an absent page is none. */
	if (!touch || task->pagefault_disabled)
		return;
	touch->page = address >> PAGE_SHIFT;
	touch->faults = count_faults();
	touch->range.end = 0;
	touch->error_code = (__s64)address < 0 ? 0 : error_code;
	touch->copier = 0;
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

/* The sweeps begin anew in a range that is another than before. Returns whether it is. */
static __always_inline bool begin_range(struct touch *touch, struct page_range range)
{
	if (touch->range.begin == range.begin && touch->range.end == range.end)
		return false;
	touch->range = range;
	for (int which = 0; which < NR_SWEEPS; which++) {
		touch->sweeps[which].cursor = range.begin;
		touch->sweeps[which].passed = 0;
	}
	return true;
}

static __always_inline __u64 sweep_region(struct progress *progress, bool is_growth)
{
	__u64 page = progress->page, end = progress->end, unit = TEBI_PAGES;

	if (is_growth)
		return fill_pages(progress->slot, page, end, progress->left | progress->how,
				  progress->owner);
	if (has_tebi(progress->slot, page)) {
		if (has_chunk(progress->slot, page))
			return release_region(progress->slot, page, end, progress->kind,
					      progress->left);
		unit = CHUNK_PAGES;
	}
	page = (page | (unit - 1)) + 1;
	return ((page < end ? page : end) - progress->page) << 32;
}

static __always_inline long sweep_on(void *data, bool is_growth)
{
	struct progress *progress = *(struct progress **)data;
	__u64 done;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	done = sweep_region(progress, is_growth);
	if (!done)
		return 1;
	progress->page += done >> 32;
	progress->left -= (__u32)done;
	return 0;
}

static long release_on(__u32 turn, void *data)
{
	return callback_result(sweep_on(data, false));
}

static long fill_on(__u32 turn, void *data)
{
	return callback_result(sweep_on(data, true));
}

static __always_inline long run_sweep(struct progress *progress, __u64 begin, __u64 end,
				      bool is_growth)
{
	long turns;

	progress->page = begin;
	progress->end = end;
	if (is_growth)
		turns = RARE_LOOP(MAX_SWEPT_REGIONS, fill_on, &progress);
	else
		turns = RARE_LOOP(MAX_SWEPT_REGIONS, release_on, &progress);
	return turns;
}

/*
 * Takes or lays marks of a kind in the touch's range, from the sweep's cursor on and, when the end
 * is reached, from the begin: the same range may be unmapped again and again. Returns how many.
 */
static __always_inline __u32 sweep_range(struct touch *touch, struct wire_image *image,
					 struct progress *progress, __u32 which, bool is_growth)
{
	struct sweep *sweep = &touch->sweeps[which];
	struct page_range range = touch->range;
	__u64 from = sweep->cursor, passed;
	__u32 pages = progress->left;
	long turns;

	if (sweep->passed >= range.end - range.begin) {
		if (which == SWEEP_ABSENT || (__s32)(image->marks - sweep->again) < 0)
			return 0;
		sweep->passed = 0;
	}
	turns = run_sweep(progress, from, range.end, is_growth);
	passed = progress->page - from;
	if (progress->left && progress->page >= range.end) {
		turns += run_sweep(progress, range.begin, from, is_growth);
		passed += progress->page - range.begin;
	}
	sweep->cursor = progress->page;
	if (!progress->left)
		passed = 0;
	sweep->passed = progress->left == pages ? sweep->passed + passed : passed;
	if (!is_growth && progress->left && sweep->passed < range.end - range.begin)
		count_loss(image, LOSS_range_unseen, -(__s64)progress->left);
	sweep->again = image->marks + 1 + (turns >> TURNS_SHIFT);
	return pages - progress->left;
}

/* Folios are aligned to their size, and may lie partly beyond what was asked for. */
static __always_inline struct page_range widen(struct page_range range, __u32 pages)
{
	if (pages & (pages - 1))
		return range;
	range.begin &= -(__u64)pages;
	range.end = (range.end + pages - 1) & -(__u64)pages;
	return range;
}

/*
 * Marks what came within a system call. Returns how many pages have a mark. A page comes where none
 * was, but in the place of the zero page; and some are mapped before they are counted, then the
 * next hole is taken for them, and what is left at the end for the last one. In a new mapping all
 * is absent at first. While MADV_COLLAPSE makes a huge page none of its small ones is mapped: most
 * memory is filled from its begin, so the last are taken for the holes.
 */
static __always_inline __u32 place_range(struct touch *touch, struct page_range range,
					 struct wire_image *image, __u32 pages, __u32 owner)
{
	struct progress *progress = find_progress(PROGRESS_REGIONS);
	bool is_new;

	if (!progress)
		return 0;
	progress->how = is_collapsing() ? FROM_END | ONLY_ABSENT : ONLY_ABSENT;
	is_new = is_mapping();
	if (!is_new && owner_kind(owner) == KIND_ANON)
		range = widen(range, pages);
	begin_range(touch, range);
	progress->slot = touch->slot;
	progress->left = pages;
	progress->owner = owner;
	if (!is_new)
		sweep_range(touch, image, progress, SWEEP_ABSENT, true);
	progress->how &= ~ONLY_ABSENT;
	if (progress->left)
		sweep_range(touch, image, progress, SWEEP_GROWTH, true);
	return pages - progress->left;
}

/* Does somebody own a page of the region? */
static __always_inline bool has_owners(__u32 slot, __u64 page)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct region *region = image ? find_region(image->image_id, page) : NULL;

	if (!region)
		return false;
	return count_marks(region) || (region->uniform && !is_expected(region->uniform));
}

/*
 * A huge page that may be the one that has come: nobody owns any of it. The kernel goes through a
 * range in order. An anonymous one is mapped before it is counted (mm/huge_memory.c), the holes
 * behind it are not yet: so it is the last before these. Those of files are mapped later
 * (do_set_pmd, mm/memory.c).
 */
static long look_at_huge(__u32 turn, void *data)
{
	struct progress *progress = *(struct progress **)data;
	__u64 page = progress->page;
	bool is_there;

	if (page >= progress->end)
		return 1;
	progress->page += REGION_PAGES;
	if (has_owners(progress->slot, page))
		return 0;
	is_there = is_present(page);
	if (is_there || !progress->found || owner_kind(progress->owner) != KIND_ANON)
		progress->found = page;
	return callback_result(!is_there);
}

/* Marks a huge page that came within a system call, which may have asked for a part of it. Returns
 * how many pages have a mark. */
static __always_inline __u32 place_huge_in(struct touch *touch, struct page_range range,
					   __u32 owner)
{
	struct progress *progress = find_progress(PROGRESS_REGIONS);
	struct sweep *sweep = &touch->sweeps[SWEEP_ABSENT];
	__u64 from;

	if (!progress)
		return 0;
	begin_range(touch, range);
	from = sweep->cursor < range.end ? sweep->cursor : range.begin;
	progress->page = from & -(__u64)REGION_PAGES;
	progress->end = range.end;
	progress->slot = touch->slot;
	progress->owner = owner;
	progress->found = 0;
	RARE_LOOP(MAX_SWEPT_REGIONS, look_at_huge, &progress);
	if (!progress->found)
		return 0;
	from = progress->found + REGION_PAGES;
	sweep->cursor = from < range.end ? from : range.end;
	return place_fault(touch->slot, progress->found, REGION_PAGES, owner);
}

/* Takes marks of what goes in the touch's range. Returns how many. */
static __always_inline __u32 release_range(struct touch *touch, struct wire_image *image,
					   __u32 kind, __u32 pages)
{
	struct progress *progress = find_progress(PROGRESS_REGIONS);

	if (!progress)
		return 0;
	touch->sweeps[SWEEP_GROWTH].passed = 0;
	/* A page that goes for another is there until that is counted. */
	if (pages != 1 || !is_filling())
		touch->sweeps[SWEEP_ABSENT].passed = 0;
	progress->slot = touch->slot;
	progress->left = pages;
	progress->kind = kind;
	return sweep_range(touch, image, progress, kind_index(kind & ~(TELL_OWNERS | ONLY_ZEROED)),
			   false);
}

#endif
