/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel counts of events that come while their program runs on that CPU (__bpf_trace_run,
 * kernel/trace/bpf_trace.c); 0 before 5.12.
 *
 * Up to 6.19 tracepoints run with preemption off, so such an event comes of the program's own work,
 * or in an interrupt. Of memory there is none: nobody changes an RSS counter there. From 7.0 on a
 * program may be preempted, and another thread's event be lost (bpf/preempt.h). Pages are found by
 * the next one. What becomes of tasks is offered to two programs: it is lost when both were kept
 * from it, so what the second has taken does not count.
 *
 * Not asked are programs of which all such events are their own work: a page fault's reads memory
 * that may be absent. Nor are those of the second objects: the allocation of a page is hit where
 * the kernel makes room for rows of our tables (bpf_mem_refill, kernel/bpf/memalloc.c), and who
 * wakes in an interrupt gives nobody work. Of the faults and copies that other threads lose from
 * 7.0 on nothing is known so.
 */
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "memory.h"
#include "memprobe.skel.h"
#include <memprobe/wire_preempt.h>

static const char *const of_faults[] = {
	"fault_owned",	 "fault_cached",  "fault_oldest",	  "kfault_cached",
	"kfault_oldest", "fault_sampled", "fault_sampled_cached", "fault_sampled_oldest",
};

static bool is_of_faults(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_faults); i++) {
		if (!strcmp(program, of_faults[i]))
			return true;
	}
	return false;
}

/* Programs for what becomes of tasks, where there are two: the firsts and the second. */
#define MAX_FIRSTS 2
static const struct pair {
	const char *firsts[MAX_FIRSTS]; /* NULL: one less */
	const char *second;
	bool is_by_perf;
} pairs[NR_TURNS] = {
	[TURN_OWN] = { { "exec_traced", "left_traced" }, "own_again", true },
	[TURN_FORK] = { { "fork_percpu" }, "fork_again" },
	[TURN_EXIT] = { { "exit_traced" }, "exit_again", true },
};

static uint64_t count_missed(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpf_program__fd(program);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.recursion_misses;
}

static uint64_t count_named(const struct loader *loader, const char *name)
{
	return name ? count_missed(bpf_object__find_program_by_name(loader->skeleton->obj, name))
		    : 0;
}

static bool is_of_pair(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!strcmp(program, pairs[i].second))
			return true;
		for (size_t first = 0; first < MAX_FIRSTS && pairs[i].firsts[first]; first++) {
			if (!strcmp(program, pairs[i].firsts[first]))
				return true;
		}
	}
	return false;
}

/* The second takes after the first was kept back, so it is asked after: what comes meanwhile is
 * told at the next reading. */
static uint64_t count_pair(const struct loader *loader, enum turn turn)
{
	uint64_t missed = 0, taken;

	if (pairs[turn].is_by_perf && loader->lacks_perf)
		return count_named(loader, pairs[turn].second);
	for (size_t first = 0; first < MAX_FIRSTS; first++)
		missed += count_named(loader, pairs[turn].firsts[first]);
	taken = __atomic_load_n(&loader->skeleton->bss->second_turns[turn], __ATOMIC_ACQUIRE);
	return missed > taken ? missed - taken : 0;
}

struct loader_missed loader_count_missed(const struct loader *loader)
{
	bool has_pairs = loader->features.has_preemptible_tracepoints;
	struct loader_missed ret = { 0 };
	struct bpf_program *program;

	for (int turn = 0; has_pairs && turn < NR_TURNS; turn++)
		ret.of_tasks += count_pair(loader, turn);
	ret.events = ret.of_tasks;
	bpf_object__for_each_program(program, loader->skeleton->obj)
	{
		const char *name = bpf_program__name(program);

		if (!is_of_faults(name) && !(has_pairs && is_of_pair(name)))
			ret.events += count_missed(program);
	}
	if (!has_pairs)
		ret.of_tasks = ret.events;
	return ret;
}
