/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel does to its RSS counters and tasks, as far as memprobe sees it, without the
 * events: whoever changes a counter calls the program himself, when he likes.
 * All objects live until host_reset().
 */
#ifndef MEMPROBE_MACHINE_H
#define MEMPROBE_MACHINE_H

#include "host/host_kernel.h"

#include <memprobe/wire.h>

/* mm_struct of 6.2 and later, or of 6.1 and earlier. mm_users is 1. */
struct mm_struct *machine_mm_new(bool is_percpu);

#define MACHINE_FILE_NS 1700000000123456789ULL /* when all files were changed last */

/* A file that can be mapped, and a mapping of it; none overlap. */
struct file *machine_file_new(__u64 ino, __u32 dev);
struct vm_area_struct *machine_map(struct mm_struct *mm, struct file *file, __u64 begin,
				   __u64 bytes, __u64 offset);

/* What is mapped by now, as a maple tree (6.1 and later) with so many entries in a node at most, 2
 * to 16, of which inner nodes have 10. What is mapped later is not in it. */
void machine_make_tree(struct mm_struct *mm, int fan);

/* All is mapped (6.1 and later), but for that gap. */
void machine_set_gap(struct mm_struct *mm, __u64 begin, __u64 end);

/* A thread with its own page of thread-local memory at thread_pointer; its process is `tgid`. */
struct task_struct *machine_task_new(struct mm_struct *mm, int tgid, int pid, const char *comm);
/* In which mount its root is, and of which inode. */
void machine_set_root(struct task_struct *task, int mount, __u64 inode);
/* Lets a task run on the current CPU. */
void machine_run(struct task_struct *task);

/* 6.2 and later: percpu_counter_add_batch() on the current CPU. */
void machine_percpu_add(struct mm_struct *mm, __u32 kind, __s32 amount, __s32 batch);
__s32 machine_percpu_share(const struct mm_struct *mm, __u32 kind, __u32 cpu);
__s64 machine_percpu_sum(const struct mm_struct *mm, __u32 kind);

/* 6.1 and earlier: add_mm_counter(), add_mm_counter_fast(). */
void machine_count_add(struct mm_struct *mm, __u32 kind, __s64 amount);
__s64 machine_count(const struct mm_struct *mm, __u32 kind);
void machine_cache_add(struct task_struct *task, __u32 kind, int amount);
/* check_sync_rss_stat(): a fault begins. Is the cache to be flushed now? */
bool machine_cache_is_due(struct task_struct *task);
int *machine_cache(struct task_struct *task, __u32 kind);
/* The end of sync_mm_rss(), whose beginning adds each kind's cache and fires its event. */
void machine_cache_end_flush(struct task_struct *task);

#endif
