/* SPDX-License-Identifier: BSD-2-Clause */
/* The helpers that ask who is running, where and when; loops. See host.h. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/bpf_helpers.h"
#include <memprobe/wire_preempt.h>

#define MAX_TURNS (1U << 23) /* BPF_MAX_LOOPS, kernel/bpf/verifier.c */

struct host host;

void host_reset(void)
{
	host_map_reset();
	host_memory_reset();
	host = (struct host){ .now_ns = 1, .has_task_btf = true };
}

void host_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not allowed: %s\n", file, line, what);
	abort();
}

void host_hold_mark(__u32 mark)
{
	HOST_CHECK(host.is_held == (mark == PREEMPT_MARK_END));
	host.is_held = !host.is_held;
}

void host_configure(const volatile void *variable, const void *value, size_t size)
{
	uintptr_t first = (uintptr_t)variable & ~(uintptr_t)(HOST_PAGE - 1);
	size_t bytes = (uintptr_t)variable + size - first;

	HOST_CHECK(!mprotect((void *)first, bytes, PROT_READ | PROT_WRITE));
	memcpy((void *)(uintptr_t)variable, value, size);
}

long bpf_probe_read_user(void *to, __u32 size, const void *address)
{
	host.user_reads++;
	if (host.fail_user_read && !--host.fail_user_read) {
		memset(to, 0, size);
		return -EFAULT;
	}
	return host_user_read(to, size, (uintptr_t)address);
}

long bpf_probe_read_user_str(void *to, __u32 size, const void *address)
{
	char *text = to;

	for (__u32 i = 0; i < size; i++) {
		long error = bpf_probe_read_user(text + i, 1, (const char *)address + i);

		if (error)
			return error;
		if (!text[i])
			return i + 1;
	}
	text[size - 1] = '\0';
	return size;
}

void host_meanwhile(void (**hook)(void))
{
	void (*act)(void) = *hook;
	bool is_held = host.is_held;

	if (!act)
		return;
	*hook = NULL;
	host.is_held = false; /* it is on another CPU */
	act();
	host.is_held = is_held;
	*hook = act;
}

long bpf_probe_read_kernel(void *to, __u32 size, const void *address)
{
	host_meanwhile(&host.on_kernel_read);
	return host_kernel_read(to, size, (uintptr_t)address);
}

long bpf_loop(__u32 turns, long (*turn)(__u32 index, void *context), void *context, __u64 flags)
{
	if (turns > MAX_TURNS)
		return -E2BIG;
	for (__u32 i = 0; i < turns; i++) {
		long answer = turn(i, context);

		HOST_CHECK(answer == 0 || answer == 1); /* the verifier refuses others */
		if (answer)
			return i + 1;
	}
	return turns;
}

long bpf_find_vma(struct task_struct *task, __u64 address,
		  long (*look)(struct task_struct *task, struct vm_area_struct *mapping,
			       void *context),
		  void *context, __u64 flags)
{
	struct vm_area_struct *mapping;

	HOST_CHECK(task == host.current && !flags);
	host.lookups++;
	if (host.is_mm_locked)
		return -EBUSY;
	mapping = host.find_mapping ? host.find_mapping(task->mm, address) : NULL;
	if (!mapping)
		return -ENOENT;
	HOST_CHECK(look(task, mapping, context) == 0);
	return 0;
}

long bpf_task_pt_regs(struct task_struct *task)
{
	HOST_CHECK(task == host.current);
	return (long)(uintptr_t)&host.registers;
}

__u64 bpf_get_current_task(void)
{
	return (uintptr_t)host.current;
}

struct task_struct *bpf_get_current_task_btf(void)
{
	HOST_CHECK(host.has_task_btf);
	return host.current;
}

__u64 bpf_get_current_uid_gid(void)
{
	return HOST_GID << 32 | HOST_UID;
}

__u64 bpf_get_current_pid_tgid(void)
{
	return (__u64)host.current->tgid << 32 | (__u32)host.current->pid;
}

long bpf_get_current_comm(void *to, __u32 size)
{
	HOST_CHECK(size == sizeof(host.current->comm));
	memcpy(to, host.current->comm, size);
	return 0;
}

__u32 bpf_get_smp_processor_id(void)
{
	return host.cpu;
}

__u64 bpf_get_func_ip(void *context)
{
	(void)context;
	return HOST_FUNCTION;
}

__u64 bpf_get_attach_cookie(void *context)
{
	return host.cookie;
}

long bpf_send_signal(__u32 number)
{
	host.sent_signal = number;
	return 0;
}

__u64 bpf_ktime_get_ns(void)
{
	return host.now_ns++;
}
