/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays that have a value of their own on each CPU. */
#ifndef MEMPROBE_PERCPU_MAP_H
#define MEMPROBE_PERCPU_MAP_H

#include <stddef.h>

/* The values of its only entry, owned by the caller; *ret_count is 0 when it cannot be read. */
void *percpu_map_read(int map, size_t value_bytes, int *ret_count);

#endif
