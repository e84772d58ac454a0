/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What differs between kernels, asked of the running kernel's BTF, never of its version.
 * Every answer is a constant after CO-RE relocation, so the verifier drops the other branch.
 */
#ifndef MEMPROBE_COMPAT_H
#define MEMPROBE_COMPAT_H

#include "kernel.h"

/* Of which kind of kernel a program is. */
enum kernel {
	KERNEL_PERCPU, /* RSS counters per CPU: 6.2 and later */
	KERNEL_CACHED, /* RSS changes are cached in tasks: to 6.1 */
	KERNEL_OLDEST, /* and there is no bpf_loop: to 5.16 */
};

/* 6.1 and earlier cache RSS changes in the task (SPLIT_RSS_COUNTING, removed by f1a7941243c1). */
static __always_inline bool has_task_caches(void)
{
	return bpf_core_field_exists(struct task_struct___cached, rss_stat);
}

/* clang from 20 on fetches the old value for the full barrier that __sync_* ask for, also when
 * nobody wants it; kernels before 5.12 lack that instruction ("BPF_STX uses reserved fields").
 * Relaxed, all compilers make the plain atomic addition of it, which is a full barrier on x86
 * anyway; for others see mark_changed. */
#define __sync_fetch_and_add(address, value) \
	((void)__atomic_fetch_add(address, value, __ATOMIC_RELAXED))

/* The current task as a pointer whose fields load without a helper call (5.11); on 5.10 a plain
 * address, which needs bpf_probe_read_kernel: 28 ns a field. */
#define HAS_TASK_BTF bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

/* A field of the current task, or what lies behind it, by a helper call. For what is rare: of a
 * pointer that CURRENT() loads the verifier looks up the type by name, which takes 1 ms of each
 * start. */
#define READ_CURRENT(...) BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), __VA_ARGS__)

#define CURRENT(field)                                               \
	({                                                           \
		__typeof__(((struct task_struct *)0)->field) _value; \
		if (HAS_TASK_BTF)                                    \
			_value = bpf_get_current_task_btf()->field;  \
		else                                                 \
			_value = READ_CURRENT(field);                \
		_value;                                              \
	})

/* The host that the tests run on has no addresses of a kernel. */
#ifndef IS_USER_ADDRESS
#define IS_USER_ADDRESS(address) ((__s64)(address) > 0)
#endif

/* Is the current task in code that must not fault, as a BPF program that reads user memory is?
 * On 5.10 the reading itself is such code and finds its own mark. */
static __always_inline bool is_faulting_disabled(void)
{
	return CURRENT(pagefault_disabled) > (HAS_TASK_BTF ? 0 : 1);
}

/* A loop whose flags the verifier knows to be none is written in line, which moves all the program
 * that is behind it: 0.2 ms of each start. So the flags of those that are rare it does not know. */
static volatile __u64 no_loop_flags;
#define RARE_LOOP(count, callback, data) bpf_loop(count, callback, data, no_loop_flags)

#endif
