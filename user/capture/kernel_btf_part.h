/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernel_btf.c and kernel_btf_part.c tell each other of a BTF's types. */
#ifndef MEMPROBE_KERNEL_BTF_PART_H
#define MEMPROBE_KERNEL_BTF_PART_H

#include "kernel_btf.h"

/* Of a type and what follows it; 0: of no known kind, or it ends behind the section. */
size_t kernel_btf_type_size(const struct kernel_btf *btf, const uint8_t *at);
/* NULL: there is none. */
const struct btf_type *kernel_btf_type(const struct kernel_btf *btf, uint32_t id);
/* "" for an offset behind the section. */
const char *kernel_btf_name(const struct kernel_btf *btf, uint32_t offset);

#endif
