/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads, and how much each has grown its address space.
 *
 * A thread's entry is found by tid, which costs 0.2 us when its cache lines have been swept out by
 * the page that was just cleared. A thread mostly stays on its CPU for many events, so every CPU
 * keeps a tally for the thread it saw last, and adds it to the entry when another comes, when the
 * thread ends and at an exec. (Kernels with task caches need the entry at every event and add to
 * it.)
 */
#ifndef MEMPROBE_THREADS_H
#define MEMPROBE_THREADS_H

#include "compat.h"
#include "state.h"
#include "syscalls.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_tally);
} tallies SEC(".maps");

/* A vfork child (posix_spawn) is another process in the memory of the thread that waits for it, and
 * with the thread pointer of that: no thread of the image's. */
static __always_inline bool is_own_task(const struct wire_image *image)
{
	return image->tgid == bpf_get_current_pid_tgid() >> 32;
}

#define VFORKS_DEEP 4 /* a child may have one of its own */

/* The thread of an image's own that the current task works for: itself, or who waits for it, a
 * vfork child. An address. */
__noinline __u64 find_own_thread(__u32 tgid)
{
	struct task_struct *current = (void *)bpf_get_current_task(), *task = current;

	for (int i = 0; i < VFORKS_DEEP; i++) {
		if ((__u32)BPF_CORE_READ(task, tgid) == tgid)
			return (__u64)task;
		task = BPF_CORE_READ(task, real_parent);
	}
	return (__u64)current;
}

const volatile bool cfg_allocs = false;

/*
 * The kernel runs the program of a uprobe for the threads of one process alone (uprobe_prog_run(),
 * kernel/trace/bpf_trace.c): what another one in its memory allocates and frees there nobody sees.
 * Of a vfork child, which has to begin a program and nothing else, nothing is said.
 */
static __always_inline void note_shared_memory(struct wire_image *image)
{
	if (cfg_allocs && is_beside_child())
		count_loss(image, LOSS_blocks_missed, 0);
}

/* Makes a thread's entry for an image, at its first event or after an exec; `own` is what
 * find_own_thread returns. */
__noinline int begin_thread(__u32 image_id, __u64 own)
{
	struct task_struct *task = (void *)own;
	struct wire_thread thread = { .image_id = image_id, .tid = BPF_CORE_READ(task, pid) };
	__u32 tid = thread.tid;

	thread.start_ns = BPF_CORE_READ(task, start_time);
	bpf_get_current_comm(thread.comm, sizeof(thread.comm));
	return bpf_map_update_elem(&threads, &tid, &thread, BPF_ANY);
}

/* Sends the current thread's entry; it has ended, or goes on in another image: by then the kernel
 * has given it that program's name (begin_new_exec(), fs/exec.c). */
__noinline int send_thread_end(__u32 tid)
{
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct wire_thread_end record = { .head.type = RECORD_THREAD_END };

	if (!thread)
		return 0;
	record.thread = *thread;
	record.head.image_id = thread->image_id;
	record.head.time_ns = bpf_ktime_get_ns();
	return send_once(&record, sizeof(record), false);
}

/* The current thread's entry, of whatever image; NULL: it has none. */
static __always_inline struct wire_thread *find_entry(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&threads, &tid);
}

/* Where ends of frames are counted: the current thread's outermost one has ended. */
__noinline int note_return(void)
{
	struct wire_thread *thread = find_entry();

	if (thread)
		thread->has_returned = 1;
	return 0;
}

static __always_inline void note_thread_runs(void)
{
	struct wire_thread *thread = find_entry();

	if (thread)
		thread->runs_python = 1;
}

static __always_inline bool has_returned(void)
{
	const struct wire_thread *thread = find_entry();

	return thread && thread->has_returned;
}

/* Where tasks have caches an entry keeps the path of the last look, no path that a thread ended on:
 * before it is sent. */
static __always_inline void forget_last_look(__u32 tid)
{
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		thread->node.value = 0;
}

/* A thread's entry, fresh when it came to this image by exec. NULL: no room, counted. */
static __always_inline struct wire_thread *find_thread(struct wire_image *image, __u32 tid,
						       __u64 own)
{
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread && thread->image_id == image->image_id)
		return thread;
	if (thread)
		send_thread_end(tid);
	if (begin_thread(image->image_id, own))
		count_loss(image, LOSS_threads_full, 0);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline struct wire_thread *current_thread(struct wire_image *image)
{
	return find_thread(image, bpf_get_current_pid_tgid(), bpf_get_current_task());
}

/* Adds what a tally holds to its thread's entry. */
static __always_inline void settle_tally(struct wire_tally *tally)
{
	__u32 tid = tally->tid;
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread && thread->image_id == tally->image_id)
		__sync_fetch_and_add(&thread->growth, tally->growth);
	tally->growth = 0;
}

/* Gives this CPU's tally to the thread that the current task works for. */
__noinline int begin_tally(__u32 slot)
{
	__u32 zero = 0, tid;
	struct wire_tally *tally = bpf_map_lookup_elem(&tallies, &zero);
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u64 own;

	if (!tally || !image)
		return 0;
	settle_tally(tally);
	own = find_own_thread(image->tgid);
	tid = BPF_CORE_READ((struct task_struct *)own, pid);
	find_thread(image, tid, own);
	tally->tid = tid;
	tally->image_id = image->image_id;
	return 0;
}

/* Counts growth of the current thread, one of the image's own or a vfork child. */
static __always_inline void tally_growth(const struct wire_image *image, __u32 slot, __s64 pages)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct wire_tally *tally = bpf_map_lookup_elem(&tallies, &zero);

	if (!tally)
		return;
	if (tally->tid != tid || tally->image_id != image->image_id)
		begin_tally(slot);
	tally->growth += pages;
}

static long collect_tally(__u32 cpu, void *tid)
{
	__u32 zero = 0;
	struct wire_tally *tally = bpf_map_lookup_percpu_elem(&tallies, &zero, cpu);

	if (tally && tally->tid == *(__u32 *)tid) {
		settle_tally(tally);
		tally->tid = 0;
	}
	return 0;
}

/* Settles what other CPUs hold of a thread. */
static __always_inline void collect_tallies(__u32 tid)
{
	RARE_LOOP(cfg_cpus, collect_tally, &tid);
}

#endif
