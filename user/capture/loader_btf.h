/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libbpf asks the kernel's BTF while it loads our object, answered from kernel_btf: the types
 * that programs read, and which type tells what a program is attached to.
 */
#ifndef MEMPROBE_LOADER_BTF_H
#define MEMPROBE_LOADER_BTF_H

#include <bpf/libbpf.h>

#include "kernel_btf.h"

struct loader_btf {
	struct kernel_btf kernel;
	int fd; /* of the part that libbpf reads */
	char path[32];
};

/* Before the object is opened, with `path` as its btf_custom_path. `ret` stays where it is until
 * loader_btf_end. */
int loader_btf_begin(struct loader_btf *ret);
/* Finds what the object needs, and writes it; before it is loaded. */
int loader_btf_scan(struct loader_btf *btf, const struct bpf_object *object);
int loader_btf_write(struct loader_btf *btf);
/* After it was loaded, or was not. */
void loader_btf_end(struct loader_btf *btf);

#endif
