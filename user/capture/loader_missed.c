/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel counts of events that come while their program runs on that CPU (__bpf_trace_run,
 * kernel/trace/bpf_trace.c); 0 before 5.12.
 *
 * Tracepoints run with preemption off, so such an event comes of the program's own work, or in an
 * interrupt. Of memory there is none: nobody changes an RSS counter there. Should a kernel let
 * them be preempted, another thread's event would be lost, and its pages be found by the next one.
 *
 * Not asked are programs of which all such events are their own work: a page fault's reads memory
 * that may be absent. Nor are those of the second objects: the allocation of a page is hit where
 * the kernel makes room for rows of our tables (bpf_mem_refill, kernel/bpf/memalloc.c), and who
 * wakes in an interrupt gives nobody work.
 */
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "memory.h"
#include "memprobe.skel.h"

static const char *const of_faults[] = {
	"fault_owned", "fault_cached", "fault_oldest", "kfault_cached", "kfault_oldest",
};

static bool is_of_faults(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_faults); i++) {
		if (!strcmp(program, of_faults[i]))
			return true;
	}
	return false;
}

static uint64_t count_missed(int program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &size) ? 0 : info.recursion_misses;
}

uint64_t loader_count_missed(const struct loader *loader)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, loader->skeleton->obj)
	{
		int fd = bpf_program__fd(program);

		if (fd >= 0 && !is_of_faults(bpf_program__name(program)))
			sum += count_missed(fd);
	}
	return sum;
}
