/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel's BTF; see kernel_features.h. */
#include "kernel_features.h"

#include <string.h>

#include "memory.h"

void kernel_features_want(struct kernel_btf *btf)
{
	static const char *const names[] = { "mm_rss_stat", "bpf_mem_alloc", "bpf_func_id",
					     "bpf_attach_type" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		kernel_btf_want(btf, names[i], strlen(names[i]));
}

struct kernel_features kernel_features_of(const struct kernel_btf *btf)
{
	return (struct kernel_features){
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
