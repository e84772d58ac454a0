/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that hold preemption off where the kernel would let them be preempted: bpf/preempt.h. */
#ifndef MEMPROBE_LOADER_PREEMPT_H
#define MEMPROBE_LOADER_PREEMPT_H

#include "kernel_features.h"

struct bpf_object;

/* Puts calls of the kernel's functions in the place of the marks, or nothing where there is no
 * need; between open and load. 0, -errno. */
int loader_preempt_put(const struct kernel_features *features, const struct bpf_object *object);

#endif
