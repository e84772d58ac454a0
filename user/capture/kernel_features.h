/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the running kernel offers, found by asking its BTF, never by version.
 */
#ifndef MEMPROBE_KERNEL_FEATURES_H
#define MEMPROBE_KERNEL_FEATURES_H

#include <stdbool.h>

#include "kernel_btf.h"

/* What has_uprobe_multi speaks of: BPF_TRACE_UPROBE_MULTI of 6.6, which bookworm's header lacks. */
#define ATTACH_UPROBE_MULTI 48
#define ATTACH_UPROBE_SESSION 57 /* BPF_TRACE_UPROBE_SESSION of 6.13 */

struct kernel_features {
	bool has_preemptible_tracepoints; /* 7.0: their programs can be preempted */
	bool has_uprobe_multi;		  /* 6.6: many uprobes in one link */
	bool has_uprobe_session;	  /* 6.13: one program for entry and return */
	bool has_mem_alloc;	  /* 6.1: hashes may allocate their elements in any program */
	bool has_find_vma;	  /* 5.17: a BPF program may ask for the mapping at an address */
	bool has_loop;		  /* 5.17: bpf_loop(), whose body is verified once */
	bool has_percpu_counters; /* 6.2: mm_struct.rss_stat is an array of percpu_counter */
	/* BTF ids of the kfuncs bpf_preempt_disable() and bpf_preempt_enable() (6.10), where
	 * tracepoints can be preempted; 0: none. */
	uint32_t preempt_disable, preempt_enable;
};

/* Names what is asked for, before the scan, and asks, after it. */
void kernel_features_want(struct kernel_btf *btf);
struct kernel_features kernel_features_of(const struct kernel_btf *btf);

/* Both, of a kernel that is asked for nothing else. 0; -ENOENT when the kernel has no BTF; other
 * -errno when it cannot be read. */
int kernel_features_read(struct kernel_features *ret);

#endif
