/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lays the marks of owners in regions, and takes them away again, with what their nodes hold. The
 * global functions here do it within one region, so that each is verified once.
 */
#ifndef MEMPROBE_MARKS_H
#define MEMPROBE_MARKS_H

#include "regions.h"
#include "syscalls.h"

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
	__u32 owner;	 /* who gets the marks, or had the last ones that were taken */
	__u32 run;	 /* how many were taken of them, not yet told */
	__u32 lost;	 /* how many were taken of owners that have no room for what they hold */
	__u32 elsewhere; /* how many came for owners who were known before, and have been told */
	__u32 tells;	 /* who owned what goes is told that it has released it */
	__u32 how;	 /* ONLY_ABSENT, FROM_END */
	__u64 found;	 /* by a look for a place; to there pages are present; 0: none */
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

/* Pages around a fault that the kernel maps with it: fault_around_bytes, mm/memory.c. */
#define FAULT_AROUND_PAGES 16

/* Can a page be read without a fault? One that is not there cannot: within a program of ours
 * nothing is brought in. */
static __always_inline bool is_present(__u64 page)
{
	__u8 byte;

	return !bpf_probe_read_user(&byte, sizeof(byte), (void *)(page << PAGE_SHIFT));
}

struct mark_loop {
	struct region *region;
	struct progress *progress;
};

/* Where a step from `page` on ends: at the end of the region at most. */
static __always_inline __u64 step_end(__u64 page, __u64 end)
{
	__u64 border = (page | (REGION_PAGES - 1)) + 1;

	return end < border ? end : border;
}

/* The going of pages was missed, or is told later. There may have been no room to say that the
 * owner holds any: then they were nobody's already. */
static __always_inline void take_gone(struct wire_image *image, __u32 slot, __u32 owner,
				      __s64 pages)
{
	find_missing(image, owner_kind(owner), pages);
	if (!hold(slot, owner_id(owner), owner_kind(owner), -pages))
		hold_unowned(slot, owner_kind(owner), pages);
}

/* The same; an image that is known for longer would take stack. */
static __always_inline void take_from(__u32 slot, __u32 owner, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (image)
		take_gone(image, slot, owner, pages);
}

static __always_inline bool is_expected(__u32 owner)
{
	return owner && owner_kind(owner) == KIND_EXPECTED;
}

/* Is a page of that kind, which comes there, the one that is expected? Blocks have no pages of
 * files; which of these come around a fault is a guess. */
static __always_inline bool meets(__u32 there, __u32 kind)
{
	return is_expected(there) && kind != KIND_FILE;
}

/* Pages have come whose owner was known before. */
static __always_inline __u32 give_expected(__u32 slot, __u32 expected, __u32 kind, __u32 pages)
{
	struct progress *progress = find_progress(PROGRESS_PAGES);

	if (progress)
		progress->elsewhere += pages;
	hold_somewhere(slot, (struct node_id){ owner_id(expected) }, kind, pages);
	return make_owner(owner_id(expected), kind);
}

/* Set in a number of pages that get marks: a page that is there is none that comes, though it has
 * no mark. Pages that come are counted before they are mapped (do_anonymous_page, do_swap_page). */
#define ONLY_ABSENT (REGION_PAGES << 1)
/* The same: the pages of a region get them from its end on. How far from there is told, not where.
 */
#define FROM_END (REGION_PAGES << 2)
/* The same: only a page that is there. Those of files and of shared memory are mapped before they
 * are counted (finish_fault, mm/memory.c; filemap_map_pages, mm/filemap.c). */
#define ONLY_PRESENT (REGION_PAGES << 3)
/* The same: and none behind one that has no mark and is not there. */
#define UP_TO_ABSENT (REGION_PAGES << 4)

#define HOW_TO_FILL (ONLY_ABSENT | FROM_END | ONLY_PRESENT | UP_TO_ABSENT)

/* Pages that came together and lie one beside the other: where the last of so many is there, all
 * are. A look at each would cost more than the fault, for nobody has read them before. */
#define PAGES_A_LOOK 8

/* The same of a page that has no mark. */
static __always_inline bool has_come(const struct mark_loop *loop, __u64 page, __u64 flip)
{
	struct progress *progress = loop->progress;
	__u64 ahead = progress->page + PAGES_A_LOOK - 1;

	if (progress->page <= progress->found)
		return true;
	if (ahead >= progress->end)
		ahead = progress->end - 1;
	if (progress->how & UP_TO_ABSENT && progress->left > ahead - progress->page &&
	    !read_owner(loop->region, ahead ^ flip) && is_present(ahead ^ flip)) {
		progress->found = ahead;
		return true;
	}
	return is_present(page);
}

/* May the page be the one that comes? */
static __always_inline bool may_come(const struct mark_loop *loop, __u64 page, __u64 flip,
				     __u32 there)
{
	const struct progress *progress = loop->progress;

	if (there && !meets(there, owner_kind(progress->owner)))
		return false;
	if (progress->how & ONLY_PRESENT)
		return has_come(loop, page, flip);
	return !(progress->how & ONLY_ABSENT) || !is_present(page);
}

/* A mark where there is none yet. */
static long fill_page(__u32 turn, void *data)
{
	struct mark_loop *loop = data;
	struct progress *progress = loop->progress;
	__u64 flip = progress->how & FROM_END ? REGION_PAGES - 1 : 0, page = progress->page ^ flip;
	__u32 there, owner;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	there = read_owner(loop->region, page);
	if (may_come(loop, page, flip, there)) {
		owner = progress->owner;
		if (there) {
			owner = give_expected(progress->slot, there, owner_kind(owner), 1);
			add_marks(loop->region, KIND_EXPECTED, -1);
		}
		write_owner(loop->region, page, owner);
		progress->left--;
	} else if (!there && progress->how & UP_TO_ABSENT) {
		return 1;
	}
	progress->page++;
	return 0;
}

/* Marks up to so many pages from `page` on, to the end of the region at most. Returns how many are
 * marked, and above its 32 bits how far it went. */
__noinline __u64 fill_pages(__u32 slot, __u64 page, __u64 end, __u32 pages, __u32 owner)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct mark_loop loop = { .progress = find_progress(PROGRESS_PAGES) };
	const __u32 how = pages & HOW_TO_FILL;
	__u64 key;

	if (!image || !loop.progress)
		return 0;
	pages -= how;
	end = step_end(page, end);
	loop.region = make_region(slot, image->image_id, page);
	if (!loop.region) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (is_expected(loop.region->uniform))
		split_uniform(loop.region);
	if (loop.region->uniform || count_marks(loop.region) >= REGION_PAGES)
		return (end - page) << 32;
	loop.progress->slot = slot;
	loop.progress->page = page;
	loop.progress->end = end;
	loop.progress->left = pages;
	loop.progress->how = how;
	loop.progress->found = 0;
	loop.progress->owner = owner;
	bpf_loop(REGION_PAGES, fill_page, &loop, 0);
	pages -= loop.progress->left;
	add_marks(loop.region, owner_kind(owner), pages);
	key = region_key(image->image_id, page);
	page = loop.progress->page - page;
	if (is_unmarked(loop.region))
		bpf_map_delete_elem(&regions, &key);
	return page << 32 | pages;
}

/* A whole huge page. */
static __always_inline bool place_huge(__u32 slot, struct region *region, __u32 owner)
{
	if (count_marks(region) || region->owned[KIND_EXPECTED])
		return false;
	if (meets(region->uniform, owner_kind(owner)))
		owner = give_expected(slot, region->uniform, owner_kind(owner), REGION_PAGES);
	else if (region->uniform && !is_expected(region->uniform))
		take_from(slot, region->uniform, REGION_PAGES);
	region->uniform = owner;
	return true;
}

/* Where the pages of a fault lie: folios are aligned to their size. What is mapped around a fault
 * begins at an aligned address, or later with the mapping, and goes on for as much from there. */
static __always_inline struct page_range fault_window(__u64 page, __u32 pages)
{
	struct page_range window;
	__u64 size = FAULT_AROUND_PAGES;

	for (int i = 0; i < REGION_SHIFT - 4 && size < pages; i++)
		size *= 2;
	window.begin = page & -size;
	window.end = window.begin + size;
	if (size == FAULT_AROUND_PAGES)
		window.end += FAULT_AROUND_PAGES - 1;
	return window;
}

/* How far beyond its window, and by as many as came, the pages of a fault are looked for: a large
 * folio of the page cache may lie across it (writes make them of 64 pages). */
#define REACH_PAGES 64

/* Marks pages from one of a fault on, to the end of its window and so far beyond; with FROM_END in
 * `how` those below it. */
static __always_inline __u32 fill_beside(__u32 slot, __u64 page, __u64 beyond, __u32 pages,
					 __u32 owner, __u32 how)
{
	__u64 from = how & FROM_END ? page ^ (REGION_PAGES - 1) : page;
	__u64 end = step_end(from, (from | (FAULT_AROUND_PAGES - 1)) + 1 + beyond);

	from += how & FROM_END ? 1 : 0;
	return from < end ? (__u32)fill_pages(slot, from, end, pages | how, owner) : 0;
}

/*
 * What of a file or of shared memory came with a fault: all of a large folio of the page cache,
 * which lies where the offset in the file is a multiple of its size, whatever the address is, and
 * what is ready around. It is there, and what was there before has a mark; nearly always it lies
 * one beside the other. To look where nothing is costs as much as a fault: so first within the
 * window. Returns how many pages are marked.
 */
__noinline int fill_around(__u32 slot, __u64 page, __u32 pages, __u32 owner)
{
	__u32 left = pages, how = ONLY_PRESENT | UP_TO_ABSENT;
	__u64 beyond = 0;

	for (int i = 0; i < 3 && left; i++) {
		asm volatile("" : "+r"(i)); /* or clang writes the loop out */
		left -= fill_beside(slot, page, beyond, left, owner, how);
		if (left)
			left -= fill_beside(slot, page, beyond, left, owner, how | FROM_END);
		how = i ? ONLY_PRESENT : how;
		beyond = REACH_PAGES + pages;
	}
	return pages - left;
}

/* A page that somebody owns comes anew. Of a file it was a wrong guess which pages around a fault
 * there are, and another of them is; else its going was missed. */
static __always_inline void displace(__u32 slot, __u64 page, __u32 stale)
{
	struct page_range window = fault_window(page, 1);

	if (owner_kind(stale) == KIND_FILE &&
	    (__u32)fill_pages(slot, window.begin, window.end, 1, stale))
		return;
	take_from(slot, stale, 1);
}

/* The page of a fault. Returns how many pages are marked: all of a huge one, else one. */
__noinline int place_first(__u32 slot, __u64 page, __u32 pages, __u32 owner)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct region *region;
	__u32 stale;

	if (!image)
		return 0;
	region = make_region(slot, image->image_id, page);
	if (!region) {
		count_loss(image, LOSS_owner_memory, pages);
		return 0;
	}
	if (pages == REGION_PAGES && place_huge(slot, region, owner))
		return pages;
	split_uniform(region);
	stale = read_owner(region, page);
	if (meets(stale, owner_kind(owner)))
		owner = give_expected(slot, stale, owner_kind(owner), 1);
	write_owner(region, page, owner);
	add_marks(region, owner_kind(owner), 1);
	if (!stale)
		return 1;
	add_marks(region, owner_kind(stale), -1);
	if (!is_expected(stale))
		displace(slot, page, stale);
	return 1;
}

/* Set in the kind of pages that go: a native thread frees what others have taken, for whoever that
 * is, so it is booked as released on their owners' rows. */
#define TELL_OWNERS 0x100
/* The same: pages without a mark have been booked as gone before. */
#define ONLY_MARKED 0x200
/* The same: the page in whose place the zero page is. */
#define ONLY_ZEROED 0x1000

/* A region where no address is: of owners whose pages are not where they were marked. What goes
 * without a mark may be theirs. */
#define ADRIFT_PAGE (0xffffffffULL << REGION_SHIFT)

__noinline int tell_owner(__u32 owner, __u32 pages)
{
	struct node_id id = { owner_id(owner) };
	struct wire_node *node = node_at(id);

	if (node)
		add_to(id, node, owner_kind(owner), -(__s64)pages);
	return 0;
}

static __always_inline void let_go(struct progress *progress, __u32 owner, __u32 pages)
{
	if (progress->tells)
		tell_owner(owner, pages);
	if (hold(progress->slot, owner_id(owner), owner_kind(owner), -(__s64)pages))
		progress->lost += pages;
}

/* Marks of the same owner that lie one after the other are taken from it at once. */
static __always_inline void end_run(struct progress *progress)
{
	if (progress->run)
		let_go(progress, progress->owner, progress->run);
}

/* Has the zero page just come in the place of the page? Those before it in its huge page are there,
 * those behind it not yet: their entries are set in order (remove_migration_ptes, mm/migrate.c). */
static __always_inline bool is_zeroed(__u64 page)
{
	__u64 word;

	if (bpf_probe_read_user(&word, sizeof(word), (void *)(page << PAGE_SHIFT)) || word)
		return false;
	page++;
	return !(page & (REGION_PAGES - 1)) || !is_present(page);
}

static __always_inline bool may_go(const struct progress *progress, __u32 owner)
{
	if (!owner || owner_kind(owner) != progress->kind)
		return false;
	if (progress->how == ONLY_ZEROED)
		return is_zeroed(progress->page);
	return !progress->how || !is_present(progress->page);
}

static long release_page(__u32 turn, void *data)
{
	struct mark_loop *loop = data;
	struct progress *progress = loop->progress;
	__u32 owner;

	if (progress->page >= progress->end || !progress->left)
		return 1;
	owner = read_owner(loop->region, progress->page);
	if (may_go(progress, owner)) {
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
	let_go(progress, owner, REGION_PAGES);
	progress->page = progress->end;
	progress->left -= REGION_PAGES;
	return true;
}

static __always_inline bool has_kind(const struct region *region, __u32 kind)
{
	if (region->uniform)
		return owner_kind(region->uniform) == kind_index(kind);
	return region->owned[kind_index(kind)] != 0;
}

/* Takes up to so many marks of a kind from `page` on, to the end of the region at most. Returns how
 * many, and above its 32 bits how far it went. */
__noinline __u64 release_region(__u32 slot, __u64 page, __u64 end, __u32 kind, __u32 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct mark_loop loop = { .progress = find_progress(PROGRESS_PAGES) };
	struct progress *progress = loop.progress;
	const __u32 tells = kind & TELL_OWNERS, how = kind & (ONLY_ABSENT | ONLY_ZEROED);
	struct region *region;
	__u64 key;

	if (!image || !progress)
		return 0;
	kind -= tells | how;
	end = step_end(page, end);
	key = region_key(image->image_id, page);
	region = loop.region = bpf_map_lookup_elem(&regions, &key);
	if (!region || !has_kind(region, kind))
		return (end - page) << 32;
	*progress = (struct progress){ .page = page,
				       .end = end,
				       .left = pages,
				       .kind = kind_index(kind),
				       .slot = slot,
				       .tells = tells,
				       .how = how };
	if (!region->uniform || !release_huge(region, progress)) {
		split_uniform(region);
		bpf_loop(REGION_PAGES, release_page, &loop, 0);
		end_run(progress);
		add_marks(region, kind, progress->left - pages);
	}
	if (progress->lost)
		hold_unowned(slot, kind, -(__s64)progress->lost);
	pages -= progress->left;
	page = progress->page - page;
	/* Nobody else has a page in it that could be touched now: the whole of it was looked
	 * through, or its page table is locked for the unmapping. */
	if (is_unmarked(region) && (page == REGION_PAGES || is_unmapping()))
		bpf_map_delete_elem(&regions, &key);
	return page << 32 | pages;
}

#endif
