/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel's BTF; see kernel_features.h. */
#include "kernel_features.h"

#include <string.h>

#include "memory.h"

/* What guard(srcu_fast_notrace) declares, which BTF has where it is in use: that is in every
 * tracepoint, once SRCU protects those (include/linux/tracepoint.h). Kernels before have at most
 * the macro. */
#define SRCU_GUARD "class_srcu_fast_notrace_t"

void kernel_features_want(struct kernel_btf *btf)
{
	static const char *const names[] = {
		"mm_rss_stat", "bpf_mem_alloc",	      "bpf_func_id",	    "bpf_attach_type",
		SRCU_GUARD,    "bpf_preempt_disable", "bpf_preempt_enable",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		kernel_btf_want(btf, names[i], strlen(names[i]));
}

/* Programs that hold preemption off may call global functions since 6.15 (check_func_call,
 * kernel/bpf/verifier.c), so it is done only where it has to. */
static void find_preemption(const struct kernel_btf *btf, struct kernel_features *features)
{
	if (!kernel_btf_find(btf, SRCU_GUARD, BTF_KIND_TYPEDEF))
		return;
	features->has_preemptible_tracepoints = true;
	features->preempt_disable = kernel_btf_find(btf, "bpf_preempt_disable", BTF_KIND_FUNC);
	features->preempt_enable = kernel_btf_find(btf, "bpf_preempt_enable", BTF_KIND_FUNC);
}

struct kernel_features kernel_features_of(const struct kernel_btf *btf)
{
	struct kernel_features features = {
		/* f1a7941243c1 (6.2) removed struct mm_rss_stat together with the tasks' caches. */
		.has_percpu_counters = !kernel_btf_find(btf, "mm_rss_stat", BTF_KIND_STRUCT),
		/* 7c8199e24fa0 and fba1a1c6c912 (6.1): elements of hashes can come from an
		 * allocator that programs may ask wherever they run. */
		.has_mem_alloc = kernel_btf_find(btf, "bpf_mem_alloc", BTF_KIND_STRUCT),
		.has_find_vma = kernel_btf_has_enumerator(btf, "bpf_func_id", "BPF_FUNC_find_vma"),
		.has_loop = kernel_btf_has_enumerator(btf, "bpf_func_id", "BPF_FUNC_loop"),
		.has_uprobe_multi = kernel_btf_has_enumerator(btf, "bpf_attach_type",
							      "BPF_TRACE_UPROBE_MULTI"),
		.has_uprobe_session = kernel_btf_has_enumerator(btf, "bpf_attach_type",
								"BPF_TRACE_UPROBE_SESSION"),
	};

	find_preemption(btf, &features);
	return features;
}

int kernel_features_read(struct kernel_features *ret)
{
	struct kernel_btf btf;
	int error = kernel_btf_open(&btf);

	if (error)
		return error;
	kernel_features_want(&btf);
	error = kernel_btf_scan(&btf);
	if (!error)
		*ret = kernel_features_of(&btf);
	kernel_btf_close(&btf);
	return error;
}
