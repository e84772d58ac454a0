/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Begin and end of address spaces and processes.
 *
 * An image begins at exec (with the arguments' few pages, booked on [startup]), at fork (with
 * what it inherits: at sched_process_fork the child's mm is complete and the child has not run)
 * or when user space attaches. It ends at the first event with mm_users == 0, which cannot rise
 * again: exit_mmap runs only then, after exit, exec or the last outside reader. That holds for a
 * process that lived 5 ms and for one that was killed, and teardown is never booked as release.
 */
#ifndef MEMPROBE_LIFECYCLE_H
#define MEMPROBE_LIFECYCLE_H

#include "cached.h"

struct birth {
	struct mm_struct *mm;
	__u32 tgid;
	__u32 ppid;
	__u32 reason; /* enum wire_begin_reason */
	__u32 parent_slot;
	__u32 parent_image; /* image_id, 0: none */
};

/* An executable with its interpreter linked in is known by its inode; its load address follows
 * from mm->start_code. */
static __always_inline void resolve_file(struct wire_python *python, struct mm_struct *mm)
{
	struct wire_file_layout *known = find_file(BPF_CORE_READ(mm, exe_file, f_inode));

	if (!known)
		return;
	python->state = PYTHON_KNOWN;
	python->layout = known->layout;
	python->bias = BPF_CORE_READ(mm, start_code) - known->text_vaddr;
}

static __always_inline void resolve_python(struct birth *birth, struct wire_python *ret)
{
	struct wire_python *parent;

	if (birth->reason == BEGIN_EXEC)
		resolve_file(ret, birth->mm);
	if (birth->reason != BEGIN_FORK)
		return;
	parent = bpf_map_lookup_elem(&pythons, &birth->parent_slot);
	if (!parent || parent->image_id != birth->parent_image)
		return;
	ret->bias = parent->bias;
	ret->layout = parent->layout;
	ret->state = parent->state;
}

static __always_inline void read_counters(struct wire_image *image, struct mm_struct *mm,
					  __u32 slot, __s64 *ret, bool percpu, bool reset)
{
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		if (percpu) {
			ret[kind] = percpu_counter_read(image, mm, slot, kind, reset);
			continue;
		}
		ret[kind] = cached_count(mm, kind);
		if (reset)
			image->claimed[kind] = ret[kind];
	}
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_image_begin);
} begin_buffers SEC(".maps");

static __always_inline void copy_args(struct wire_image_begin *record, struct mm_struct *mm)
{
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u64 bytes = BPF_CORE_READ(mm, arg_end) - start;

	BOUND(bytes, MAX_ARGS_BYTES);
	record->args_bytes = read_user(record->args, bytes, start) ? 0 : bytes;
}

static __always_inline long send_begin(struct wire_image *image, struct birth *birth, __u32 slot,
				       struct wire_python *python)
{
	__u32 zero = 0;
	struct wire_image_begin *record = bpf_map_lookup_elem(&begin_buffers, &zero);
	struct mm_struct *mm = birth->mm;

	if (!record)
		return -1;
	record->head.type = RECORD_IMAGE_BEGIN;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->slot = slot;
	record->tgid = birth->tgid;
	record->ppid = birth->ppid;
	record->reason = birth->reason;
	record->parent_image = birth->parent_image;
	record->layout = (__u32)python->state << 16 | python->layout;
	record->bias = python->bias;
	for (int kind = 0; kind < NR_KINDS; kind++)
		record->opening[kind] = image->opening[kind];
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->args_bytes = 0;
	if (birth->reason == BEGIN_EXEC) {
		identify(BPF_CORE_READ(mm, exe_file, f_inode), &record->program);
		copy_args(record, mm);
	}
	return send(record, sizeof(*record), true);
}

#define CLEARED_AT_ONCE offsetof(struct wire_image, loss_events)

/* In two parts: clang takes more than 1,024 bytes for a call of memset, which there is not. */
static __always_inline void clear_image(struct wire_image *image)
{
	__builtin_memset(image, 0, CLEARED_AT_ONCE);
	asm volatile("" ::: "memory"); /* they stay two */
	__builtin_memset((char *)image + CLEARED_AT_ONCE, 0, sizeof(*image) - CLEARED_AT_ONCE);
}

static __always_inline struct wire_image *take_slot(__u32 *ret_slot)
{
	struct wire_image *image;
	__u32 image_id;

	if (bpf_map_pop_elem(&free_slots, ret_slot))
		return NULL;
	image = bpf_map_lookup_elem(&images, ret_slot);
	if (!image)
		return NULL;
	/* Never used twice: the slot plus a multiple of the number of slots, and never 0. */
	image_id = (image->image_id ? image->image_id : *ret_slot) + MAX_IMAGES;
	clear_image(image);
	image->image_id = image_id;
	return image;
}

/* What an exec'd image has at birth, its arguments, is its own growth. */
static __always_inline void book_arguments(struct wire_image *image, __u32 slot,
					   const __s64 *arguments)
{
	struct change change = { .image = image, .slot = slot };
	struct wire_thread *thread = current_thread(image);

	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		change.kind = kind;
		change.pages = arguments[kind];
		if (!change.pages)
			continue;
		book_on(&change, find_plain_special(&change, SITE_STARTUP));
		if (thread && kind != KIND_SWAP)
			thread->growth += change.pages;
	}
}

/* A forked child goes on where its parent was. */
static __always_inline __u32 first_flags(struct birth *birth)
{
	struct wire_image *parent;
	__u32 flags;

	if (birth->reason == BEGIN_ATTACH)
		return IMAGE_ATTACHED;
	if (birth->reason != BEGIN_FORK)
		return 0;
	parent = bpf_map_lookup_elem(&images, &birth->parent_slot);
	if (!parent || parent->image_id != birth->parent_image)
		return 0;
	flags = parent->flags & (IMAGE_RUNTIME_SEEN | IMAGE_MAIN_SEEN);
	if (parent->flags & IMAGE_ATTACHED)
		flags = IMAGE_RUNTIME_SEEN | IMAGE_MAIN_SEEN;
	return flags;
}

static __always_inline void begin_image(struct birth *birth, bool percpu)
{
	struct wire_python python = {};
	struct wire_image *image;
	__u64 mm = (__u64)birth->mm;
	__s64 *counters;
	__u32 slot = 0;

	image = take_slot(&slot);
	if (!image) {
		count_loss(NULL, LOSS_images_full, 0);
		return;
	}
	image->mm = mm;
	image->tgid = birth->tgid;
	image->flags = first_flags(birth);
	python.image_id = image->image_id;
	resolve_python(birth, &python);
	if (python.state == PYTHON_KNOWN)
		image->flags |= IMAGE_FIND_JUDGED;
	bpf_map_update_elem(&pythons, &slot, &python, BPF_ANY);
	counters = image->cached; /* the stack is short of room; 0 again below */
	read_counters(image, birth->mm, slot, counters, percpu, true);
	for (int kind = 0; kind < NR_KINDS && birth->reason != BEGIN_EXEC; kind++)
		image->books[kind] = image->opening[kind] = counters[kind];
	image->sampled = image->peak = image_rss(image);
	/* First of all the image's records: events, and their sites, come once it is in the table.
	 */
	if (send_begin(image, birth, slot, &python)) {
		count_loss(NULL, LOSS_images_unsent, 0);
		bpf_map_push_elem(&free_slots, &slot, BPF_ANY);
		return;
	}
	bpf_map_update_elem(&mms, &mm, &slot, BPF_ANY);
	if (birth->reason == BEGIN_EXEC)
		book_arguments(image, slot, counters);
	__builtin_memset(image->cached, 0, sizeof(image->cached));
}

static __always_inline void send_balance(struct wire_image *image, __u32 slot, __u32 type,
					 struct wire_balance *record)
{
	record->head.type = type;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->slot = slot;
	record->tgid = image->tgid;
	for (int kind = 0; kind < NR_KINDS; kind++)
		record->books[kind] = image->books[kind];
	send(record, sizeof(*record), true);
}

/* The record on a stack of its own: the events' programs are short of room. */
__noinline int send_end(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_balance record = {};

	if (!image)
		return 0;
	for (int kind = 0; kind < NR_KINDS; kind++)
		record.kernel[kind] = image->closing[kind];
	send_balance(image, slot, RECORD_IMAGE_END, &record);
	return 0;
}

/* At the first event of the teardown, which moved `kind` by `pages` already. */
static __always_inline void end_image(struct change *change, struct mm_struct *mm, bool percpu)
{
	struct wire_image *image = change->image;
	__u64 key = (__u64)mm;

	/* Kept in the image, should there be no room for the record. */
	read_counters(image, mm, change->slot, image->closing, percpu, false);
	image->closing[kind_index(change->kind)] -= change->pages;
	image->end_ns = bpf_ktime_get_ns();
	bpf_map_delete_elem(&mms, &key);
	image->mm = 0;
	send_end(change->slot);
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_cpu);
} cpu_events SEC(".maps");

/* Finds the image of an mm, for an event of it. Returns NULL when it is not tracked. */
static __always_inline struct wire_image *find_image(struct mm_struct *mm, __u32 *ret_slot)
{
	__u32 zero = 0, *slot;
	__u64 key = (__u64)mm;
	struct wire_cpu *cpu = bpf_map_lookup_elem(&cpu_events, &zero);
	struct wire_image *image;

	if (!cpu)
		return NULL;
	if (cpu->mm == key) {
		*ret_slot = cpu->slot;
		image = bpf_map_lookup_elem(&images, ret_slot);
		if (image && image->mm == key) { /* 0 once it has ended */
			cpu->events++;
			return image;
		}
	}
	slot = bpf_map_lookup_elem(&mms, &key);
	if (!slot)
		return NULL;
	cpu->mm = key;
	cpu->events++;
	cpu->slot = *ret_slot = *slot;
	return bpf_map_lookup_elem(&images, ret_slot);
}

static __always_inline void on_exec(struct task_struct *task, bool percpu)
{
	struct birth birth = {
		.mm = BPF_CORE_READ(task, mm),
		.tgid = task->tgid,
		.reason = BEGIN_EXEC,
	};
	__u32 *ppid = bpf_map_lookup_elem(&processes, &birth.tgid);

	if (!ppid || !birth.mm)
		return;
	if (percpu)
		collect_tallies();
	birth.ppid = *ppid;
	begin_image(&birth, percpu);
}

static __always_inline void on_fork(struct task_struct *parent, struct task_struct *child,
				    bool percpu)
{
	struct birth birth = {
		.mm = BPF_CORE_READ(child, mm),
		.tgid = child->tgid,
		.reason = BEGIN_FORK,
	};
	struct mm_struct *parent_mm = BPF_CORE_READ(parent, mm);
	__u32 parent_tgid = parent->tgid;
	struct wire_image *image;

	if (child->tgid != child->pid || !cfg_follow_children ||
	    !bpf_map_lookup_elem(&processes, &parent_tgid))
		return;
	birth.ppid = BPF_CORE_READ(child, real_parent, tgid);
	if (bpf_map_update_elem(&processes, &birth.tgid, &birth.ppid, BPF_ANY)) {
		count_loss(NULL, LOSS_images_full, 0);
		return;
	}
	image = find_image(parent_mm, &birth.parent_slot);
	if (!image || parent_mm == birth.mm || !birth.mm)
		return;
	birth.parent_image = image->image_id;
	begin_image(&birth, percpu);
}

/* The path a thread dies on, 0 when its interpreter has ended it in order. Since 6.16 the address
 * space is still there at this event; before, no such path is found. */
static __always_inline __u64 find_last_path(struct task_struct *task)
{
	struct change change = {};
	const struct wire_layout *layout;
	struct wire_python *python;
	__u64 finalizing = 0, key = 0;

	change.image = find_image(BPF_CORE_READ(task, mm), &change.slot);
	python = bpf_map_lookup_elem(&pythons, &change.slot);
	layout = slot_layout(change.slot);
	if (!change.image || !python || !layout || python->state != PYTHON_KNOWN ||
	    (change.image->flags & IMAGE_FINALIZING))
		return 0;
	if (layout->finalizing_vaddr)
		read_user(&finalizing, sizeof(finalizing), layout->finalizing_vaddr + python->bias);
	if (finalizing)
		return 0;
	find_current(&change, &key, false);
	return key;
}

static __always_inline void on_exit(struct task_struct *task, bool percpu)
{
	struct wire_process_end record = { .tgid = task->tgid };
	__u32 tid = task->pid;
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread) {
		thread->node = 0;
		if (percpu) {
			collect_tallies();
			thread->node = find_last_path(task);
		}
		send_thread_end(tid);
		bpf_map_delete_elem(&threads, &tid);
	}
	if (BPF_CORE_READ(task, signal, live.counter) ||
	    !bpf_map_lookup_elem(&processes, &record.tgid))
		return;
	bpf_map_delete_elem(&processes, &record.tgid);
	record.exit_code = BPF_CORE_READ(task, signal, group_exit_code);
	if (!record.exit_code)
		record.exit_code = task->exit_code;
	record.head.type = RECORD_PROCESS_END;
	record.head.time_ns = bpf_ktime_get_ns();
	send(&record, sizeof(record), true);
}

#endif
