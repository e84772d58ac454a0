/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Python threads of an image, once there are several, and which of them may have given a pool
 * the work that it does.
 *
 * A thread of the pool that sleeps has found the queue empty. So what it does after it was woken
 * was queued since, or by work that was not done yet. A Python thread cannot have queued it when it
 * has not run since then and is not in a call that woke the pool before. Who has run may have
 * queued work without a wake-up, for nobody slept: it counts as one that may be meant when it has
 * used the pool before, or when it waits for a futex now, as who waits for a pool does.
 */
#ifndef MEMPROBE_ASKERS_H
#define MEMPROBE_ASKERS_H

#include "owners.h"
#include "threads.h"
#include "walk_begin.h"

#define MAX_ASKERS 8

struct asker {
	__u64 task;	 /* struct task_struct */
	__u64 registers; /* with which it came into the kernel */
	__u64 thread_pointer;
	__u64 start_ns;
	__u64 call; /* where it was when it woke the pool */
	__u32 tid;  /* 0: the place is free */
	__u32 pool; /* that it woke last; 0: none */
};

struct askers {
	struct asker all[MAX_ASKERS];
	__u64 newest;	/* what the head of the list of thread states was when it was looked through
			 */
	__u64 has_more; /* there was no place for one, or it is not known which thread it is */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32); /* image_id */
	__type(value, struct askers);
} askers SEC(".maps");

/* Threads beside the first of each process, by process and thread pointer. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64); /* struct task_struct */
} followed_tasks SEC(".maps");

/* Who woke a native thread last, and what the image's askers had run then. */
struct wake {
	__u64 task; /* struct task_struct of who did */
	__u64 thread_pointer;
	__u64 start_ns;
	__u64 woken_start_ns; /* of the thread that was woken: tids come again */
	__u64 ran[MAX_ASKERS];
	__u32 tid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tid */
	__type(value, struct wake);
} wakes SEC(".maps");

__u32 wakes_followed; /* by user space: the program of wakes.h is attached */

static __always_inline bool is_main_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return (__u32)id == id >> 32;
}

static __always_inline __u64 name_task(__u32 tgid, __u64 thread_pointer)
{
	return hash_pair(tgid, thread_pointer);
}

/* A thread that is no more leaves its memory to others; tids come again. */
__noinline int is_alive(__u64 address, __u32 tid, __u64 start_ns)
{
	struct task_struct *task = (void *)address;

	return BPF_CORE_READ(task, pid) == (int)tid &&
	       BPF_CORE_READ(task, start_time) == start_ns &&
	       !(BPF_CORE_READ(task, flags) & PF_EXITING);
}

static __always_inline struct askers *find_askers(__u32 image_id)
{
	return bpf_map_lookup_elem(&askers, &image_id);
}

/* Reads the head of the list of an interpreter's thread states: a new thread's state is put there.
 */
static __always_inline long read_newest(const struct wire_layout *layout, __u64 bias,
					__u64 *ret_newest)
{
	__u64 interpreters[2] = {};

	*ret_newest = 0;
	if (!layout->interpreters_vaddr || layout->interp_threads == NO_OFFSET ||
	    read_user(interpreters, sizeof(interpreters), layout->interpreters_vaddr + bias) ||
	    interpreters[0] != interpreters[1])
		return -1;
	return read_user(ret_newest, sizeof(*ret_newest), interpreters[0] + layout->interp_threads);
}

/* Does a thread state run Python, or did it call C code that does not return yet? One that cannot
 * be read may. */
__noinline int has_frames(__u32 slot, __u64 tstate)
{
	const struct wire_layout *layout = slot_layout(slot);
	__u64 frame = 0;

	if (!layout || read_user(&frame, sizeof(frame), tstate + layout->tstate_frame))
		return 1;
	if (layout->cframe_frame != NO_OFFSET && frame &&
	    read_user(&frame, sizeof(frame), frame + layout->cframe_frame))
		return 1;
	return frame != 0;
}

#define MAX_FRAMELESS 4 /* thread states that are looked at, beside the one with frames */

/* Has one thread state at most frames? A native thread that takes the GIL, as Arrow's do to read a
 * file that Python has opened, gets a state for that time and runs no Python: it asks for nothing.
 * Python's own threads have frames from their first step to their last. */
static __always_inline bool has_one_with_frames(__u32 slot, const struct wire_layout *layout,
						__u64 tstate)
{
	__u32 with_frames = 0;

	for (__u32 i = 0; i <= MAX_FRAMELESS; i++) {
		with_frames += has_frames(slot, tstate);
		if (with_frames > 1 ||
		    read_user(&tstate, sizeof(tstate), tstate + layout->tstate_next))
			return false;
		if (!tstate)
			return true;
	}
	return false;
}

/* What look_for_askers() returns where it is not a name of the list's head. */
#define NO_ASKERS 0	 /* one thread runs Python */
#define UNKNOWN_ASKERS 1 /* several may */

/* Does more than one thread run Python? Threads that take no page are found, too: all have a state
 * in the interpreter's list. A state is made by another thread, and has that one's id or none until
 * its own runs, so the id is a part of the name. */
__noinline __u64 look_for_askers(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	__u64 newest = 0, next = 0, thread = 0;

	if (!image || !python || !layout)
		return UNKNOWN_ASKERS;
	if (read_newest(layout, python->bias, &newest))
		return image->flags & IMAGE_THREADED || layout->interpreters_vaddr ? UNKNOWN_ASKERS
										   : NO_ASKERS;
	if (read_user(&next, sizeof(next), newest + layout->tstate_next) ||
	    read_user(&thread, sizeof(thread), newest + layout->tstate_thread))
		return UNKNOWN_ASKERS;
	if (!next || has_one_with_frames(slot, layout, newest))
		return NO_ASKERS;
	return hash_pair(hash_pair(newest, next), thread);
}

/* Where a thread is: its leaf frame and the instruction there; 0: not known. */
__noinline __u64 find_call_of(__u32 slot, __u64 thread_pointer)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout;
	struct thread_at at = { .thread_pointer = thread_pointer };
	__u64 frame = 0, instruction = 0;
	struct thread_slot thread;

	if (!image || !python)
		return 0;
	layout = known_layout(python, image->image_id);
	at.bias = python->bias;
	if (!layout || read_slot(image, layout, at, &thread) ||
	    read_user(&frame, sizeof(frame), thread.tstate + layout->tstate_frame))
		return 0;
	if (layout->cframe_frame != NO_OFFSET &&
	    read_user(&frame, sizeof(frame), frame + layout->cframe_frame))
		return 0;
	if (read_user(&instruction, sizeof(instruction), frame + layout->frame_instr))
		return 0;
	return hash_pair(frame, instruction);
}

/* Threads of one pool have names that begin alike. */
static __always_inline __u32 name_pool(const char *comm)
{
	return *(const __u32 *)comm | 1;
}

/* Who woke the current thread last; NULL: nobody did that was seen. */
static __always_inline struct wake *find_wake(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct wake *wake = bpf_map_lookup_elem(&wakes, &tid);

	return wake && wake->woken_start_ns == READ_CURRENT(start_time) ? wake : NULL;
}

/* May an asker have given the current thread, which is native, what it does? */
__noinline int may_be_meant(__u32 slot, __u32 index)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wake *wake = find_wake();
	struct askers *all = image ? find_askers(image->image_id) : NULL;
	char comm[COMM_BYTES];
	struct asker *asker;
	struct pt_regs *registers;
	struct task_struct *task;
	bool is_user, runs;

	if (!wake || !all || index >= MAX_ASKERS)
		return 1;
	asker = &all->all[index];
	if (!asker->tid || !is_alive(asker->task, asker->tid, asker->start_ns))
		return 0;
	/* Who woke it has gone on since: the work may be anybody's. */
	if (asker->tid == wake->tid)
		return find_call_of(slot, asker->thread_pointer) != asker->call;
	bpf_get_current_comm(comm, sizeof(comm));
	is_user = asker->pool == name_pool(comm);
	if (is_user && find_call_of(slot, asker->thread_pointer) == asker->call)
		return 1;
	task = (void *)asker->task;
	runs = !BPF_CORE_READ(task, __state);
	if (!runs && BPF_CORE_READ(task, se.sum_exec_runtime) == wake->ran[index])
		return 0;
	if (is_user || runs)
		return is_user;
	registers = (void *)asker->registers;
	return BPF_CORE_READ(registers, SYSCALL_NUMBER) == NR_futex;
}

/* May another Python thread than the one that woke it have given the current thread its work?
 * `head` is what look_for_askers() has found. */
__noinline int is_contested(__u32 slot, __u64 head)
{
	const struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct askers *all = image ? find_askers(image->image_id) : NULL;

	/* Who has begun to run Python since the last wake-up is not known yet. */
	if (!all || all->has_more || all->newest != head)
		return 1;
	for (__u32 i = 0; i < MAX_ASKERS; i++) {
		if (may_be_meant(slot, i))
			return 1;
	}
	return 0;
}

#endif
