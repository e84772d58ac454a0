/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which path had a shared page copied. After a fork parent and child have the same pages, and who
 * writes to one first gets a copy. One page is there instead of another, so no RSS counter moves;
 * yet the machine has one page less.
 *
 * A copy is a fault for writing on a page that is present, and in it the allocation of one movable
 * page (do_wp_page, mm/memory.c). The fault alone is none: the last owner keeps the page. Where an
 * anonymous page more is counted in the same fault, it came for the zero page or for a private
 * file's: that is growth, and taken back (take_copy_back, owners.h).
 *
 * Every task of the machine runs into both tracepoints. So they are attached only while a forked
 * process is followed (user/capture/cow), and what they look at first is the arguments.
 *
 * The walk shares the scratch memory of rss_stat's. That is never in use here: the tracepoints of a
 * page fault are hit with interrupts off (handle_page_fault, arch/x86/mm/fault.c), and a fault that
 * a program of ours runs into is told by pagefault_disabled.
 */
#ifndef MEMPROBE_COW_H
#define MEMPROBE_COW_H

#include "book.h"

/* Of a fault's error code: enum x86_pf_error_code. */
#define FAULT_PRESENT 1
#define FAULT_WRITE 2
#define FAULT_USER 4

#define GFP_MOVABLE 8 /* ___GFP_MOVABLE */

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

/* Before anything is done about the fault. */
static __always_inline void note_write(__u64 address, __u64 error_code)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct change change = {};
	struct touch *touch;

	if (!is_write_to_present(error_code) || (__s64)address < 0)
		return;
	touch = bpf_task_storage_get(&touches, task, NULL, 0);
	if (!touch || task->pagefault_disabled)
		return;
	change.image = find_image(task->mm, &change.slot);
	if (!change.image)
		return;
	touch->slot = change.slot;
	touch->writer = find_writer(&change).value;
	touch->writer_loss = change.loss;
	touch->by_kernel = !(error_code & FAULT_USER);
}

/* The last owner of a page keeps it, so nothing is allocated; then a later system call may allocate
 * one. In a fault there is no system call (x86_syscalls.h), unless it was one that wrote. */
static __always_inline bool is_in_fault(const struct touch *touch)
{
	struct pt_regs *registers = syscall_registers();

	return touch->by_kernel || (registers && (__s64)registers->orig_ax < 0);
}

/* A page comes, for whatever. */
static __always_inline void note_copy(__u32 order, __u32 gfp)
{
	struct touch *touch;
	__u32 writer;

	if (order || !(gfp & GFP_MOVABLE))
		return;
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	if (!touch || !touch->writer)
		return;
	writer = touch->writer;
	touch->writer = 0;
	if (!is_in_fault(touch))
		return;
	if (add_unshared(touch->slot, writer, 1))
		return;
	touch->copier = writer;
	/* Without pages: RSS does not grow. */
	if (touch->writer_loss)
		count_slot_loss(touch->slot, touch->writer_loss - 1, 0);
}

#endif
