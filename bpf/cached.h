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
 * page or by a huge page and no flush is due. What others have moved and not told yet is in the
 * count, too; but one event brings a page table's 512 pages at most (zap_pte_range, huge pages), so
 * two threads that take huge pages at once each get theirs. Read count and caches at attach and
 * before a balance: the iterator settles all threads.
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

/* Books on a node found for the thread before; its `loss` says why that path is not whole, 0: it
 * is. */
__noinline int book_found(__u32 slot, __u32 kind, __s64 pages, __u32 node, __u32 tid)
{
	struct change change = { .slot = slot, .kind = kind, .pages = pages };
	struct wire_thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct node_id id = { .value = node };

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !thread)
		return 0;
	book_on(&change, id);
	if (thread->loss)
		count_loss(change.image, thread->loss - 1, pages);
	if (kind != KIND_SWAP)
		thread->growth += pages;
	return 0;
}

/* Books what the task's caches have gained since the last look, on `node`. */
static __always_inline void settle(__u32 slot, struct wire_thread *thread, struct task_struct *task,
				   struct node_id node)
{
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		__s64 cache = task_cache(task, kind), pages;

		pages = cache - thread->cache[kind];
		thread->cache[kind] = cache;
		if (pages)
			book_found(slot, kind, pages, node.value, thread->tid);
	}
}

/* A fault begins in the current thread. */
static __always_inline void cached_fault(struct change *change, enum kernel kernel)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct wire_thread *thread = current_thread(change->image);

	if (!thread)
		return;
	settle(change->slot, thread, task, thread->node);
	thread->node = find_current(change, kernel);
	thread->loss = change->loss;
}

/* What a cache of anonymous pages holds comes one by one, and is flushed after 64 faults: more than
 * half a huge page are one, and what other threads have not told yet. */
static __always_inline bool is_huge_page(__u32 kind, __s64 moved)
{
	return kind == KIND_ANON ? absolute(moved) > HUGE_PAGES / 2 : absolute(moved) == HUGE_PAGES;
}

static __always_inline bool is_flush(struct task_struct *task, __u32 kind, __s64 cache, __s64 moved)
{
	struct task_struct___cached *cached = (void *)task;

	if (!cache)
		return false;
	if (absolute(moved) != 1 && !is_huge_page(kind, moved))
		return true;
	return BPF_CORE_READ(cached, rss_stat.events) > FLUSH_EVENTS ||
	       (CURRENT(flags) & PF_EXITING);
}

/* A direct change of the current task's: at most a page table's, and the rest is another's, whose
 * event is yet to come. */
static __always_inline __s64 own_part(__s64 moved)
{
	if (moved > HUGE_PAGES)
		return HUGE_PAGES;
	return moved < -HUGE_PAGES ? -HUGE_PAGES : moved;
}

/* An rss_stat event of a mm that is the current task's. */
static __always_inline void cached_own(struct change *change, struct mm_struct *mm,
				       enum kernel kernel)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct wire_thread *thread = current_thread(change->image);
	__u32 kind = kind_index(change->kind);
	struct node_id node;
	__s64 cache, moved;

	if (!thread)
		return;
	cache = task_cache(task, kind);
	node = find_current(change, kernel);
	if (absolute(cache - thread->cache[kind]) > MUCH_AT_ONCE || !thread->node.value)
		thread->node = node;
	settle(change->slot, thread, task, thread->node);
	thread->node = node;
	thread->loss = change->loss;
	moved = cached_count(mm, kind) - change->image->claimed[kind];
	change->kind = kind;
	if (is_flush(task, kind, cache, moved)) {
		thread->cache[kind] = 0;
		__sync_fetch_and_add(&change->image->claimed[kind], cache);
		return;
	}
	moved = own_part(moved);
	__sync_fetch_and_add(&change->image->claimed[kind], moved);
	change->pages = moved;
	if (!moved)
		return;
	if (CURRENT(flags) & PF_MEMALLOC) {
		book_kernel(change->slot, change->kind, change->pages);
		return;
	}
	book_found(change->slot, kind, moved, node.value, thread->tid);
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
