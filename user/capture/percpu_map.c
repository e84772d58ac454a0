/* SPDX-License-Identifier: BSD-2-Clause */
/* See percpu_map.h. */
#include "percpu_map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>

#include "memory.h"

void *percpu_map_read(int map, size_t value_bytes, int *ret_count)
{
	int cpus = libbpf_num_possible_cpus();
	void *values = xcalloc(cpus > 0 ? cpus : 1, value_bytes);
	uint32_t zero = 0;

	*ret_count = cpus > 0 && !bpf_map_lookup_elem(map, &zero, values) ? cpus : 0;
	return values;
}
