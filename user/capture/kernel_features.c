/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel's BTF; see kernel_features.h. */
#include "kernel_features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

static bool has_struct(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0;
}

static bool has_attach_type(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++) {
		if (!strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off), name))
			return true;
	}
	return false;
}

int kernel_features_read(struct kernel_features *ret)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int error = libbpf_get_error(btf);

	if (error)
		return error == -ESRCH ? -ENOENT : error;
	/* f1a7941243c1 (6.2) removed struct mm_rss_stat together with the tasks' caches. */
	ret->has_percpu_counters = !has_struct(btf, "mm_rss_stat");
	ret->has_uprobe_multi = has_attach_type(btf, "BPF_TRACE_UPROBE_MULTI");
	btf__free(btf);
	return 0;
}
