/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libbpf's: the helpers that bpf/ calls, on the host. See host.h. */
#ifndef MEMPROBE_HOST_BPF_HELPERS_H
#define MEMPROBE_HOST_BPF_HELPERS_H

#include <errno.h>

#include "../host.h"

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

/* Assembler speaks to the verifier only; its masks and barriers change no value. */
#define asm    \
	if (0) \
	__asm__

/* Marks that the loader replaces by kfuncs (bpf/preempt.h). */
#define MEMPROBE_HOLD_MARK(mark) host_hold_mark(mark)

#define HOST_SAME_SIZE(pointer, declared) \
	_Static_assert(sizeof(*(pointer)) == sizeof(*(declared)), "size of a key or value")

#define bpf_map_lookup_elem(map, key_)                    \
	({                                                \
		HOST_SAME_SIZE(key_, (map)->key);         \
		host_map_lookup(HOST_TABLE(map), (key_)); \
	})

#define bpf_map_lookup_percpu_elem(map, key_, cpu)                      \
	({                                                              \
		HOST_SAME_SIZE(key_, (map)->key);                       \
		host_map_lookup_percpu(HOST_TABLE(map), (key_), (cpu)); \
	})

#define bpf_map_update_elem(map, key_, value_, flags)                      \
	({                                                                 \
		HOST_SAME_SIZE(key_, (map)->key);                          \
		HOST_SAME_SIZE(value_, (map)->value);                      \
		host_map_update(HOST_TABLE(map), (key_), (value_), flags); \
	})

#define bpf_map_delete_elem(map, key_)                    \
	({                                                \
		HOST_SAME_SIZE(key_, (map)->key);         \
		host_map_delete(HOST_TABLE(map), (key_)); \
	})

#define bpf_map_push_elem(map, value_, flags) host_map_push(HOST_QUEUE(map), (value_))
#define bpf_map_pop_elem(map, value_)                    \
	({                                               \
		HOST_SAME_SIZE(value_, (map)->value);    \
		host_map_pop(HOST_QUEUE(map), (value_)); \
	})

#define bpf_task_storage_get(map, task, value_, flags) \
	host_task_storage_get(HOST_TABLE(map), (task), (flags))

#define bpf_ringbuf_output(map, data, size, flags) \
	host_ring_output(HOST_RING(map), (data), (size), (flags))
#define bpf_ringbuf_query(map, what) host_ring_query(HOST_RING(map), (what))

long bpf_probe_read_user(void *to, __u32 size, const void *address);
long bpf_probe_read_user_str(void *to, __u32 size, const void *address);
long bpf_probe_read_kernel(void *to, __u32 size, const void *address);
long bpf_find_vma(struct task_struct *task, __u64 address,
		  long (*look)(struct task_struct *task, struct vm_area_struct *mapping,
			       void *context),
		  void *context, __u64 flags);
long bpf_task_pt_regs(struct task_struct *task);
long bpf_loop(__u32 turns, long (*turn)(__u32 index, void *context), void *context, __u64 flags);
__u64 bpf_get_current_task(void);
struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_pid_tgid(void);
__u64 bpf_get_current_uid_gid(void);
long bpf_get_current_comm(void *to, __u32 size);
__u32 bpf_get_smp_processor_id(void);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_get_attach_cookie(void *context);
long bpf_send_signal(__u32 number);
__u64 bpf_get_func_ip(void *context);

#endif
