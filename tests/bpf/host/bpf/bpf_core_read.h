/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libbpf's: the host's kernel has the local types, so nothing is relocated. */
#ifndef MEMPROBE_HOST_BPF_CORE_READ_H
#define MEMPROBE_HOST_BPF_CORE_READ_H

#include "bpf_helpers.h"

/* One step along a chain of pointers; what cannot be read is 0, as in the kernel. */
#define HOST_STEP(from, field)                                                       \
	({                                                                           \
		__typeof__((from)->field) _step;                                     \
		bpf_probe_read_kernel(&_step, sizeof(_step),                         \
				      (const char *)(from) +                         \
					      offsetof(__typeof__(*(from)), field)); \
		_step;                                                               \
	})

#define HOST_READ_1(from, a) HOST_STEP(from, a)
#define HOST_READ_2(from, a, b)                                \
	({                                                     \
		__typeof__((from)->a) _1 = HOST_STEP(from, a); \
		HOST_STEP(_1, b);                              \
	})
#define HOST_READ_3(from, a, b, c)                             \
	({                                                     \
		__typeof__((from)->a) _2 = HOST_STEP(from, a); \
		HOST_READ_2(_2, b, c);                         \
	})
#define HOST_READ_4(from, a, b, c, d)                          \
	({                                                     \
		__typeof__((from)->a) _3 = HOST_STEP(from, a); \
		HOST_READ_3(_3, b, c, d);                      \
	})
#define HOST_CHOOSE(_1, _2, _3, _4, name, ...) name

#define BPF_CORE_READ(from, ...)                                                       \
	HOST_CHOOSE(__VA_ARGS__, HOST_READ_4, HOST_READ_3, HOST_READ_2, HOST_READ_1, ) \
	(from, __VA_ARGS__)

#define bpf_core_field_offset(type, field) offsetof(type, field)
#define bpf_core_field_exists(type, field) (sizeof(((type *)0)->field) != 0)

#define bpf_core_type_size(type) sizeof(type)

/* Asked for are those of bpf_get_current_task_btf and bpf_task_pt_regs: 5.10 lacks both. */
#define bpf_core_enum_value_exists(type, value)                                            \
	(((value) == BPF_FUNC_get_current_task_btf || (value) == BPF_FUNC_task_pt_regs) && \
	 host.has_task_btf)

#endif
