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

#include "budget.h"
#include "cached.h"

struct birth {
	struct mm_struct *mm;
	__u32 tgid;
	__u32 ppid;
	__u32 parent_slot;
	__u32 parent_image; /* image_id, 0: none */
};

/* An executable with its interpreter linked in is known by its file; its load address follows from
 * mm->start_code. The record will tell which file that is. */
static __always_inline void resolve_file(struct wire_python *python, struct mm_struct *mm)
{
	__u32 zero = 0;
	struct wire_image_begin *record = bpf_map_lookup_elem(&begin_buffers, &zero);
	struct wire_file_layout *known;

	if (!record)
		return;
	identify(BPF_CORE_READ(mm, exe_file, f_inode), &record->program);
	known = bpf_map_lookup_elem(&files, &record->program);
	if (!known)
		return;
	python->state = PYTHON_KNOWN;
	python->layout = known->layout;
	python->bias = BPF_CORE_READ(mm, start_code) - known->text_vaddr;
}

static __always_inline void resolve_python(struct birth *birth, enum wire_begin_reason reason,
					   struct wire_python *ret)
{
	struct wire_python *parent;

	if (reason == BEGIN_EXEC)
		resolve_file(ret, birth->mm);
	if (reason != BEGIN_FORK)
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
			ret[kind] = percpu_counter_read(slot, kind, reset);
			continue;
		}
		ret[kind] = cached_count(mm, kind);
		if (reset)
			image->claimed[kind] = ret[kind];
	}
}

static __always_inline void copy_args(struct wire_image_begin *record, struct mm_struct *mm)
{
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u64 bytes = BPF_CORE_READ(mm, arg_end) - start;

	BOUND(bytes, MAX_ARGS_BYTES);
	record->args_bytes = read_user(record->args, bytes, start) ? 0 : bytes;
}

/* The kernel keeps it behind the environment (AT_EXECFN). */
static __always_inline void copy_path(struct wire_image_begin *record, struct mm_struct *mm)
{
	const void *path = (const void *)BPF_CORE_READ(mm, env_end);
	long bytes = bpf_probe_read_user_str(record->path, sizeof(record->path), path);

	/* One that fills its place may have been cut off. */
	record->path_bytes = bytes > 0 && bytes < MAX_EXEC_PATH_BYTES ? bytes : 0;
}

/* Sends what an image begins with, which stands in its entry, in that of its python, and of its
 * file in the record. */
__noinline int send_begin(__u32 slot, __u64 mm_address, __u32 reason, __u32 ppid,
			  __u32 parent_image)
{
	__u32 zero = 0;
	struct wire_image_begin *record = bpf_map_lookup_elem(&begin_buffers, &zero);
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct mm_struct *mm = (void *)mm_address;

	if (!record || !image || !python)
		return -1;
	record->head.type = RECORD_IMAGE_BEGIN;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->slot = slot;
	record->tgid = image->tgid;
	record->ppid = ppid;
	record->reason = reason;
	record->parent_image = parent_image;
	record->layout = (__u32)python->state << 16 | python->layout;
	record->bias = python->bias;
	for (int kind = 0; kind < NR_KINDS; kind++)
		record->opening[kind] = image->opening[kind];
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->args_bytes = record->path_bytes = 0;
	if (reason == BEGIN_EXEC) {
		copy_args(record, mm);
		copy_path(record, mm);
	}
	return send(record, sizeof(*record), true);
}

/* What an image is made of: zeroes that one helper copies, where clearing it would be 141 stores.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_image);
} blank_image SEC(".maps");

__u32 fresh_slots; /* taken from those that never were in the queue */

static __always_inline long pop_slot(__u32 *ret_slot, bool percpu)
{
	if (!bpf_map_pop_elem(&free_slots, ret_slot))
		return 0;
	/* An addition that returns something is younger than the kernels with task caches. */
	if (!percpu || fresh_slots >= cfg_fresh_slots)
		return -1;
	*ret_slot = __atomic_fetch_add(&fresh_slots, 1, __ATOMIC_RELAXED);
	return *ret_slot < cfg_fresh_slots ? 0 : -1;
}

static __always_inline struct wire_image *take_slot(__u32 *ret_slot, bool percpu)
{
	struct wire_image *image, *blank;
	__u32 image_id, zero = 0;

	if (pop_slot(ret_slot, percpu))
		return NULL;
	image = bpf_map_lookup_elem(&images, ret_slot);
	blank = bpf_map_lookup_elem(&blank_image, &zero);
	if (!image || !blank)
		return NULL;
	/* Never used twice: the slot plus a multiple of the number of slots, and never 0. */
	image_id = (image->image_id ? image->image_id : *ret_slot) + MAX_IMAGES;
	bpf_map_update_elem(&images, ret_slot, blank, BPF_ANY);
	image->image_id = image_id;
	return image;
}

/* What an exec'd image has of a kind at birth, its arguments, is its own growth. Returns the node's
 * id, 0: there is none. */
__noinline __u32 book_arguments(__u32 slot, __u32 kind, __s64 pages)
{
	struct change change = { .slot = slot, .kind = kind, .pages = pages };
	struct wire_thread *thread;
	struct node_id id;

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !pages)
		return 0;
	thread = current_thread(change.image);
	id = find_plain_special(&change, SITE_STARTUP);
	book_on(&change, id);
	if (thread && kind != KIND_SWAP)
		thread->growth += pages;
	return id.value;
}

/* A forked child goes on where its parent was. */
static __always_inline __u32 first_flags(struct birth *birth, enum wire_begin_reason reason)
{
	struct wire_image *parent;
	__u32 flags;

	if (reason == BEGIN_ATTACH)
		return IMAGE_ATTACHED;
	if (reason != BEGIN_FORK)
		return 0;
	parent = bpf_map_lookup_elem(&images, &birth->parent_slot);
	if (!parent || parent->image_id != birth->parent_image)
		return 0;
	flags = parent->flags & (IMAGE_RUNTIME_SEEN | IMAGE_MAIN_SEEN);
	if (parent->flags & IMAGE_ATTACHED)
		flags = IMAGE_RUNTIME_SEEN | IMAGE_MAIN_SEEN;
	return flags;
}

static __always_inline __u64 read_address_space(struct mm_struct *mm)
{
	return BPF_CORE_READ(mm, total_vm);
}

/* verifier: as a field of `birth` the reason would be anything, and all that a reason needs would
 * be in each program. */
static __always_inline void begin_image(struct birth *birth, enum wire_begin_reason reason,
					bool percpu)
{
	struct wire_python python = {};
	struct wire_image *image;
	__s64 *counters;
	__u32 slot = 0;
	__u64 mm;

	image = take_slot(&slot, percpu);
	if (!image) {
		count_loss(NULL, LOSS_images_full, 0);
		return;
	}
	image->mm = (__u64)birth->mm;
	mm = *(volatile __u64 *)&image
		      ->mm; /* verifier: a number, no pointer, for global functions */
	image->tgid = birth->tgid;
	image->flags = first_flags(birth, reason);
	python.image_id = image->image_id;
	resolve_python(birth, reason, &python);
	if (python.state == PYTHON_KNOWN)
		image->flags |= IMAGE_FIND_JUDGED;
	bpf_map_update_elem(&pythons, &slot, &python, BPF_ANY);
	image->address_space = read_address_space(birth->mm);
	image->heap = read_heap(birth->mm);
	if (cfg_owners)
		forget_chunks(slot);
	counters = image->cached; /* the stack is short of room; 0 again below */
	read_counters(image, birth->mm, slot, counters, percpu, true);
	for (int kind = 0; kind < NR_KINDS && reason != BEGIN_EXEC; kind++)
		image->books[kind] = image->opening[kind] = counters[kind];
	image->sampled = image->peak = image_rss(image);
	/* First of all the image's records: events, and their sites, come once it is in the table.
	 */
	if (send_begin(slot, mm, reason, birth->ppid, birth->parent_image)) {
		count_loss(NULL, LOSS_images_unsent, 0);
		bpf_map_push_elem(&free_slots, &slot, BPF_ANY);
		return;
	}
	bpf_map_update_elem(&mms, &mm, &slot, BPF_ANY);
	for (__u32 kind = 0; kind < NR_KINDS && reason == BEGIN_EXEC; kind++) {
		struct node_id id = { book_arguments(slot, kind, counters[kind]) };

		if (percpu && counters[kind])
			own_elsewhere(slot, kind, counters[kind], id);
	}
	if (percpu && reason != BEGIN_EXEC)
		hold_opening(slot, reason == BEGIN_FORK ? SITE_INHERITED : SITE_BEFORE);
	note_peak(image);
	__builtin_memset(image->cached, 0, sizeof(image->cached));
}

static __always_inline long send_balance(struct wire_image *image, __u32 slot, __u32 type,
					 struct wire_balance *record)
{
	record->head.type = type;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->slot = slot;
	record->tgid = image->tgid;
	for (int kind = 0; kind < NR_KINDS; kind++)
		record->books[kind] = image->books[kind];
	return send(record, sizeof(*record), true);
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
static __always_inline void end_image(struct wire_image *image, __u32 slot, __u32 kind, __s64 pages,
				      bool percpu)
{
	__u64 key = image->mm;

	/* Kept in the image, should there be no room for the record. */
	read_counters(image, (void *)image->mm, slot, image->closing, percpu, false);
	image->closing[kind_index(kind)] -= pages;
	image->end_ns = bpf_ktime_get_ns();
	bpf_map_delete_elem(&mms, &key);
	image->mm = 0;
	send_end(slot);
}

__noinline int end_image_percpu(__u32 slot, __u32 kind, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 image_id;

	if (!image)
		return 0;
	image_id = image->image_id;
	if (wakes_followed)
		bpf_map_delete_elem(&askers, &image_id);
	end_image(image, slot, kind, pages, true);
	return 0;
}

__noinline int end_image_cached(__u32 slot, __u32 kind, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (image)
		end_image(image, slot, kind, pages, false);
	return 0;
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

/* Who begins a program gets the number of the main thread: its own has ended. */
__noinline int end_former_thread(__u32 tid)
{
	if (tid == (__u32)bpf_get_current_pid_tgid() || !bpf_map_lookup_elem(&threads, &tid))
		return 0;
	send_thread_end(tid);
	bpf_map_delete_elem(&threads, &tid);
	return 0;
}

static __always_inline void on_exec(struct task_struct *task, __u32 former_tid, bool percpu)
{
	struct birth birth = {
		.mm = BPF_CORE_READ(task, mm),
		.tgid = task->tgid,
	};
	__u32 *ppid = bpf_map_lookup_elem(&processes, &birth.tgid);

	if (!ppid || !birth.mm)
		return;
	if (percpu) {
		collect_tallies(birth.tgid);
		if (former_tid != birth.tgid)
			collect_tallies(former_tid);
		watch_faults(task);
	} else {
		forget_last_look(former_tid);
	}
	end_former_thread(former_tid);
	birth.ppid = *ppid;
	begin_image(&birth, BEGIN_EXEC, percpu);
}

/* The same of the current task, where counters are per CPU. */
__noinline int on_own_exec(__u32 former_tid)
{
	on_exec(bpf_get_current_task_btf(), former_tid, true);
	return 0;
}

static __always_inline void on_fork(struct task_struct *parent, struct task_struct *child,
				    bool percpu)
{
	struct birth birth = {
		.mm = BPF_CORE_READ(child, mm),
		.tgid = child->tgid,
	};
	struct mm_struct *parent_mm = BPF_CORE_READ(parent, mm);
	__u32 parent_tgid = parent->tgid;
	struct wire_image *image;

	if (!bpf_map_lookup_elem(&processes, &parent_tgid))
		return;
	if (percpu) {
		watch_faults(child);
		seed_cause(parent, child);
	}
	if (child->tgid != child->pid)
		return;
	image = find_image(parent_mm, &birth.parent_slot);
	if (percpu && image && parent_mm == birth.mm)
		note_shared_memory(image);
	if (!cfg_follow_children)
		return;
	birth.ppid = BPF_CORE_READ(child, real_parent, tgid);
	if (bpf_map_update_elem(&processes, &birth.tgid, &birth.ppid, BPF_ANY)) {
		count_loss(NULL, LOSS_images_full, 0);
		return;
	}
	if (!image || parent_mm == birth.mm || !birth.mm)
		return;
	birth.parent_image = image->image_id;
	spend_on_fork(image);
	begin_image(&birth, BEGIN_FORK, percpu);
}

/* A thread that is not the main one begins another program: the others end first. */
static __always_inline bool is_in_exec(struct signal_struct *signal)
{
	struct signal_struct___old *old = (void *)signal;

	if (bpf_core_field_exists(struct signal_struct, group_exec_task))
		return BPF_CORE_READ(signal, group_exec_task) != NULL;
	return BPF_CORE_READ(old, group_exit_task) != NULL;
}

/* The kernel knows the process of a uprobe by its main thread's memory: user space has to hear. */
static __always_inline void note_main_end(struct task_struct *task)
{
	struct wire_main_end record = { .tgid = task->tgid };

	if (task->pid != task->tgid || (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT) ||
	    !bpf_map_lookup_elem(&processes, &record.tgid))
		return;
	record.is_exec = is_in_exec(BPF_CORE_READ(task, signal));
	record.head.type = RECORD_MAIN_END;
	record.head.time_ns = bpf_ktime_get_ns();
	send_once(&record, sizeof(record), true);
}

static __always_inline void on_exit(struct task_struct *task, bool percpu)
{
	struct wire_process_end record = { .tgid = task->tgid };
	__u32 tid = task->pid;
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (percpu)
		forget_task(task);
	if (thread) {
		if (percpu)
			collect_tallies(tid);
		else
			forget_last_look(tid);
		thread->is_cut_short = is_cut_short(thread);
		bpf_get_current_comm(thread->comm, sizeof(thread->comm));
		send_thread_end(tid);
		bpf_map_delete_elem(&threads, &tid);
	}
	if (BPF_CORE_READ(task, signal, live.counter)) {
		note_main_end(task);
		return;
	}
	if (!bpf_map_lookup_elem(&processes, &record.tgid))
		return;
	bpf_map_delete_elem(&processes, &record.tgid);
	record.exit_code = BPF_CORE_READ(task, signal, group_exit_code);
	if (!record.exit_code)
		record.exit_code = task->exit_code;
	record.head.type = RECORD_PROCESS_END;
	record.head.time_ns = bpf_ktime_get_ns();
	send_once(&record, sizeof(record), true);
}

#endif
