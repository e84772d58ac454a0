/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which path had a shared page copied. After a fork parent and child have the same pages, and who
 * writes to one first gets a copy. One page is there instead of another, so no RSS counter moves;
 * yet the machine has one page less.
 *
 * A copy is a fault for writing on a page that is present, and in it the allocation of one movable
 * page (do_wp_page, mm/memory.c). The fault alone is none: the last owner keeps the page. Where a
 * page more is counted in the same fault, it came for the zero page or for a private file's: that
 * is growth, and taken back (take_copy_back, owners.h).
 *
 * Every task of the machine runs into the tracepoint of an allocation. So it is attached only while
 * a forked process is followed (user/capture/cow), and what is looked at first is the arguments.
 * The fault is noted for owners already (note_fault, owners.h).
 *
 * mlock and MADV_POPULATE_WRITE write to pages by faults of the kernel's that we do not see begin,
 * but are counted (is_in_fault): the movable page that comes within one is a copy until it turns
 * out as growth, of shared memory, too. What is read ahead of a file meanwhile is none, and known
 * by its flags.
 *
 * The walk is done where the page is allocated: interrupts are on there, so that the kernel can
 * make room for rows of our tables, which it does in an interrupt (bpf_mem_refill,
 * kernel/bpf/memalloc.c). It shares the scratch memory of rss_stat's, which is never in use here:
 * what a program of ours allocates is not movable, and no page of a process is allocated in an
 * interrupt.
 */
#ifndef MEMPROBE_COW_H
#define MEMPROBE_COW_H

#include "book.h"

#define GFP_MOVABLE 8 /* ___GFP_MOVABLE */
#define GFP_FS 0x80   /* ___GFP_FS: reading ahead does without (page_cache_ra_unbounded) */

static __always_inline bool is_write_to_present(__u64 error_code)
{
	return (error_code & (FAULT_PRESENT | FAULT_WRITE)) == (FAULT_PRESENT | FAULT_WRITE);
}

/* The current path; where it has no node for want of room, [unowned]. */
static __always_inline struct node_id find_writer(struct change *change)
{
	struct node_id id = find_current(change, false);

	return id.value ? id : find_plain_special(change, SITE_UNOWNED);
}

/* The current path has had a page copied. */
static __always_inline void add_copy(struct touch *touch)
{
	struct change change = {};
	__u32 writer;

	change.image = find_image(CURRENT(mm), &change.slot);
	if (!change.image)
		return;
	touch->slot = change.slot;
	writer = find_writer(&change).value;
	if (!writer || add_unshared(change.slot, writer, 1))
		return;
	touch->copier = writer;
	/* Without pages: RSS does not grow. */
	if (change.loss)
		count_slot_loss(change.slot, change.loss - 1, 0);
}

/* Is the page for what the task's last fault wrote to? The last owner of a page keeps it, so
 * nothing is allocated; then a later system call may allocate one. */
static __always_inline bool takes_fault(struct touch *touch)
{
	if (!is_write_to_present(touch->error_code) || !is_in_fault(touch))
		return false;
	/* A page that can be read takes no fault but for writing. */
	if (!HAS_FAULT_CODE && !is_present(touch->page))
		return false;
	touch->error_code &= ~(__u64)FAULT_WRITE;
	return true;
}

/* Is it for what a system call writes to without a fault that was noted? In one of the kernel's two
 * pages may come, of which one is a file's or shared memory's: neither is a copy. */
static __always_inline bool takes_call(struct touch *touch, __u32 gfp)
{
	if (!(gfp & GFP_FS) || !is_writing_to_all() || (touch->copier && is_in_fault(touch)))
		return false;
	touch->faults = count_faults();
	touch->page = 0;
	touch->error_code = 0;
	touch->copier = 0;
	return true;
}

/* A page comes, for whatever. */
static __always_inline void note_copy(__u32 order, __u32 gfp)
{
	struct touch *touch;

	if (order || !(gfp & GFP_MOVABLE))
		return;
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	if (touch && (takes_fault(touch) || takes_call(touch, gfp)))
		add_copy(touch);
}

#endif
