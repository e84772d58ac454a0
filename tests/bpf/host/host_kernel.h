/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of the host's kernel: those of bpf/kernel.h, but for the flavours. In a real kernel
 * CO-RE moves the fields of `struct mm_struct___percpu` to where mm_struct has them; here they are
 * declared once more, behind the fields of the type itself, so that one object serves both casts.
 */
#ifndef MEMPROBE_HOST_KERNEL_H
#define MEMPROBE_HOST_KERNEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Known to a BPF target only; the flavours alias, so that is what it becomes. */
#define preserve_access_index __may_alias__

#undef sa_handler /* glibc's is within a union */
#define mm_struct___percpu declared_mm_struct___percpu
#define mm_struct___cached declared_mm_struct___cached
#define task_struct___cached declared_task_struct___cached
#define mm_struct___tree declared_mm_struct___tree
#define mm_struct___maple declared_mm_struct___maple
#define vm_area_struct___tree declared_vm_area_struct___tree
#include "../../../bpf/kernel.h"
#undef mm_struct___percpu
#undef mm_struct___cached
#undef task_struct___cached
#undef mm_struct___tree
#undef mm_struct___maple
#undef vm_area_struct___tree

struct mm_struct___percpu {
	struct mm_struct common;
	struct percpu_counter rss_stat[4];
} CORE;

struct mm_struct___cached {
	struct mm_struct common;
	struct mm_rss_stat rss_stat;
} CORE;

struct mm_struct___tree {
	union {
		struct mm_struct___percpu percpu;
		struct mm_struct___cached cached;
	};
	struct rb_root mm_rb;
} CORE;

struct mm_struct___maple {
	struct mm_struct___tree common;
	struct maple_tree mm_mt;
} CORE;

struct vm_area_struct___tree {
	struct vm_area_struct common;
	struct rb_node vm_rb;
} CORE;

struct task_struct___cached {
	struct task_struct common;
	struct task_rss_stat rss_stat;
} CORE;

#endif
