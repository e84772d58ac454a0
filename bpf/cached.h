/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernels to 6.1, where a task gathers its RSS changes in task->rss_stat and flushes them into
 * the mm's count after 64 faults.
 *
 * Every fault looks at the cache before it is handled: what the cache has gained since the last
 * look was gained on the path of that look, and is booked there. An rss_stat event is either a
 * flush, which moves known pages and books nothing, or a direct change (munmap, huge pages,
 * another task), which is what the count moved beyond `claimed`. The event fires before a flush
 * zeroes the cache, so a cache that is not empty means a flush, unless the count moved by just one
 * page or one huge page and no flush is due. Read count and caches at attach and before a
 * balance: the iterator settles all threads.
 */
#ifndef MEMPROBE_CACHED_H
#define MEMPROBE_CACHED_H

#include "book.h"
#include "counters.h"

#define FLUSH_EVENTS 65 /* TASK_RSS_EVENTS_THRESH + 1 */
#define HUGE_PAGES 512
#define MUCH_AT_ONCE 16 /* more than a fault brings: taken without faults (GUP) */

static __always_inline __s64 task_cache(struct task_struct *task, __u32 kind)
{
	struct task_struct___cached *cached = (void *)task;

	switch (kind) {
	case KIND_FILE:
		return BPF_CORE_READ(cached, rss_stat.count[KIND_FILE]);
	case KIND_ANON:
		return BPF_CORE_READ(cached, rss_stat.count[KIND_ANON]);
	case KIND_SWAP:
		return BPF_CORE_READ(cached, rss_stat.count[KIND_SWAP]);
	default:
		return BPF_CORE_READ(cached, rss_stat.count[KIND_SHMEM]);
	}
}

/* Books on a node found for the thread before; `loss` says why that path is not whole, 0: it is. */
static __always_inline void book_found(struct change *change, struct node_id node,
				       struct wire_thread *thread, __u32 loss)
{
	book_on(change, node);
	if (loss)
		count_loss(change->image, loss - 1, change->pages);
	if (change->kind != KIND_SWAP)
		thread->growth += change->pages;
}

/* Books what the task's caches have gained since the last look, on `node`. */
static __always_inline void settle(struct change *change, struct wire_thread *thread,
				   struct task_struct *task, struct node_id node)
{
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		__s64 cache = task_cache(task, kind);

		change->kind = kind;
		change->pages = cache - thread->cache[kind];
		thread->cache[kind] = cache;
		if (change->pages)
			book_found(change, node, thread, thread->loss);
	}
}

/* A fault begins in the current thread. */
static __always_inline void cached_fault(struct change *change)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct wire_thread *thread = current_thread(change->image);

	if (!thread)
		return;
	settle(change, thread, task, thread->node);
	change->pages = 0;
	thread->node = find_current(change, true);
	thread->loss = change->loss;
}

static __always_inline bool is_flush(struct task_struct *task, __s64 cache, __s64 moved)
{
	struct task_struct___cached *cached = (void *)task;

	if (!cache)
		return false;
	if (moved != 1 && moved != -1 && moved != HUGE_PAGES && moved != -HUGE_PAGES)
		return true;
	return BPF_CORE_READ(cached, rss_stat.events) > FLUSH_EVENTS ||
	       (CURRENT(flags) & PF_EXITING);
}

/* An rss_stat event of a mm that is the current task's. */
static __always_inline void cached_own(struct change *change, struct mm_struct *mm)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct wire_thread *thread = current_thread(change->image);
	__u32 kind = kind_index(change->kind);
	struct node_id node;
	__s64 cache, moved;

	if (!thread)
		return;
	cache = task_cache(task, kind);
	node = find_current(change, true);
	if (absolute(cache - thread->cache[kind]) > MUCH_AT_ONCE || !thread->node.value)
		settle(change, thread, task, node);
	else
		settle(change, thread, task, thread->node);
	thread->node = node;
	thread->loss = change->loss;
	moved = cached_count(mm, kind) - change->image->claimed[kind];
	change->kind = kind;
	if (is_flush(task, cache, moved)) {
		thread->cache[kind] = 0;
		__sync_fetch_and_add(&change->image->claimed[kind], cache);
		return;
	}
	__sync_fetch_and_add(&change->image->claimed[kind], moved);
	change->pages = moved;
	if (!moved)
		return;
	if (CURRENT(flags) & PF_MEMALLOC) {
		book_kernel(change->slot, change->kind, change->pages);
		return;
	}
	book_found(change, node, thread, change->loss);
}

static __always_inline void cached_foreign(struct change *change, struct mm_struct *mm)
{
	__u32 kind = kind_index(change->kind);

	change->pages = cached_count(mm, kind) - change->image->claimed[kind];
	if (!change->pages)
		return;
	__sync_fetch_and_add(&change->image->claimed[kind], change->pages);
	book_kernel(change->slot, change->kind, change->pages);
}

#endif
