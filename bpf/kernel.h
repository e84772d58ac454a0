/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that memprobe reads, and of them only the fields it reads. CO-RE relocates
 * every access against the running kernel's BTF, so that order and gaps do not matter here.
 */
#ifndef MEMPROBE_KERNEL_H
#define MEMPROBE_KERNEL_H

#include <linux/bpf.h>
#include <stdbool.h>

#define CORE __attribute__((preserve_access_index))

#ifdef __TARGET_ARCH_arm64
#include "arm64_machine.h"
#else
#include "x86_machine.h"
#endif

typedef struct {
	int counter;
} CORE atomic_t;

typedef struct {
	__s64 counter;
} CORE atomic_long_t;

struct percpu_counter {
	__s64 count;
	__s32 *counters;
} CORE;

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
} CORE;

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
} CORE;

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
	__s64 i_size;
	__s64 i_ctime_sec; /* 6.11: 3aa63a569c64 ("fs: switch timespec64 fields in inode ...") */
	__u32 i_ctime_nsec;
} CORE;

#define CTIME_QUERIED (1U << 31) /* I_CTIME_QUERIED, in i_ctime_nsec since 6.13 */

struct inode___6_6 {
	struct timespec64 __i_ctime;
} CORE;

struct inode___5_10 {
	struct timespec64 i_ctime;
} CORE;

struct file {
	unsigned int f_mode;
	struct inode *f_inode;
} CORE;

struct dentry {
	struct inode *d_inode;
} CORE;

struct vfsmount {
	struct dentry *mnt_root;
} CORE;

struct mount { /* fs/mount.h */
	int mnt_id;
	struct vfsmount mnt;
} CORE;

struct path___kernel {
	struct vfsmount *mnt;
	struct dentry *dentry;
} CORE;

/* What a mapping of overlayfs has as its file, since 6.5. */
struct backing_file {
	struct file file;
	struct path___kernel user_path; /* 6.7 and later */
} CORE;

#define FMODE_BACKING (1U << 25)
#define FMODE_BACKING_6_14 (1U << 24) /* before 6.10 this bit says something else */
#define OVERLAYFS_MAGIC 0x794c7630
#define FUSE_MAGIC 0x65735546 /* fs/fuse/passthrough.c */

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_pgoff;
	struct file *vm_file;
} CORE;

/* Until 6.0: 763ecb035029 ("mm: remove the vma linked list") and its like. */
struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} CORE;

struct rb_root {
	struct rb_node *rb_node;
} CORE;

struct vm_area_struct___tree {
	struct rb_node vm_rb;
} CORE;

struct mm_struct___tree {
	struct rb_root mm_rb;
} CORE;

/* 6.1 and later: d4af56c5c7c6 ("mm: start tracking VMAs with maple tree"). */
struct maple_tree {
	void *ma_root;
} CORE;

struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
} CORE;

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
} CORE;

struct mm_struct___maple {
	struct maple_tree mm_mt;
} CORE;

struct xol_area {
	unsigned long vaddr;
} CORE;

struct uprobes_state {
	struct xol_area *xol_area;
} CORE;

/* A call whose return a uprobe waits for. */
struct return_instance {
	unsigned long stack; /* the stack pointer at its entry */
	unsigned long orig_ret_vaddr;
	struct return_instance *next;
} CORE;

struct uprobe_task {
	struct return_instance *return_instances; /* the last call first */
} CORE;

struct mm_struct {
	atomic_t mm_users;
	unsigned long start_code;
	unsigned long start_brk, brk;
	unsigned long start_stack;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_end;
	unsigned long total_vm;
	struct file *exe_file;
	struct uprobes_state uprobes_state;
} CORE;

/* 6.2 and later: f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter"). */
struct mm_struct___percpu {
	struct percpu_counter rss_stat[4];
} CORE;

/* 6.1 and earlier: a shared count, and a cache in every task that is flushed after 64 faults. */
struct mm_rss_stat {
	atomic_long_t count[4];
} CORE;

struct mm_struct___cached {
	struct mm_rss_stat rss_stat;
} CORE;

struct task_rss_stat {
	int events;
	int count[4];
} CORE;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	struct task_struct *group_exec_task; /* 5.17 */
	unsigned int flags;
} CORE;

struct signal_struct___old {
	struct task_struct *group_exit_task;
} CORE;

struct sigaction___kernel {
	void *sa_handler; /* NULL: SIG_DFL; 1: SIG_IGN */
} CORE;

struct k_sigaction {
	struct sigaction___kernel sa;
} CORE;

struct sighand_struct {
	struct k_sigaction action[64];
} CORE;

struct sched_entity {
	__u64 sum_exec_runtime;
} CORE;

struct fs_struct {
	struct path___kernel root;
} CORE;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CORE;

struct files_struct {
	struct fdtable *fdt;
} CORE;

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	struct sched_entity se;
	unsigned int flags;
	unsigned int ptrace; /* 0: nobody traces it */
	int pid;
	int tgid;
	int exit_code;
	struct fs_struct *fs;
	struct files_struct *files;
	__u64 start_time;
	int pagefault_disabled;
	unsigned long min_flt, maj_flt; /* page faults that are done */
	char comm[16];
	struct thread_struct thread;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	unsigned int __state;
	void *stack;
	unsigned long sas_ss_sp; /* sigaltstack() */
	unsigned long sas_ss_size;
	struct uprobe_task *utask;
} CORE;

struct task_struct___cached {
	struct task_rss_stat rss_stat;
} CORE;

struct bpf_array {
	void *pptrs[1];
} CORE;

#define VM_UNMAPPED_AREA_TOPDOWN 1

/* What room is sought for a mapping. */
struct vm_unmapped_area_info {
	unsigned long flags;
	unsigned long length;
	unsigned long align_offset;
} CORE;

/* What the events of tracepoints have for perf. */
struct trace_event_raw_sched_process_exec {
	int old_pid;
} CORE;

struct bpf_iter_meta {
	__u64 session_id;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

#define PF_EXITING 0x00000004
#define SIGNAL_GROUP_EXIT 0x00000004
#define PF_MEMALLOC 0x00000800 /* reclaim in the task's own context */
#define PF_KTHREAD 0x00200000
#define SIGCONT 18
#define SIGSTOP 19

#endif
