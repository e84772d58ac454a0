/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel's BTF; see kernel_features.h. */
#include "kernel_features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>

static bool has_struct(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0;
}

int kernel_features_read(struct kernel_features *ret)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int error = libbpf_get_error(btf);

	if (error)
		return error == -ESRCH ? -ENOENT : error;
	/* f1a7941243c1 (6.2) removed struct mm_rss_stat together with the tasks' caches. */
	ret->has_percpu_counters = !has_struct(btf, "mm_rss_stat");
	btf__free(btf);
	return 0;
}
