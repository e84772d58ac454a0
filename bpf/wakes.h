/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who wakes native threads. Attached only once an image runs Python in several threads and a native
 * one takes pages there: every wake-up of the machine comes by here.
 *
 * sched_waking fires in the thread that wakes, before the other can run. What interrupts and faults
 * wake is nobody's work. A Python thread is the cause of what it wakes, and a native one hands on
 * its own cause.
 */
#ifndef MEMPROBE_WAKES_H
#define MEMPROBE_WAKES_H

#include "causes.h"

#define TASK_INTERRUPTIBLE 1

/* What an image's askers are made of: zeroes, for which the stack has no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct askers);
} no_askers SEC(".maps");

/* Where a thread's registers lie is the same for all kernel stacks. verifier: up to 6.12 it does
 * not subtract from their pointer; read from a map it is a number. */
static __always_inline void fill_asker(struct asker *asker, struct task_struct *task)
{
	struct task_struct *current = (void *)bpf_get_current_task();

	asker->registers = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
	asker->registers = *(volatile __u64 *)&asker->registers -
			   (__u64)BPF_CORE_READ(current, stack) + (__u64)BPF_CORE_READ(task, stack);
	asker->task = (__u64)task;
	asker->thread_pointer = BPF_CORE_READ(task, THREAD_POINTER);
	asker->start_ns = BPF_CORE_READ(task, start_time);
	asker->call = 0;
	asker->pool = 0;
	asker->tid = BPF_CORE_READ(task, pid);
}

enum asker_place { PLACE_TAKEN, PLACE_FREE, PLACE_OWN };

/* What a place is for a thread. Returns enum asker_place. */
__noinline int look_at_place(__u32 image_id, __u32 index, __u64 task)
{
	const struct askers *all = find_askers(image_id);
	const struct asker *asker;

	if (!all || index >= MAX_ASKERS)
		return PLACE_TAKEN;
	asker = &all->all[index];
	if (!asker->tid || !is_alive(asker->task, asker->tid, asker->start_ns))
		return PLACE_FREE;
	return asker->task == task ? PLACE_OWN : PLACE_TAKEN;
}

__noinline int put_asker(__u32 image_id, __u64 task)
{
	struct askers *all = find_askers(image_id);
	__u32 free = MAX_ASKERS;

	for (__u32 i = 0; i < MAX_ASKERS; i++) {
		int place = look_at_place(image_id, i, task);

		if (place == PLACE_OWN)
			return 0;
		if (place == PLACE_FREE)
			free = i;
	}
	asm volatile("" : "+r"(free)); /* verifier: not a state for each place */
	if (!all)
		return 0;
	if (free >= MAX_ASKERS)
		all->has_more = 1;
	else
		fill_asker(&all->all[free], (void *)task);
	return 0;
}

/* The task of a thread state; 0: not known. */
static __always_inline __u64 find_task(const struct wire_image *image,
				       const struct wire_layout *layout, __u64 tstate)
{
	struct task_struct *leader = READ_CURRENT(group_leader);
	__u64 thread = 0, key, *task;

	if (read_user(&thread, sizeof(thread), tstate + layout->tstate_thread))
		return 0;
	thread += known_self_below(image, layout);
	if (BPF_CORE_READ(leader, THREAD_POINTER) == thread)
		return (__u64)leader;
	key = name_task(bpf_get_current_pid_tgid() >> 32, thread);
	task = bpf_map_lookup_elem(&followed_tasks, &key);
	return task ? *task : 0;
}

/* One thread state: its thread may give work to pools. Returns the next, 0: there is none. */
__noinline __u64 add_asker(__u32 slot, __u64 tstate)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct askers *all = image ? find_askers(image->image_id) : NULL;
	__u64 task, next = 0;

	if (!layout || !all)
		return 0;
	task = find_task(image, layout, tstate);
	if (!task || read_user(&next, sizeof(next), tstate + layout->tstate_next))
		all->has_more = 1;
	else
		put_asker(image->image_id, task);
	return next;
}

/* All of them, the newest first; `head` is what look_for_askers() has found. */
__noinline int add_askers(__u32 slot, __u64 head)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	__u32 zero = 0, image_id = image ? image->image_id : 0;
	const struct askers *none = bpf_map_lookup_elem(&no_askers, &zero);
	struct askers *all = find_askers(image_id);
	__u64 newest;

	if (!all && none)
		bpf_map_update_elem(&askers, &image_id, none, BPF_NOEXIST);
	all = find_askers(image_id);
	if (!python || !layout || !all || all->newest == head ||
	    read_newest(layout, python->bias, &newest))
		return 0;
	all->has_more = 0;
	for (__u32 i = 0; i < 2 * MAX_ASKERS && newest; i++)
		newest = add_asker(slot, newest);
	if (newest)
		all->has_more = 1;
	all->newest = head;
	return 0;
}

/* The place of a thread that may give work to pools; MAX_ASKERS: it is none. */
__noinline __u32 find_asker(__u32 image_id, __u32 tid)
{
	const struct askers *all = find_askers(image_id);
	__u32 found = MAX_ASKERS;

	for (__u32 i = 0; i < MAX_ASKERS; i++) {
		if (all && all->all[i].tid == tid)
			found = i;
	}
	return found;
}

/* The current thread runs Python and has woken one of a pool's. */
__noinline int note_use(__u32 slot, __u32 pool)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct askers *all = image ? find_askers(image->image_id) : NULL;
	__u32 index = image ? find_asker(image->image_id, bpf_get_current_pid_tgid()) : MAX_ASKERS;

	if (!all || index >= MAX_ASKERS)
		return 0;
	all->all[index].pool = pool;
	all->all[index].call = find_call_of(slot, all->all[index].thread_pointer);
	return 0;
}

static __always_inline bool is_in_syscall(void)
{
	struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return (int)registers->SYSCALL_NUMBER >= 0;
}

/* What the image's askers have run until now. */
static __always_inline void note_askers(struct wake *wake, const struct askers *all)
{
	for (__u32 i = 0; i < MAX_ASKERS; i++) {
		struct task_struct *task = (void *)all->all[i].task;

		if (all->all[i].tid)
			wake->ran[i] = BPF_CORE_READ(task, se.sum_exec_runtime);
	}
}

/* Fills in on whose behalf the current thread wakes another. Returns whether that is known. */
static __always_inline bool fill_wake(struct wake *wake, __u32 image_id)
{
	const struct wake *own;

	if (find_asker(image_id, bpf_get_current_pid_tgid()) < MAX_ASKERS) {
		wake->task = bpf_get_current_task();
		wake->tid = bpf_get_current_pid_tgid();
		wake->start_ns = CURRENT(start_time);
		wake->thread_pointer = CURRENT(THREAD_POINTER);
		return true;
	}
	own = find_wake();
	if (!own)
		return false;
	wake->task = own->task;
	wake->tid = own->tid;
	wake->start_ns = own->start_ns;
	wake->thread_pointer = own->thread_pointer;
	return true;
}

/* The current thread wakes one of its own process. */
__noinline int note_wake_of(__u32 slot, __u64 address)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct task_struct *woken = (void *)address;
	struct wake wake = {};
	const struct askers *all;
	char comm[COMM_BYTES] = {};
	__u64 head;
	__u32 tid;

	head = look_for_askers(slot);
	if (!image || head == NO_ASKERS || head == UNKNOWN_ASKERS)
		return 0;
	add_askers(slot, head);
	all = find_askers(image->image_id);
	tid = BPF_CORE_READ(woken, pid);
	if (!all || find_asker(image->image_id, tid) < MAX_ASKERS ||
	    !fill_wake(&wake, image->image_id))
		return 0;
	wake.woken_start_ns = BPF_CORE_READ(woken, start_time);
	if (wake.tid == (__u32)bpf_get_current_pid_tgid()) {
		bpf_probe_read_kernel(comm, sizeof(comm), woken->comm);
		note_use(slot, name_pool(comm));
	}
	note_askers(&wake, all);
	bpf_map_update_elem(&wakes, &tid, &wake, BPF_ANY);
	return 0;
}

/* Whether it sleeps, or has just been made, is the caller's to know. */
static __always_inline void note_wake(struct task_struct *woken)
{
	struct task_struct *waker = bpf_get_current_task_btf();
	__u64 mm = (__u64)waker->mm;
	__u32 *slot;

	if (!mm || (__u64)BPF_CORE_READ(woken, mm) != mm || !is_in_syscall() ||
	    BPF_CORE_READ(woken, pid) == BPF_CORE_READ(woken, tgid))
		return;
	slot = bpf_map_lookup_elem(&mms, &mm);
	if (slot)
		note_wake_of(*slot, (__u64)woken);
}

#endif
